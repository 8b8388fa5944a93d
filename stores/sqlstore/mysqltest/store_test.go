package mysqltest

import (
	"testing"

	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/sqlstore/servertest"
	"github.com/nguard-go/nguard/stores/storetest"
)

var server = servertest.Server{
	Dialect: sqlstore.MySQL,
	Open:    servicetest.MySQL,
	Bind:    func(int) string { return "?" },
	Tables:  `SELECT table_name FROM information_schema.tables WHERE table_schema = database()`,
	Columns: `SELECT column_name FROM information_schema.columns WHERE table_schema = database() AND table_name = ?`,
}

func TestStore(t *testing.T) { storetest.Run(t, server.Harness) }

// Behind a decorator.
func TestStoreDecorated(t *testing.T) { storetest.Run(t, storetest.Decorated(server.Harness)) }
