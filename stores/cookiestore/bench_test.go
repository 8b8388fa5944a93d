package cookiestore_test

import (
	"context"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/memstore"
)

// person is a record as a guard makes it.
func person() *nguard.Record {
	now := time.Now().UTC()
	return &nguard.Record{
		Owner: "ada", Version: 1, Created: now, Updated: now, AuthAt: now, Rotated: now, Expires: now.Add(24 * time.Hour), Idle: time.Hour,
		Stamp:  nguard.Epoch{Change: 1, Revoke: 1},
		User:   nguard.User{ID: "ada", Name: "Ada Lovelace", Email: "ada@example.com", Role: "user", Permissions: []string{"posts:read"}},
		Data:   map[string]any{"theme": "dark", "visits": int64(42)},
		Device: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", IP: "192.0.2.1", Methods: []string{"password"},
	}
}

func stores(b *testing.B) map[string]*cookiestore.Store {
	return map[string]*cookiestore.Store{
		"row":  sealed(b, cookiestore.Config{Companion: memstore.New()}),
		"bare": sealed(b, cookiestore.Config{}),
	}
}

func BenchmarkLoad(b *testing.B) {
	ctx := context.Background()
	for name, s := range stores(b) {
		b.Run(name, func(b *testing.B) {
			c, err := s.Create(ctx, person(), nguard.Cap{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Load(ctx, c.Live); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(c.Live)), "bytes/cookie")
		})
	}
}

func BenchmarkReplace(b *testing.B) {
	ctx := context.Background()
	for name, s := range stores(b) {
		b.Run(name, func(b *testing.B) {
			c, err := s.Create(ctx, person(), nguard.Cap{})
			if err != nil {
				b.Fatal(err)
			}
			f := c.Found
			b.ReportAllocs()
			for b.Loop() {
				next := *f.Record
				next.Version++
				if f, err = s.Replace(ctx, f, &next, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
