package sqlitetest

import (
	"context"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// record returns a record of a session that begins now.
func record(t testing.TB, s *sqlstore.Store, owner string, now time.Time) *nguard.Record {
	t.Helper()
	e, err := s.Epoch(context.Background(), owner)
	if err != nil {
		t.Fatal(err)
	}
	return &nguard.Record{
		Owner: owner, Version: 1, Created: now, Updated: now, AuthAt: now, Rotated: now,
		Expires: now.Add(24 * time.Hour), Idle: time.Hour,
		Stamp: nguard.Epoch{Change: e.Change, Revoke: e.Revoke},
		User: nguard.User{ID: owner, Name: "Ada Lovelace", Email: "ada@example.com", Role: "user",
			Data: map[string]any{"theme": "dark", "language": "en"}},
		Data:   map[string]any{"visits": int64(7)},
		Device: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", IP: "192.0.2.1",
		Methods: []string{"password"}, Level: 1,
	}
}

func login(t testing.TB, s *sqlstore.Store, owner string) nguard.Created {
	t.Helper()
	c, err := s.Create(context.Background(), record(t, s, owner, time.Now().UTC()), nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func next(f nguard.Found) *nguard.Record {
	r := *f.Record
	r.Version++
	return &r
}
