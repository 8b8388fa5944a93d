// Package postgrestest tests sqlstore with a real PostgreSQL, by the driver pgx/v5.
//
// Nobody imports it, for the reason that package sqlitetest gives.
package postgrestest
