// Package sqltest tests audit.SQL against SQLite, PostgreSQL and MariaDB or MySQL. It is a package that nobody
// imports, so that the drivers it needs are nobody else's download.
package sqltest
