// Package backingtest asks of a service on net/http, with PostgreSQL, MariaDB, Redis and a backend of scs, those rules
// of adaptertest in which a store has a part. adapters/paritytest asks all of them, in memory and with SQLite.
package backingtest
