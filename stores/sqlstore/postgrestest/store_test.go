package postgrestest

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"testing"

	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/sqlstore/servertest"
	"github.com/nguard-go/nguard/stores/storetest"
)

var server = servertest.Server{
	Dialect:   sqlstore.Postgres,
	Open:      servicetest.Postgres,
	Bind:      func(n int) string { return "$" + strconv.Itoa(n) },
	Bytes:     func(b []byte) string { return `'\x` + hex.EncodeToString(b) + `'::bytea` },
	Numbers:   func(n int) string { return fmt.Sprintf(`generate_series(0, %d) AS n`, n-1) },
	Analyze:   `ANALYZE `,
	ReadOnly:  []string{"default_transaction_read_only=on"},
	Impatient: `lock_timeout=200`,
	Self:      `SELECT pg_backend_pid()`,
	Kill:      `SELECT pg_terminate_backend(%d, 30000)`, // and waits for its process to be gone, which Alive may precede
	Alive:     `SELECT count(*) FROM pg_stat_activity WHERE pid = %d`,
	Explain:   explain,
	Tables:    `SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()`,
	Columns:   `SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1`,
}

func TestStore(t *testing.T) { storetest.Run(t, server.Harness) }

// Behind a decorator.
func TestStoreDecorated(t *testing.T) { storetest.Run(t, storetest.Decorated(server.Harness)) }

// The store is correct whatever the server's default level of isolation is, and where the driver is told to
// prepare nothing by itself, as for a pooler between.
func TestStoreSerializable(t *testing.T) {
	storetest.Run(t, server.With("default_transaction_isolation=serializable", "default_query_exec_mode=simple_protocol"))
}

func TestDatabase(t *testing.T) { server.Run(t) }

func TestServer(t *testing.T) { server.RunRemote(t) }

func TestMigrateFails(t *testing.T) { server.MigrateFails(t) }

func TestPlans(t *testing.T) { server.Plans(t, 20) }
