package servertest

import (
	"context"
	"errors"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/storetest"
)

// A row that cannot be read, or whose record is another's, leads to nobody's session, and stays for
// inspection (N8, K10).
func corrupt(t *testing.T, s Server) {
	ctx := context.Background()
	db := s.Open(t).Open(t)
	store := s.migrated(t, db)
	for name, damage := range map[string]string{
		"empty":         `UPDATE nguard_sessions SET record = BYTES WHERE id = ID`,
		"cut":           `UPDATE nguard_sessions SET record = substring(record, 1, length(record) - 1) WHERE id = ID`,
		"lengthened":    `UPDATE nguard_sessions SET record = OTHER WHERE id = ID`,
		"other owner":   `UPDATE nguard_sessions SET owner = 'eve' WHERE id = ID`,
		"other version": `UPDATE nguard_sessions SET version = version + 1 WHERE id = ID`,
	} {
		t.Run(name, func(t *testing.T) {
			c, eve := storetest.Login(t, store, "ada"), storetest.Login(t, store, "eve")
			damage = strings.NewReplacer(
				"BYTES", s.Bytes(nil), "OTHER", s.Bytes(append(c.Encode(), 0)), "ID", "'"+c.ID+"'").Replace(damage)
			if _, err := db.Exec(damage); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				f, err := store.Load(ctx, c.Live)
				if !errors.Is(err, nguard.ErrCorrupt) || errors.Is(err, nguard.ErrUnavailable) || f.Record != nil {
					t.Fatalf("got %v, want ErrCorrupt", err)
				}
			}
			if _, err := store.Load(ctx, eve.Live); err != nil {
				t.Fatal(err)
			}
		})
	}
}
