package postgrestest

import (
	"strconv"
	"testing"

	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/sqlstore/servertest"
	"github.com/nguard-go/nguard/stores/storetest"
)

var server = servertest.Server{
	Dialect: sqlstore.Postgres,
	Open:    servicetest.Postgres,
	Bind:    func(n int) string { return "$" + strconv.Itoa(n) },
	Tables:  `SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()`,
	Columns: `SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1`,
}

func TestStore(t *testing.T) { storetest.Run(t, server.Harness) }

// Behind a decorator.
func TestStoreDecorated(t *testing.T) { storetest.Run(t, storetest.Decorated(server.Harness)) }
