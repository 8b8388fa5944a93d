package backingtest

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/memstore"
)

// inCookies keeps sessions in their sealed cookies, and in memory a row for each without its values. Another process
// has the same keys and the same rows.
func inCookies(t testing.TB) adaptertest.Backing {
	t.Helper()
	ring, err := cookiestore.NewRing([]byte(rand.Text() + rand.Text()))
	if err != nil {
		t.Fatal(err)
	}
	over := func(t testing.TB, companion nguard.Store) nguard.Store {
		t.Helper()
		s, err := cookiestore.New(cookiestore.Config{Keys: ring, Companion: companion})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	rows := memstore.New()
	store := func(t testing.TB) nguard.Store { t.Helper(); return over(t, rows) }
	b := adaptertest.Elsewhere(t, "cookies", store(t), store, func(t testing.TB) (values [][]byte) {
		t.Helper()
		for _, p := range adaptertest.People() {
			list, _, err := rows.Backend().(nguard.RowLister).Rows(context.Background(), p.ID, "", 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range list {
				values = append(values, []byte(row.ID), row.Cur, row.Prev, row.Salt, row.Encode())
			}
		}
		return values
	})
	b.Sealed = func(t testing.TB, value string) string {
		t.Helper()
		var asked asked
		if _, err := over(t, &asked).Load(context.Background(), value); err == nil {
			t.Errorf("the cookie %q leads to a session without a row", value)
		}
		return asked.token
	}
	return b
}

// asked is a companion without rows that remembers which token a cookie has asked it for.
type asked struct {
	nguard.Store
	token string
}

func (a *asked) Load(_ context.Context, token string) (nguard.Found, error) {
	a.token = token
	return nguard.Found{}, nguard.ErrNoSession
}
