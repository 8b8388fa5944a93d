// Package ratelimit has the limiters of nguard: how often somebody may try to log in, change a session,
// or read one.
//
//	guard, err := nguard.New(nguard.Config{
//		Store:  store,
//		Limits: ratelimit.Defaults(),
//	})
//
// [Defaults] is a login limit per account and per network, an update limit per user and a read limit per
// network; [LoginRules], [UpdateRules] and [ReadRules] say which. Own limits are [New] with rules:
//
//	login, err := ratelimit.New(
//		ratelimit.PerAccountIP("login-account", 5, time.Minute),
//		ratelimit.PerIP("login-net", 30, time.Minute),
//	)
//
// A limiter holds several rules, each keyed by another part of the [nguard.Caller]. A call is counted by
// all of them or by none, and a refused call costs nothing, so that waiting for as long as RetryAfter
// says always helps. A missing part, such as an address, is an error and never a bucket that strangers
// share.
//
// # What is guaranteed
//
// Limits up to [ExactLimit] keep the time of every unit: at most Limit units in any window, wherever it
// begins. Larger ones are GCRA cells: Limit units at once, then one every Window/Limit, so that a window
// which begins with a full burst can hold twice the limit, spread over it. Time is the monotonic clock,
// read once a call.
//
// Memory is set aside by New and never grows. When more keys come than a rule has Keys for, those with
// the least used are forgotten first, and one that has nothing left is never forgotten before it has
// something again: a flood of strangers does not give a locked-out attacker new tries. When all places
// are taken by such keys, newcomers share a cell for each group of places, with the limit of one key.
// That is the price of fixed memory: somebody who exhausts keys by the ten thousand, faster than the
// rules by network let them, slows down newcomers for as long and one window more. [Limiter.Stats] tells
// both apart. An attacker who wants a half-used key forgotten must fill the table with keys that have
// used as much, so that this costs about what it gains.
//
// # When something fails
//
// A limiter that cannot tell answers with an error, and the engine with 503. The limiter in memory fails
// only for a missing part or a fault of the program. One over a shared store, [FromUlule], fails with
// its store; [FailOpen] and [Fallback] are for limits where letting people in matters more, such as
// reads.
//
// # ulule/limiter
//
// [Store] has the interface of github.com/ulule/limiter/v3's stores, so that it can stand behind that
// library's middleware, and [FromUlule] makes a limiter over any of them, such as its Redis store. Only
// the root package is imported. What that library's memory store and middleware get wrong, found in
// version 3.11.2, and what became of it here; the tests are named by the number:
//
//	 1  2N-1 units around the end of a window     exact log; GCRA
//	 2  memory grows with the keys                fixed at construction, evictions counted
//	 3  cleaner deletes counters in use           there is no cleaner
//	 4  sweeps take 0.5 s of CPU                  expired keys are reused in place, nothing is swept
//	 5  no Close, stops by a finalizer            no goroutine, nothing to close
//	 6  Redis: no expiry under 1 ms               such windows are refused, waits are at most the window
//	 7  store errors panic, no timeout            errors that match nguard.ErrUnavailable, a deadline
//	 8  keys ignore the rate                      name, limit and window are part of the key
//	 9  clients without address share a bucket    ErrMissing
//	10  adapters find the address differently     Caller.IP comes from the guard, prefixes from the rule
//	11  three readings of the wall clock          one of the monotonic clock
//	12  its module requires gin, fasthttp, redis  its root package needs pkg/errors alone
//	13  keys that alias a reused buffer           only a hash of the key is kept
//
// Fixed windows (1) and Redis keys that lost their expiry, which count for ever (6), stay with
// [FromUlule]: they are the stores' own.
package ratelimit
