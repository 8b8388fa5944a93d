package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
)

// opened is the program's inside on a backing, without a listener.
func opened(t *testing.T, args []string) *app {
	t.Helper()
	o, err := parse(args, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	a, err := open(t.Context(), o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.guard.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		a.close()
	})
	return a
}

func setRole(ctx context.Context, a *app, id, role string) error {
	_, err := a.guard.ChangeUser(nguard.WithActor(ctx, "test"), id, func(u *nguard.User) error {
		u.Role = role
		return nil
	})
	return err
}

// TestOneAdminStays: two processes, each of which demotes one of the two admins at the same moment. One of the two
// changes must be refused, every time.
func TestOneAdminStays(t *testing.T) {
	for name, backing := range backings {
		if name == "scs" || name == "cookie" {
			continue // people are where they are with redis and sqlite
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := backing(t)
			one, two := opened(t, b.args("")), opened(t, b.args(""))
			refused := 0
			for round := range 50 {
				for _, id := range []string{"1", "2"} {
					if err := setRole(t.Context(), one, id, "admin"); err != nil {
						t.Fatal(err)
					}
				}
				second := make(chan error, 1)
				go func() { second <- setRole(t.Context(), two, "2", "user") }()
				errs := []error{setRole(t.Context(), one, "1", "user"), <-second}
				for _, err := range errs {
					if errors.Is(err, nguard.ErrLastAdmin) {
						refused++
					} else if err != nil {
						t.Fatalf("round %d: %v", round, err)
					}
				}
				admins := 0
				for _, id := range []string{"1", "2"} {
					p, err := two.users.User(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					if admin(p) {
						admins++
					}
				}
				if admins != 1 {
					t.Fatalf("round %d: %d admins are left, %v", round, admins, errs)
				}
			}
			if refused != 50 {
				t.Errorf("%d refusals in 50 rounds", refused)
			}
		})
	}
}

// TestAdminsOverHTTP is the same from their own sessions, which are locked, too, while a change is decided: whatever
// order the rows are locked in, both get an answer.
func TestAdminsOverHTTP(t *testing.T) {
	for _, name := range []string{"sqlite", "postgres", "mysql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := backings[name](t)
			p, inside := start(t, b.args("")...), opened(t, b.args(""))
			for round := range 4 {
				for _, id := range []string{"1", "2"} {
					if err := setRole(t.Context(), inside, id, "admin"); err != nil {
						t.Fatal(err)
					}
				}
				ada, mo := p.tokenOf(inside, "1"), p.tokenOf(inside, "2")
				second := make(chan int, 1)
				go func() {
					a, _ := mo.send("POST", "/api/auth/update-role", `{"userId":"1","newRole":"user"}`)
					second <- a.status
				}()
				a, err := ada.send("POST", "/api/auth/update-role", `{"userId":"2","newRole":"user"}`)
				if err != nil {
					t.Fatal(err)
				}
				got := []int{a.status, <-second}
				if slices.Sort(got); got[0] != 200 || got[1] != 403 {
					t.Errorf("round %d: %v, want 200 for the first and 403 for the other", round, got)
				}
			}
			p.end()
		})
	}
}

// TestUpdateUser: the stored row must equal what the change started from, to the letter, on every database.
func TestUpdateUser(t *testing.T) {
	for _, name := range []string{"sqlite", "postgres", "mysql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := opened(t, backings[name](t).args(""))
			ctx, u := t.Context(), a.users
			uma, err := u.User(ctx, "3")
			if err != nil {
				t.Fatal(err)
			}
			if err := u.UpdateUser(ctx, uma, uma); err != nil {
				t.Errorf("a change of nothing: %v", err)
			}
			other := uma
			for _, name := range []string{"Uma User ", "uma user", "Umá User"} {
				other.Name = name
				if err := u.UpdateUser(ctx, other, uma); !errors.Is(err, nguard.ErrConflict) {
					t.Errorf("from %q: %v", name, err)
				}
			}
			other = uma
			other.Email, other.Name, other.Data = "Ünal@Example.com", "名 'O\"Brien", map[string]any{"theme": "dark"}
			if err := u.UpdateUser(ctx, uma, other); err != nil {
				t.Fatal(err)
			}
			got, err := u.User(ctx, "3")
			if err != nil || got.Email != other.Email || got.Name != other.Name || got.Data["theme"] != "dark" {
				t.Errorf("stored %+v, %v", got, err)
			}
			if err := u.UpdateUser(ctx, uma, other); !errors.Is(err, nguard.ErrConflict) {
				t.Errorf("from an older row: %v", err)
			}
			if p, _, err := u.find(ctx, u.db, "login", ratelimit.FoldAccount(" ünal@EXAMPLE.com"), ""); err != nil || p.ID != "3" {
				t.Errorf("found by another spelling: %+v, %v", p, err)
			}
			taken := other
			taken.Email = "ADMIN@example.com"
			if err := u.UpdateUser(ctx, other, taken); !errors.Is(err, nguard.ErrInvalid) {
				t.Errorf("somebody else's address: %v", err)
			}
			if err := u.UpdateUser(ctx, nguard.User{ID: "4"}, nguard.User{ID: "4"}); !errors.Is(err, nguard.ErrNoUser) {
				t.Errorf("nobody: %v", err)
			}
			ada, err := u.User(ctx, "1")
			if err != nil {
				t.Fatal(err)
			}
			disabled := ada
			disabled.Disabled = true
			if err := u.UpdateUser(ctx, ada, disabled); !errors.Is(err, nguard.ErrLastAdmin) {
				t.Errorf("the last admin disabled: %v", err)
			}
		})
	}
}
