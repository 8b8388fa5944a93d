package redisstore

import "github.com/redis/go-redis/v9"

// The scripts have one key, a user's hash, and answer with a list of texts, the first of which says how it went:
// "ok", and what else there is to say, or the reason of a refusal. Each compares first and writes then, and what it
// calls before its first write is what could fail, so that a script which ends with an error has had no effect:
// Redis itself refuses for want of memory, of a disk, of replicas, or of the right to write, before a script begins.
// The last argument is not theirs; see [sent]. The first two are the channel and the owner whom a change is told of:
// when all is written, and whether that can be told or not.
//
// A full server takes no logins. Ending sessions, and what replaces values of about the same size, it is asked to
// do all the same (allow-oom).

// prelude has the places of the field s<id>, by Lua's count from 1, and what makes the hash live long enough. The
// time to live only ever grows: what another session of the user needs is never taken back.
const prelude = `
local key, channel, owner = KEYS[1], ARGV[1], ARGV[2]
local version, last, seen, expires, created, revoke = 1, 21, 41, 61, 81, 101
local function part(s, from) return string.sub(s, from, from + 19) end
local function cur(s) return string.sub(s, 122, 121 + string.byte(s, 121)) end
local function tell() redis.pcall('PUBLISH', channel, owner) end
local function live(ms)
	local k = redis.call('HGET', key, 'k')
	if not k or tonumber(k) < tonumber(ms) then
		redis.call('HSET', key, 'k', ms)
		redis.call('PEXPIREAT', key, ms)
	end
end
`

var (
	// insert refuses before it removes anybody. Dead sessions leave when there is a cap, which is when they are
	// looked for.
	insert = script(head, `
local id, new, change, revoked, stamp, max, evict, replace, stands, now, bumped, until_ = unpack(ARGV, 3)
local r = redis.call('HGET', key, 'r')
if r and r ~= revoked then return {'conflict'} end
if redis.call('HEXISTS', key, 's' .. id) == 1 then return {'conflict'} end
if stands ~= '' then
	local old = redis.call('HGET', key, 's' .. replace)
	if not old then return {'gone'} end
	if part(old, version) ~= stands then return {'conflict'} end
end
local leave, answer = {}, {'ok'}
if tonumber(max) > 0 then
	local rows = {}
	for _, name in ipairs(redis.call('HKEYS', key)) do
		if #name > 1 and name ~= 's' .. replace then
			local row = redis.call('HGET', key, name)
			local other = string.sub(name, 2)
			if part(row, expires) <= now or part(row, revoke) ~= stamp then
				leave[#leave + 1] = other
			else
				rows[#rows + 1] = {part(row, created), other}
			end
		end
	end
	local over = #rows + 1 - tonumber(max)
	if over > 0 then
		if evict == '' then return {'many'} end
		table.sort(rows, function(a, b)
			if a[1] ~= b[1] then return a[1] < b[1] end
			return a[2] < b[2]
		end)
		for i = 1, over do
			leave[#leave + 1] = rows[i][2]
			answer[#answer + 1] = rows[i][2]
		end
	end
end
if replace ~= '' then leave[#leave + 1] = replace end
for _, other in ipairs(leave) do redis.call('HDEL', key, 's' .. other) end
if not r then redis.call('HSET', key, 'c', change, 'r', revoked, 'e', change .. ' ' .. revoked .. ' 0 ' .. bumped) end
redis.call('HSET', key, 's' .. id, new)
live(until_)
if #leave > 0 then tell() end
return answer
`)

	// swap keeps marks made since the row was loaded: the later last seen with its end, and seen at while the
	// token is the same.
	swap = script(headFull, `
local id, new, was, zero, until_ = unpack(ARGV, 3)
local old = redis.call('HGET', key, 's' .. id)
if not old then return {'gone'} end
if part(old, version) ~= was then return {'conflict'} end
local clock, stop, mark = part(new, last), part(new, expires), part(new, seen)
if part(old, last) > clock then clock, stop = part(old, last), part(old, expires) end
if cur(old) == cur(new) and part(old, seen) ~= zero then mark = part(old, seen) end
redis.call('HSET', key, 's' .. id, part(new, version) .. clock .. mark .. stop .. string.sub(new, created))
live(until_)
tell()
return {'ok'}
`)

	mark = script(headFull, `
local id, clock, mark, stop, token, zero, until_ = unpack(ARGV, 3)
local old = redis.call('HGET', key, 's' .. id)
if not old then return {'gone'} end
if part(old, last) >= clock then clock, stop = part(old, last), part(old, expires) end
if part(old, seen) ~= zero or cur(old) ~= token then mark = part(old, seen) end
redis.call('HSET', key, 's' .. id, part(old, version) .. clock .. mark .. stop .. string.sub(old, created))
live(until_)
return {'ok'}
`)

	remove = script(headFull, `
if redis.call('HDEL', key, 's' .. ARGV[3]) == 0 then return {'gone'} end
tell()
return {'ok'}
`)

	// bump closes what was left open before it counts. It asks for the numbers as text: what HINCRBY returns has
	// become a double here.
	bump = script(headFull, `
local change, revoked, moves, ends, opens, now, stale, until_ = unpack(ARGV, 3)
local e = redis.call('HGET', key, 'e') or (change .. ' ' .. revoked .. ' 0 ' .. now)
local count, bumped = string.match(e, '^%S+ %S+ (%d+) (%d+)$')
redis.call('HSETNX', key, 'c', change)
redis.call('HSETNX', key, 'r', revoked)
if tonumber(count) > 0 and bumped <= stale then
	redis.call('HINCRBY', key, 'c', 1)
	count = '0'
end
if moves ~= '0' then redis.call('HINCRBY', key, 'c', moves) end
if ends ~= '0' then redis.call('HINCRBY', key, 'r', ends) end
if bumped < now then bumped = now end
local marks = redis.call('HMGET', key, 'c', 'r')
count = string.format('%.0f', math.max(0, tonumber(count) + tonumber(opens)))
e = marks[1] .. ' ' .. marks[2] .. ' ' .. count .. ' ' .. bumped
redis.call('HSET', key, 'e', e)
live(until_)
tell()
return {'ok', e}
`)
)

// source is a script and the digest that Redis knows it by.
type source struct{ text, sha string }

const (
	head     = "#!lua\n"
	headFull = "#!lua flags=allow-oom\n"
)

func script(head, text string) source {
	text = head + prelude + text
	return source{text, redis.NewScript(text).Hash()}
}
