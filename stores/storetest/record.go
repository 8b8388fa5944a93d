package storetest

import (
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Record returns a record of a session that begins now, judged on the epoch of its owner in s.
func Record(t testing.TB, s nguard.Store, owner string) *nguard.Record {
	t.Helper()
	epochs, ok := nguard.Ability[nguard.Epochs](s)
	if !ok {
		t.Fatal("the store offers no nguard.Epochs, which a guard needs")
	}
	e, err := epochs.Epoch(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	return Stamped(owner, e)
}

// Stamped returns a record of a session that begins now, judged on an epoch. It has what a usual one has, and ends
// after a day, or an hour without use.
func Stamped(owner string, e nguard.Epoch) *nguard.Record {
	r := stamped(owner, e, now())
	r.Idle = time.Hour
	return r
}

// stamped returns one that begins at a time, and ends a day later whether it is used or not.
func stamped(owner string, e nguard.Epoch, at time.Time) *nguard.Record {
	return &nguard.Record{
		Owner: owner, Version: 1, Created: at, Updated: at, AuthAt: at, Rotated: at, Expires: at.Add(24 * time.Hour),
		Stamp: nguard.Epoch{Change: e.Change, Revoke: e.Revoke},
		User: nguard.User{ID: owner, Name: "Ada Lovelace", Email: "ada@example.com", Role: "user",
			Data: map[string]any{"theme": "dark", "language": "en"}},
		Data:   map[string]any{"visits": int64(7)},
		Device: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", IP: "192.0.2.1",
		Methods: []string{"password"}, Level: 1,
	}
}

// Login begins a session of owner, without a cap.
func Login(t testing.TB, s nguard.Store, owner string) nguard.Created {
	t.Helper()
	c, err := s.Create(t.Context(), Record(t, s, owner), nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Next returns the next version of the record that was found.
func Next(f nguard.Found) *nguard.Record {
	r := *f.Record
	r.Version++
	return &r
}
