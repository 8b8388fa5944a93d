package mysqltest

import (
	"encoding/hex"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/sqlstore/servertest"
	"github.com/nguard-go/nguard/stores/storetest"
)

var server = servertest.Server{
	Dialect:   sqlstore.MySQL,
	Open:      servicetest.MySQL,
	Bind:      func(int) string { return "?" },
	Bytes:     func(b []byte) string { return `x'` + hex.EncodeToString(b) + `'` },
	Numbers:   numbers,
	Analyze:   `ANALYZE TABLE `,
	ReadOnly:  `tx_read_only=1`,
	Impatient: `innodb_lock_wait_timeout=1`,
	Explain:   explain,
	Tables:    `SELECT table_name FROM information_schema.tables WHERE table_schema = database()`,
	Columns:   `SELECT column_name FROM information_schema.columns WHERE table_schema = database() AND table_name = ?`,
}

// The driver writes to stderr about each connection that breaks, and here they are broken on purpose.
func init() { _ = mysql.SetLogger(&mysql.NopLogger{}) }

func TestStore(t *testing.T) { storetest.Run(t, server.Harness) }

// Behind a decorator.
func TestStoreDecorated(t *testing.T) { storetest.Run(t, storetest.Decorated(server.Harness)) }

func TestServer(t *testing.T) { server.Run(t) }

func TestPlans(t *testing.T) { server.Plans(t, 22) }
