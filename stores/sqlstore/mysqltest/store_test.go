package mysqltest

import (
	"encoding/hex"
	"testing"

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
	ReadOnly:  []string{"tx_read_only=1", "tx_read_only=1&rejectReadOnly=true"},
	Impatient: `innodb_lock_wait_timeout=1`,
	Self:      `SELECT connection_id()`,
	Kill:      `KILL %d`,
	Alive:     `SELECT count(*) FROM information_schema.processlist WHERE id = %d`,
	Explain:   explain,
	Tables:    `SELECT table_name FROM information_schema.tables WHERE table_schema = database()`,
	Columns:   `SELECT column_name FROM information_schema.columns WHERE table_schema = database() AND table_name = ?`,
}

func TestStore(t *testing.T) { storetest.Run(t, server.Harness) }

// Behind a decorator.
func TestStoreDecorated(t *testing.T) { storetest.Run(t, storetest.Decorated(server.Harness)) }

// The store is correct whatever an UPDATE counts, where the driver puts values into texts by itself, where the
// server cuts off what is too long, in other collations, and at another default level of isolation.
func TestStoreSettings(t *testing.T) {
	storetest.Run(t, server.With("clientFoundRows=true", "interpolateParams=true", "parseTime=true",
		"sql_mode=%27%27", "collation=utf8mb4_general_ci", "tx_isolation=%27SERIALIZABLE%27"))
}

func TestDatabase(t *testing.T) { server.Run(t) }

func TestServer(t *testing.T) { server.RunRemote(t) }

func TestPlans(t *testing.T) { server.Plans(t, 22) }
