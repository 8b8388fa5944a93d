package adaptertest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// gatedUsers verifies, and then waits at a gate before it says so: what is verified is old by then.
type gatedUsers struct {
	nguard.Users
	password atomic.Value
	verified atomic.Int32
	mu       sync.Mutex
	gate     func() // runs once, before the next verification is answered
	lookup   func() // runs once, before the next user is answered
}

func (u *gatedUsers) User(ctx context.Context, id string) (nguard.User, error) {
	user, err := u.Users.User(ctx, id)
	u.mu.Lock()
	gate := u.lookup
	u.lookup = nil
	u.mu.Unlock()
	if gate != nil {
		gate()
	}
	return user, err
}

func (u *gatedUsers) Unwrap() any { return u.Users }

func (u *gatedUsers) Identify(ctx context.Context, c nguard.Credentials) (string, error) {
	return u.Users.(nguard.Authenticator).Identify(ctx, c)
}

func (u *gatedUsers) UpdateUser(ctx context.Context, before, after nguard.User) error {
	return u.Users.(nguard.UserUpdater).UpdateUser(ctx, before, after)
}

func (u *gatedUsers) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	user, err := u.Users.(nguard.Authenticator).Authenticate(ctx, c)
	if err == nil && c.Get("password") != u.password.Load() {
		err = nguard.ErrBadCredentials
	}
	u.verified.Add(1)
	u.mu.Lock()
	gate := u.gate
	u.gate = nil
	u.mu.Unlock()
	if gate != nil {
		gate()
	}
	return user, err
}

// racedLogin logs the user in while change happens: after the credentials were verified, before a session
// exists. It returns the answer, and how often the credentials were verified.
func racedLogin(t *testing.T, w *world, b *browser, change func()) (answer, int) {
	t.Helper()
	users := w.config.Users.(*gatedUsers)
	users.verified.Store(0)
	entered, release := make(chan struct{}), make(chan struct{})
	users.mu.Lock()
	users.gate = func() {
		close(entered)
		<-release
	}
	users.mu.Unlock()
	done := make(chan answer, 1)
	go func() {
		a, err := b.try("POST", "/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`)
		if err != nil {
			t.Error(err)
		}
		done <- a
	}()
	<-entered
	change()
	close(release)
	return <-done, int(users.verified.Load())
}

// gated puts a gate before the users table.
func gated(c *nguard.Config) {
	u := &gatedUsers{Users: c.Users}
	u.password.Store(guardtest.Password)
	c.Users, c.Timeout = u, 20*time.Second
}
