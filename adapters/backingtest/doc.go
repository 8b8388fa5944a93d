// Package backingtest asks of a service on net/http, with PostgreSQL, MariaDB, Redis, a backend of scs, sealed cookies,
// and sessions in SQLite while people are elsewhere, those rules of adaptertest in which a store has a part.
// adapters/paritytest asks all of them, in memory and with SQLite.
package backingtest
