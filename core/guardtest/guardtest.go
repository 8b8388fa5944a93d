// Package guardtest helps the tests of programs that use nguard: a guard in memory, people in memory, and
// a request that is logged in.
//
//	g := guardtest.New(t, nguard.Config{Roles: model, Fields: fields}, nguard.User{ID: "ann", Role: "admin"})
//	r := guardtest.SignedIn(t, g, "ann", httptest.NewRequest("GET", "/admin", nil))
//
// It is for tests: passwords are compared in plain text, and there are no limits unless the Config says so.
package guardtest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
)

// Password is what every one of [Users] logs in with; the account is the member "email" or "id".
const Password = "guardtest-password"

// patience is how long the end of a guard may take.
const patience = 10 * time.Second

// New makes a guard from c with what is missing filled in: a memory store, no limits, and [Users] with
// the given people. It fails the test when the Config is wrong, and shuts the guard down at its end.
func New(t testing.TB, c nguard.Config, people ...nguard.User) *nguard.Guard {
	t.Helper()
	if c.Store == nil {
		c.Store = memstore.New()
	}
	if c.Users == nil {
		c.Users = NewUsers(people...)
	}
	if c.Limits.Login == nil {
		c.Limits.Login = nguard.Unlimited
	}
	if c.Limits.Update == nil {
		c.Limits.Update = nguard.Unlimited
	}
	g, err := nguard.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A test that closed its database too early would wait for ever.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Errorf("guard did not shut down; close what it needs in a t.Cleanup that comes before guardtest.New: %v", err)
		}
	})
	return g
}

// SignedIn returns r with the session cookie of a new session of the user, and with the header by which
// browsers say that the page is the application's own.
func SignedIn(t testing.TB, g *nguard.Guard, userID string, r *http.Request) *http.Request {
	t.Helper()
	token, _, err := g.Login(nguard.WithActor(context.Background(), userID), userID, nguard.LoginOptions{Methods: []string{"test"}})
	if err != nil {
		t.Fatalf("login of %q: %v", userID, err)
	}
	r.AddCookie(&http.Cookie{Name: g.CookieName(), Value: token})
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

// Users is a users table in memory. It implements nguard.Authenticator and nguard.UserUpdater. The last
// person with the role "admin" keeps it. Safe for concurrent use.
type Users struct {
	mu sync.Mutex
	m  map[string]nguard.User
}

var (
	_ nguard.Authenticator = (*Users)(nil)
	_ nguard.UserUpdater   = (*Users)(nil)
)

// NewUsers makes a table with these people.
func NewUsers(people ...nguard.User) *Users {
	u := &Users{m: map[string]nguard.User{}}
	for _, p := range people {
		u.Put(p)
	}
	return u
}

// Put adds or overwrites a person, as if another program did: sessions are not told.
func (u *Users) Put(p nguard.User) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.m[p.ID] = p
}

// Remove deletes a person, as if another program did.
func (u *Users) Remove(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.m, id)
}

// User returns a person.
func (u *Users) User(_ context.Context, id string) (nguard.User, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p, ok := u.m[id]
	if !ok {
		return nguard.User{}, nguard.ErrNoUser
	}
	return p, nil
}

// Identify finds the account by "email" or "id".
func (u *Users) Identify(_ context.Context, c nguard.Credentials) (string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	name := c.Get("email")
	if name == "" {
		name = c.Get("id")
	}
	if name == "" || c.Get("password") == "" {
		return "", nguard.ErrMissingCredentials
	}
	for id, p := range u.m {
		if p.Email == name {
			return id, nil
		}
	}
	return name, nil
}

// Authenticate compares the password with [Password].
func (u *Users) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	id, err := u.Identify(ctx, c)
	if err != nil {
		return nguard.User{}, err
	}
	p, err := u.User(ctx, id)
	if err != nil || p.Disabled || c.Get("password") != Password {
		return nguard.User{}, nguard.ErrBadCredentials
	}
	return p, nil
}

// UpdateUser writes after if the stored person equals before.
func (u *Users) UpdateUser(_ context.Context, before, after nguard.User) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	now, ok := u.m[before.ID]
	if !ok {
		return nguard.ErrNoUser
	}
	if now.Name != before.Name || now.Email != before.Email || now.Role != before.Role || now.Disabled != before.Disabled ||
		!slices.Equal(now.Permissions, before.Permissions) || !sameData(now.Data, before.Data) {
		return nguard.ErrConflict
	}
	if now.Role == "admin" && (after.Role != "admin" || after.Disabled) {
		admins := 0
		for _, p := range u.m {
			if p.Role == "admin" && !p.Disabled {
				admins++
			}
		}
		if admins < 2 {
			return nguard.ErrLastAdmin
		}
	}
	u.m[after.ID] = after
	return nil
}

// sameData compares by JSON, so that 3 and int64(3) are the same, as they are in a database.
func sameData(a, b map[string]any) bool {
	ja, errA := json.Marshal(a)
	jb, errB := json.Marshal(b)
	return len(a) == 0 && len(b) == 0 || errA == nil && errB == nil && string(ja) == string(jb)
}
