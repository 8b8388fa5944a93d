package sqlstore

import (
	"strconv"
	"strings"
)

// The numbers of errors by which MySQL and MariaDB answer.
const (
	mysqlShutdown      = 1053 // the server is going down
	mysqlDuplicate     = 1062 // a row with this key is there
	mysqlCommit        = 1180 // the commit itself failed
	mysqlLockWait      = 1205
	mysqlDeadlock      = 1213
	mysqlReprepare     = 1615 // tables changed, more often than the server would prepare it again by itself
	mysqlChecked       = 1020 // the row has changed since the snapshot (MariaDB, innodb_snapshot_isolation)
	mysqlUnknownHandle = 1243 // no such prepared statement: a pooler has exchanged the connection
	mysqlKilled        = 1927 // the connection was killed (MariaDB)
)

// mysqlNumber is the number of an error by which the server answered, and 0 for another. The type of the
// driver's errors has a field for it and no method, and to name the type is to import the driver. Its text
// begins with the number, as that of the client programs of MySQL does: "Error 1213 (40001): Deadlock".
func mysqlNumber(err error) int {
	switch wrapped := err.(type) {
	case nil:
		return 0
	case interface{ Unwrap() []error }:
		for _, err := range wrapped.Unwrap() {
			if n := mysqlNumber(err); n != 0 {
				return n
			}
		}
		return 0
	case interface{ Unwrap() error }:
		return mysqlNumber(wrapped.Unwrap())
	}
	text, ok := strings.CutPrefix(err.Error(), "Error ")
	if !ok {
		return 0
	}
	end := strings.IndexAny(text, " :")
	if end < 0 {
		return 0
	}
	n, err := strconv.ParseUint(text[:end], 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

func mysqlBusy(err error) bool {
	switch mysqlNumber(err) {
	case mysqlLockWait, mysqlDeadlock, mysqlChecked:
		return true
	}
	return false
}

// mysqlRefused trusts every answer but those that can come after a commit.
func mysqlRefused(err error) bool {
	switch mysqlNumber(err) {
	case 0, mysqlShutdown, mysqlCommit, mysqlKilled:
		return false
	}
	return true
}

func mysqlUnprepared(err error) bool {
	n := mysqlNumber(err)
	return n == mysqlReprepare || n == mysqlUnknownHandle
}

func mysqlTaken(err error) bool { return mysqlNumber(err) == mysqlDuplicate }
