package sqlstore

import (
	"errors"
	"fmt"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// The texts are those of the driver github.com/go-sql-driver/mysql, which package mysqltest meets as well.
func TestMySQLNumber(t *testing.T) {
	deadlock := errors.New("Error 1213 (40001): Deadlock found when trying to get lock; try restarting transaction")
	for _, c := range []struct {
		err                             error
		number                          int
		busy, refused, again, duplicate bool
	}{
		{err: deadlock, number: 1213, busy: true, refused: true},
		{err: unavailable(deadlock), number: 1213, busy: true, refused: true},
		{err: fmt.Errorf("here: %w", unknown(deadlock)), number: 1213, busy: true, refused: true},
		{err: errors.New("Error 1205: Lock wait timeout exceeded"), number: 1205, busy: true, refused: true},
		{err: errors.New("Error 1020 (HY000): Record has changed since last read"), number: 1020, busy: true, refused: true},
		{err: errors.New("Error 1062 (23000): Duplicate entry"), number: 1062, refused: true, duplicate: true},
		{err: errors.New("Error 1615 (HY000): Prepared statement needs to be re-prepared"), number: 1615, refused: true, again: true},
		{err: errors.New("Error 1243 (HY000): Unknown prepared statement handler"), number: 1243, refused: true, again: true},
		{err: errors.New("Error 1290 (HY000): running with the --read-only option"), number: 1290, refused: true},
		{err: errors.New("Error 1053 (08S01): Server shutdown in progress"), number: 1053},
		{err: errors.New("Error 1927 (70100): Connection was killed"), number: 1927},
		{err: errors.New("Error 1180 (HY000): Got error during COMMIT"), number: 1180},
		{err: errors.New("invalid connection")},
		{err: errors.New("Error")},
		{err: errors.New("Error 70000: more than a number has")},
		{err: errors.New("Error x1213: none")},
		{err: errors.New("read: Error 1213 (40001): in the middle of a text")},
		{err: nguard.ErrUnavailable},
	} {
		if got := mysqlNumber(c.err); got != c.number {
			t.Errorf("%v: number %d, want %d", c.err, got, c.number)
		}
		if mysqlBusy(c.err) != c.busy || mysqlRefused(c.err) != c.refused || mysqlUnprepared(c.err) != c.again || mysqlTaken(c.err) != c.duplicate {
			t.Errorf("%v: busy %v, refused %v, unprepared %v, taken %v", c.err,
				mysqlBusy(c.err), mysqlRefused(c.err), mysqlUnprepared(c.err), mysqlTaken(c.err))
		}
	}
}
