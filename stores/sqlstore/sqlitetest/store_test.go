package sqlitetest

import (
	"testing"

	"github.com/nguard-go/nguard/stores/storetest"
)

const defaults = "?_pragma=synchronous(OFF)"

func TestStore(t *testing.T) { storetest.Run(t, harness(advised)) }

func TestDatabase(t *testing.T) { server.Run(t) }

// Each connection to a database in memory has one of its own, so that there may be one only.
func TestMemory(t *testing.T) { with("?mode=memory").PoolOfOne(t) }

func TestMigrateFails(t *testing.T) { server.MigrateFails(t) }

// The store is correct without the settings that are advised: with a rollback journal, where readers and
// the writer lock each other out, and with no busy_timeout at all. (Waiting for the disk is left out.)
func TestStoreDefaults(t *testing.T) { storetest.Run(t, harness(defaults)) }

func TestDatabaseDefaults(t *testing.T) { with(defaults).Run(t) }

// Behind a decorator, and with transactions that the driver begins with the right to write.
func TestStoreImmediate(t *testing.T) {
	storetest.Run(t, storetest.Decorated(harness(advised+"&_txlock=immediate")))
}
