// Package sqlitetest tests sqlstore with a real SQLite, by the driver modernc.org/sqlite.
//
// Nobody imports it, and that is what it is for: `go mod tidy` makes users download what the tests of
// the packages they import need. With these tests beside sqlstore, everybody who uses it would download
// a SQLite, whatever their database is.
package sqlitetest
