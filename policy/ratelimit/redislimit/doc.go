// Package redislimit has limiters that count in Redis 7 or later, Valkey, or a cluster of them, so that all
// processes of a service share their limits:
//
//	limits, err := redislimit.Defaults(client)
//	guard, err := nguard.New(nguard.Config{Store: store, Limits: limits})
//
// The rules are those of policy/ratelimit, and so is what is guaranteed: up to [ratelimit.ExactLimit] the time of
// every unit is kept, so that no window of any position holds more; larger limits are counted by GCRA, a full burst
// and then one unit every Window/Limit. Time is the server's, in microseconds: processes need not agree on it.
//
// # One step
//
// A call is one script that looks at every rule and debits all or none, so that a refusal costs nothing and a
// thousand calls at once get exactly the limit. On a cluster a script reaches the keys of one slot only. A limiter
// of several rules therefore keeps all its keys in one, and its load falls on one node. That is enough: a call costs
// less than a hundredth of hashing a password. The other way, to debit rule by rule on several nodes and to take
// back what a later one refuses, would charge people for refused calls whenever an answer is lost. A limiter of one
// rule, such as those for updates and reads, has a slot for each caller, and spreads over the cluster.
//
// # When Redis fails
//
// A call that gets no answer fails with an error that matches [nguard.ErrUnavailable], and the engine refuses with
// 503; [ratelimit.FailOpen] and [ratelimit.Fallback] are for limits where letting people in matters more. It is not
// sent again, since it may have been counted. Every key has a time to live, and is gone when it limits nothing any
// more. Keys that are evicted are limits that begin anew: use maxmemory-policy noeviction or volatile-ttl, or a
// server of its own. After a failover, the last moments may not have been counted, and a clock that is behind makes
// nobody wait for longer than a window.
package redislimit
