// Package mysqltest tests sqlstore with a real MariaDB or MySQL, by the driver github.com/go-sql-driver/mysql.
//
// Nobody imports it, for the reason that package sqlitetest gives.
package mysqltest
