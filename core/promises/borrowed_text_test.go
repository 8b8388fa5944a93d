package promises

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
)

// borrowed is text in a buffer that is used again, as fiber hands it to its handlers.
type borrowed struct{ buffers [][]byte }

func (b *borrowed) text(s string) string {
	buffer := []byte(s)
	b.buffers = append(b.buffers, buffer)
	return unsafe.String(&buffer[0], len(buffer))
}

// next is the next request: it overwrites what the one before was given.
func (b *borrowed) next() {
	for _, buffer := range b.buffers {
		for i := range buffer {
			buffer[i] = '!'
		}
	}
	b.buffers = nil
}

// What a handler hands on as it got it must be kept as a copy: or the next request, of anybody, would write into
// the session, the user or the record of another person.
func TestBorrowedText(t *testing.T) {
	motto := &nguard.Field[string]{Name: "motto"}
	city := &nguard.Field[string]{Name: "city", Scope: nguard.InUser}
	var mu sync.Mutex
	var events []nguard.Event
	sink := nguard.SinkFunc(func(_ context.Context, e nguard.Event) error {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
		return nil
	})
	people := guardtest.NewUsers(nguard.User{ID: "ann"})
	for name, config := range map[string]nguard.Config{"users": {Users: people}, "no users": {}} {
		t.Run(name, func(t *testing.T) {
			config.Fields, config.Audit = []nguard.AnyField{motto, city}, sink
			var g *nguard.Guard
			if config.Users != nil {
				g = guardtest.New(t, config)
			} else {
				g = bare(t, config)
			}
			var b borrowed
			by := func() context.Context { return nguard.WithActor(t.Context(), b.text("job")) }
			token, s, err := g.Login(by(), b.text("ann"), nguard.LoginOptions{Device: b.text("phone"), IP: b.text("192.0.2.1"), Methods: []string{b.text("otp")}})
			if err != nil {
				t.Fatal(err)
			}
			b.next()
			if _, err := g.Update(by(), s.UserID(), s.ID(), func(d *nguard.Draft) error { return motto.Set(d, b.text("carpe diem")) }); err != nil {
				t.Fatal(err)
			}
			if config.Users != nil {
				_, err := g.ChangeUser(by(), b.text("ann"), func(u *nguard.User) error {
					u.Name, u.Data = b.text("Ann"), map[string]any{"city": b.text("Rome")}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			b.next()
			if s, err = g.Lookup(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			if s.UserID() != "ann" || s.Device() != "phone" || s.IP() != "192.0.2.1" || !slices.Equal(s.Methods(), []string{"otp"}) || motto.Get(s) != "carpe diem" {
				t.Errorf("the session says %q %q %q %q %q", s.UserID(), s.Device(), s.IP(), s.Methods(), motto.Get(s))
			}
			if config.Users != nil && (s.User().Name != "Ann" || city.Get(s) != "Rome") {
				t.Errorf("the person is %+v", s.User())
			}
			handler := httpguard.Sessions(g)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				change := nguard.Change{Field: b.text("field"), From: b.text("here"), To: b.text("there")}
				e := nguard.Event{Name: b.text("moved"), Target: b.text("ann"), Action: b.text("move"), Reason: b.text("asked"), Changes: []nguard.Change{change}}
				if err := httpguard.From(r).Record(by(), e); err != nil {
					t.Error(err)
				}
			}))
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
			b.next()
			if err := g.RevokeUser(by(), b.text("ann")); err != nil {
				t.Fatal(err)
			}
			b.next()
			if _, err = g.Lookup(t.Context(), token); err == nil {
				t.Error("the revocation was lost with the name of the person")
			}
		})
	}
	mu.Lock()
	defer mu.Unlock()
	for _, e := range events {
		if raw, err := json.Marshal(e); err != nil || strings.Contains(string(raw), "!") {
			t.Errorf("the record says %s, %v", raw, err)
		}
	}
}

// bare is a guard without a users table.
func bare(t *testing.T, c nguard.Config) *nguard.Guard {
	t.Helper()
	c.Store = memstore.New()
	g, err := nguard.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Shutdown(context.Background()) })
	return g
}
