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
	store := s.Migrated(t, db)
	record := func(change func(own, eves []byte) []byte) func(own, eves []byte) string {
		return func(own, eves []byte) string { return "record = " + s.Bytes(change(own, eves)) }
	}
	column := func(set string) func(own, eves []byte) string { return func(_, _ []byte) string { return set } }
	for name, damage := range map[string]func(own, eves []byte) string{
		"empty":         record(func(_, _ []byte) []byte { return nil }),
		"noise":         record(func(_, _ []byte) []byte { return []byte(strings.Repeat("\xa5\x0f", 100)) }),
		"other format":  record(func(own, _ []byte) []byte { return append([]byte{2}, own[1:]...) }),
		"cut":           record(func(own, _ []byte) []byte { return own[:len(own)-1] }),
		"lengthened":    record(func(own, _ []byte) []byte { return append(own, 0) }),
		"other session": record(func(_, eves []byte) []byte { return eves }),
		"other owner":   column("owner = 'eve'"),
		"other version": column("version = version + 1"),
	} {
		t.Run(name, func(t *testing.T) {
			c, eve := storetest.Login(t, store, "ada"), storetest.Login(t, store, "eve")
			set := damage(c.Encode(), eve.Encode())
			if _, err := db.Exec("UPDATE nguard_sessions SET " + set + " WHERE id = '" + c.ID + "'"); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				f, err := store.Load(ctx, c.Live)
				if !errors.Is(err, nguard.ErrCorrupt) || errors.Is(err, nguard.ErrUnavailable) || f.Record != nil {
					t.Fatalf("got %v, want ErrCorrupt", err)
				}
			}
			if name != "other owner" {
				if _, err := store.List(ctx, "ada", "", 100); !errors.Is(err, nguard.ErrCorrupt) {
					t.Fatalf("got %v, want ErrCorrupt", err)
				}
			}
			unchanged(t, store, eve)
			if _, err := db.Exec("DELETE FROM nguard_sessions"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A user whose epoch is missing has no live session.
func epochMissing(t *testing.T, s Server) {
	ctx := context.Background()
	db := s.Open(t).Open(t)
	store := s.Migrated(t, db)
	c := storetest.Login(t, store, "ada")
	if _, err := db.Exec(`DELETE FROM nguard_epochs`); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(ctx, c.Live); !errors.Is(err, nguard.ErrNoSession) {
		t.Fatalf("got %v, want ErrNoSession", err)
	}
	if _, err := store.Bump(ctx, "ada", nguard.BumpChange); err != nil {
		t.Fatal(err)
	}
	if f, err := store.Load(ctx, c.Live); err == nil && f.Stamp.Revoke == f.User.Revoke {
		t.Fatal("the session is alive")
	}
}
