package redislimit

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
)

// take looks at all rules and debits all or none. The arguments are the units, then limit, window and step of each
// rule; the answer is left, wait and reset of each. Times are microseconds, which a double holds until the year 2255.
//
// A rule with a step keeps one time, from which on all units are free. One without keeps the time of each unit, in 16
// digits, the oldest first. A time that lies further ahead than it could was written by a server whose clock was
// ahead: it is taken back to where it could be, so that nobody waits for longer than a window. A later time in the log
// than now counts as now.
var take = script(`
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local asked = tonumber(ARGV[1])
local units = math.max(asked, 1)
local rules, allowed = {}, true
for i, key in ipairs(KEYS) do
	local limit, window, step = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
	local stored = redis.call('GET', key)
	local r = {key = key, limit = limit, window = window, step = step, wait = 0, reset = 0}
	if step > 0 then
		r.idle = math.min(math.max(tonumber(stored or 0), now), now + limit * step)
		r.reset = r.idle - now
		local free = limit * step - r.reset
		r.left = math.floor(free / step)
		if units > r.left then r.wait = units * step - free end
	else
		r.times = {}
		for at = 1, #(stored or ''), 16 do
			local t = math.min(tonumber(string.sub(stored, at, at + 15)), now)
			if t > now - window then r.times[#r.times + 1] = t end
		end
		r.left = limit - #r.times
		if #r.times > 0 then r.reset = r.times[#r.times] + window - now end
		if units > r.left then r.wait = r.times[units - r.left] + window - now end
	end
	if r.wait > 0 then allowed = false end
	r.stored = stored
	rules[i] = r
end
local answer = {}
for i, r in ipairs(rules) do
	if allowed and asked > 0 then
		r.left = r.left - asked
		if r.step > 0 then
			r.idle = r.idle + asked * r.step
			r.reset = r.idle - now
		else
			for _ = 1, asked do r.times[#r.times + 1] = now end
			r.reset = r.window
		end
	end
	if r.reset > 0 then
		local value
		if r.step > 0 then
			value = string.format('%.0f', r.idle)
		else
			local list = {}
			for j, t in ipairs(r.times) do list[j] = string.format('%016.0f', t) end
			value = table.concat(list)
		end
		if value ~= r.stored then
			redis.call('SET', r.key, value, 'PX', string.format('%.0f', math.ceil(r.reset / 1000) + 1))
		end
	end
	answer[3 * i - 2], answer[3 * i - 1], answer[3 * i] = r.left, r.wait, r.reset
end
return answer
`)

// source is a script and the digest that Redis knows it by.
type source struct{ text, sha string }

func script(text string) source { return source{text, redis.NewScript(text).Hash()} }

// run runs take.
func (l *Limiter) run(ctx context.Context, keys []string, args []any) ([]int64, error) {
	v, err := l.send(ctx, "evalsha", take.sha, keys, args)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		v, err = l.send(ctx, "eval", take.text, keys, args) // the server has not seen it yet, and has done nothing
	}
	return v, err
}

func (l *Limiter) send(ctx context.Context, name, script string, keys []string, args []any) ([]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	all := []any{name, script, len(keys)}
	for _, key := range keys {
		all = append(all, key)
	}
	cmd := once{redis.NewCmd(ctx, append(all, args...)...)}
	cmd.SetFirstKeyPos(3)
	_ = l.client.Process(ctx, cmd) // the command has the error, too
	v, err := cmd.Int64Slice()
	if err != nil {
		l.lost(err)
		return nil, unavailable(err)
	}
	return v, nil
}

// once is a command that the client does not send again when a connection breaks: it may have been counted.
type once struct{ *redis.Cmd }

// NoRetry is what go-redis asks before it sends a command again.
func (once) NoRetry() bool { return true }

// lost makes a cluster's client ask anew who serves what when a node does not answer: one that has died says
// nothing, and by itself the client asks once a minute.
func (l *Limiter) lost(err error) {
	var answer redis.Error
	if c, ok := l.client.(*redis.ClusterClient); ok && !errors.As(err, &answer) {
		c.ReloadState(context.Background()) // in the background, once at a time
	}
}

func unavailable(err error) error {
	return fmt.Errorf("redislimit: %w: %w", nguard.ErrUnavailable, err)
}

// checkClient refuses a client whose calls do not return at their deadlines. A Ring is no fault here: when a server is
// down, limits begin anew on others.
func checkClient(client redis.UniversalClient) error {
	heeds, known := false, false
	switch c := client.(type) {
	case *redis.Client:
		known = c != nil
		heeds = known && c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		known = c != nil
		heeds = known && c.Options().ContextTimeoutEnabled
	case *redis.Ring:
		known = c != nil
		heeds = known && c.Options().ContextTimeoutEnabled
	}
	switch {
	case !known:
		return fmt.Errorf("redislimit: the client must be a *redis.Client, *redis.ClusterClient or *redis.Ring, not %T", client)
	case !heeds:
		return errors.New("redislimit: set ContextTimeoutEnabled in the client's options: without it a call does not return at its deadline")
	}
	return nil
}
