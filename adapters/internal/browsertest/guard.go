package browsertest

import (
	"context"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

var roleUser = policy.NewRole("user")

// What the guard of the tests knows.
var (
	Admin  = policy.NewRole("admin", "*").Inherits(roleUser)
	Theme  = &nguard.Field[string]{Name: "theme", Default: "light", Write: policy.Self, Scope: nguard.InUser}
	Visits = &nguard.Field[int]{Name: "visits"}
	role   = &nguard.Field[string]{Name: "role", Write: Admin, Scope: nguard.InUser, Rotate: true}
)

// NewGuard is a guard in memory with the admin ann and the users bob and eve.
func NewGuard(t testing.TB, options ...func(*nguard.Config)) *nguard.Guard {
	t.Helper()
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{roleUser, Admin}, Permissions: []policy.Permission{"posts:edit"}})
	if err != nil {
		t.Fatal(err)
	}
	c := nguard.Config{Roles: model, Fields: []nguard.AnyField{Theme, Visits, role}}
	for _, option := range options {
		option(&c)
	}
	return guardtest.New(t, c, nguard.User{ID: "ann", Role: "admin"}, nguard.User{ID: "bob", Role: "user"}, nguard.User{ID: "eve", Role: "user"})
}

// Credentials are what somebody logs in with at the endpoint.
func Credentials(userID string) string {
	return `{"id":"` + userID + `","password":"` + guardtest.Password + `"}`
}

// Full is a limiter that lets nobody through.
type Full struct{}

// Take is the limiter's.
func (Full) Take(context.Context, nguard.Caller, int) (nguard.Quota, error) {
	return nguard.Quota{Name: "full", Limit: 5, Window: time.Minute, RetryAfter: 1500 * time.Millisecond}, nil
}

// Visit counts a visit, which sets a cookie.
func Visit(ctx context.Context, r *nguard.Request) error {
	_, err := r.Update(ctx, func(d *nguard.Draft) error {
		return Visits.Modify(d, func(n int) int { return n + 1 })
	})
	return err
}

// Events is a sink that hands records to the test: those of refusals are written after the answer.
type Events chan nguard.Event

// Record is the sink's.
func (e Events) Record(_ context.Context, event nguard.Event) error {
	e <- event
	return nil
}

// Next waits for the next record of this name.
func (e Events) Next(t testing.TB, name string) nguard.Event {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case event := <-e:
			if event.Name == name {
				return event
			}
		case <-limit:
			t.Fatalf("no record of %s", name)
		}
	}
}

// Option makes a guard record there.
func (e Events) Option(c *nguard.Config) { c.Audit = e }
