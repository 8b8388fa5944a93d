package sqlitetest

import (
	"testing"

	"github.com/nguard-go/nguard/stores/storetest"
)

func TestStore(t *testing.T) { storetest.Run(t, harness(advised)) }

// The store is correct without the settings that are advised: with a rollback journal, where readers and
// the writer lock each other out, and with no busy_timeout at all. (Waiting for the disk is left out.)
func TestStoreDefaults(t *testing.T) { storetest.Run(t, harness("?_pragma=synchronous(OFF)")) }

// Behind a decorator, and with transactions that the driver begins with the right to write.
func TestStoreImmediate(t *testing.T) {
	storetest.Run(t, storetest.Decorated(harness(advised+"&_txlock=immediate")))
}
