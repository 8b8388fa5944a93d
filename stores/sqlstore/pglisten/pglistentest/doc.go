// Package pglistentest tests package pglisten with a real PostgreSQL.
//
// Nobody imports it, for the reason that package sqlitetest gives.
package pglistentest
