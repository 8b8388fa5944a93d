package sqlitetest

import (
	"context"
	"errors"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/storetest"
)

// A row that cannot be read, or whose record is another's, leads to nobody's session, and stays for
// inspection (N8, K10).
func TestCorrupt(t *testing.T) {
	ctx := context.Background()
	for name, damage := range map[string]string{
		"empty":         `UPDATE nguard_sessions SET record = x'' WHERE id = ?1`,
		"noise":         `UPDATE nguard_sessions SET record = randomblob(200) WHERE id = ?1`,
		"other format":  `UPDATE nguard_sessions SET record = cast(x'02' || substr(record, 2) AS BLOB) WHERE id = ?1`,
		"cut":           `UPDATE nguard_sessions SET record = substr(record, 1, length(record) - 1) WHERE id = ?1`,
		"lengthened":    `UPDATE nguard_sessions SET record = cast(record || x'00' AS BLOB) WHERE id = ?1`,
		"other session": `UPDATE nguard_sessions SET record = (SELECT record FROM nguard_sessions WHERE id = ?2) WHERE id = ?1`,
		"other owner":   `UPDATE nguard_sessions SET owner = 'eve' WHERE id = ?1`,
		"other version": `UPDATE nguard_sessions SET version = version + 1 WHERE id = ?1`,
	} {
		t.Run(name, func(t *testing.T) {
			db := handle(t, file(t), advised)
			s := migrated(t, db)
			c, eve := storetest.Login(t, s, "ada"), storetest.Login(t, s, "eve")
			if _, err := db.Exec(damage, c.ID, eve.ID); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				f, err := s.Load(ctx, c.Live)
				if !errors.Is(err, nguard.ErrCorrupt) || errors.Is(err, nguard.ErrUnavailable) || f.Record != nil {
					t.Fatalf("got %v, want ErrCorrupt", err)
				}
			}
			if name != "other owner" {
				if _, err := s.List(ctx, "ada", "", 10); !errors.Is(err, nguard.ErrCorrupt) {
					t.Fatalf("got %v, want ErrCorrupt", err)
				}
			}
			if _, err := s.Load(ctx, eve.Live); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A user whose epoch is missing has no live session.
func TestEpochMissing(t *testing.T) {
	ctx := context.Background()
	db := handle(t, file(t), advised)
	s := migrated(t, db)
	c := storetest.Login(t, s, "ada")
	if _, err := db.Exec(`DELETE FROM nguard_epochs`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, c.Live); !errors.Is(err, nguard.ErrNoSession) {
		t.Fatalf("got %v, want ErrNoSession", err)
	}
	if _, err := s.Bump(ctx, "ada", nguard.BumpChange); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Load(ctx, c.Live); err == nil && f.Stamp.Revoke == f.User.Revoke {
		t.Fatal("the session is alive")
	}
}
