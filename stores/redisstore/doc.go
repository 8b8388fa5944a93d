// Package redisstore keeps sessions in Redis 7 or later, Valkey, or a cluster of them, by the client
// github.com/redis/go-redis/v9:
//
//	options, err := redisstore.Options("redis://127.0.0.1:6379")
//	store, err := redisstore.New(redis.NewClient(options), redisstore.Config{})
//	guard, err := nguard.New(nguard.Config{Store: store})
//
// # Reads and writes
//
// All sessions of one user, and the user's epoch, are one hash. Loading a session is one HMGET, every write is
// one script on that one key, so that each is atomic and runs on a cluster as it does on a single server. Tokens
// are routed (see [nguard.Router]): they are 96 characters instead of 72, since the key follows from the user.
// "Log out everywhere" is one small write whatever the number of sessions. Two stores with another
// [Config.Prefix] do not meet.
//
// Dead rows vanish by themselves: a login takes the user's dead sessions out of the hash, and the hash as a whole
// has a time to live that ends an hour after the last of its sessions, and of [nguard.KeepEpoch], has ended. So
// the store is no [nguard.Sweeper]. A change that its process left open is judged as closed by whoever reads it
// after [nguard.StaleOpen], and closed by the next bump.
//
// # Errors
//
// Every call returns at the deadline of its context. That needs ContextTimeoutEnabled in the client's options,
// and [New] refuses a client without it. A context that is cancelled before its deadline ends a call before it is
// sent, not one that waits for its answer.
//
// A write is sent at most once, whatever the client's MaxRetries says: a script that ran, and whose answer was
// lost, would find its own effect when it ran again, and take it for somebody else's. Such a write fails with
// [nguard.ErrUnavailable] and [nguard.ErrOutcomeUnknown]. One that was not sent, or that the server refused,
// fails with ErrUnavailable alone. Reads are tried again as the client is configured.
//
// # Setting up the server
//
// Redis forgets what it is told to forget. What that means here:
//
//   - Memory: use maxmemory-policy noeviction, or leave room. When a user's hash is evicted or flushed, the
//     sessions and the epoch in it go together: the user is logged out (401), a new login works, and no older
//     session comes back, since the new epoch is random. With noeviction a full server refuses logins with 503
//     and goes on with everything else.
//   - Restarts: without appendonly, a restart logs out whoever logged in since the last snapshot, and brings
//     back what was ended since then: a logout or a revocation that is undone by a crash is a promise broken
//     (P11). Use appendonly yes; with appendfsync everysec the last second may be lost, with always nothing. A
//     server without any persistence is safe as well: it forgets everybody.
//   - Failover: replication is asynchronous. When a primary dies before a write has reached its replica, a write
//     that was acknowledged is lost, and a session that was ended in that moment lives again. Redis has no mode
//     that rules this out. min-replicas-to-write 1 with min-replicas-max-lag bounds it: a primary that has lost
//     its replicas refuses writes after that lag. The same settings, and cluster-node-timeout on a cluster, bound
//     for how long an old primary that is cut off goes on answering reads.
//   - Replicas: sessions are read from the primary only. Clients that read from replicas (ReadOnly,
//     RouteByLatency, RouteRandomly), or from a client-side cache, would accept a session for a while after it
//     was revoked; [New] refuses them. A Ring moves the keys of a server that is down to others and back
//     again, with what was revoked in between alive; New refuses it too. It cannot see sentinel's ReplicaOnly,
//     by which nothing would work, since replicas refuse every write.
package redisstore
