package audit

import (
	"database/sql/driver"
	"errors"
	"net"
	"strconv"
	"strings"
)

// An insert that stands alone is its own transaction. When its answer is lost, the record may be there: only
// an error that the database itself has sent, or one from before the statement was, says that it is not.
// Drivers are not imported here; what they offer is recognised by its methods, or its words.

// unsent recognises errors from before a statement was sent: no connection, or none any more.
func unsent(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || strings.Contains(err.Error(), "sql: database is closed") {
		return true // the second has no name in database/sql
	}
	var op *net.OpError
	var name *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &name)
}

// sqliteRefused trusts every code but that of a failed read or write of the file.
func sqliteRefused(err error) bool {
	const codeIO = 10
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code()&0xff != codeIO
	}
	return true // of a driver without codes: SQLite is in this process, and no answer gets lost on the way
}

// postgresRefused trusts what the server says, unless it says that it is going away.
func postgresRefused(err error) bool {
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		s := state.SQLState()
		return !strings.HasPrefix(s, "08") && s != "57P01" && s != "57P02" && s != "40003"
	}
	var safe interface{ SafeToRetry() bool } // pgx: nothing was sent
	return errors.As(err, &safe) && safe.SafeToRetry()
}

// mysqlRefused trusts what the server says, unless it says that it is going away, or that the commit failed. The driver's error has its
// number in a field, which cannot be read without importing the driver, and in its text: Error 1062 (23000): ...
func mysqlRefused(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		text, found := strings.CutPrefix(err.Error(), "Error ")
		if !found {
			continue
		}
		digits, _, _ := strings.Cut(text, " ")
		number, err := strconv.Atoi(strings.TrimSuffix(digits, ":"))
		return err == nil && number != mysqlShutdown && number != mysqlCommit && number != mysqlKilled
	}
	return false
}

const mysqlShutdown, mysqlCommit, mysqlKilled = 1053, 1180, 1927
