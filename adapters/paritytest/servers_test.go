package paritytest

import (
	"database/sql"
	"testing"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// TestParityServers is net/http with sessions, people and records in one database on a server.
func TestParityServers(t *testing.T) {
	for name, server := range map[string]struct {
		database func(testing.TB) servicetest.Database
		backing  func(testing.TB, func(testing.TB) *sql.DB) adaptertest.Backing
	}{
		"postgres": {servicetest.Postgres, adaptertest.Postgres},
		"mysql":    {servicetest.MySQL, adaptertest.MySQL},
	} {
		t.Run(name, func(t *testing.T) {
			h := adapters[0].harness
			h.Limits = limits
			h.Open = func(t testing.TB) adaptertest.Backing { return server.backing(t, server.database(t).Open) }
			adaptertest.Run(t, h, adapters[0].options...)
		})
	}
}
