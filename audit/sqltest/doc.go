// Package sqltest tests audit.SQL against SQLite. It is a package that nobody imports, so that the
// driver it needs is nobody else's download.
package sqltest
