// Package servicetest gives the tests of this module the databases and servers that they need: PostgreSQL, MariaDB or
// MySQL, SQLite and Redis. It is imported by tests only.
//
// Each server is named by an environment variable. Where one is not set, the test is skipped and says so:
//
//	NGUARD_TEST_POSTGRES  postgres://postgres@127.0.0.1:5432/test   the role may create schemas
//	NGUARD_TEST_MYSQL     root@tcp(127.0.0.1:3306)/test             the account may create databases
//	NGUARD_TEST_REDIS     redis://127.0.0.1:6379                    redis-server must be in the PATH, too
//
// A test gets a schema, a database, a file, a server or a cluster of its own, which is gone when it ends. [Proxy]
// stands between a program and a server, and cuts, stalls, slows or refuses connections. [Driver] stands between
// database/sql and a driver: it hears statements, and gives other outcomes. [Until] and [Goroutines] wait for what
// comes true by itself, and [Leaving] leaves a call at every moment of it.
package servicetest
