package redistest

import (
	"testing"

	"github.com/nguard-go/nguard/stores/storetest"
)

func TestStore(t *testing.T) { storetest.Run(t, harness) }

func TestStoreDecorated(t *testing.T) { storetest.Run(t, storetest.Decorated(harness)) }
