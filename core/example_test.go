package nguard_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/memstore"
)

// Roles and fields are declared once, as package variables.
var (
	User  = policy.NewRole("user")
	Admin = policy.NewRole("admin").Inherits(User)

	Theme = &nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser}
	Views = &nguard.Field[int]{Name: "views"}
	Role  = &nguard.Field[string]{Name: "role", Write: Admin, Scope: nguard.InUser, Rotate: true}
)

// exampleGuard is the guard of the examples: in memory, with an admin and a user.
func exampleGuard(c nguard.Config) *nguard.Guard {
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{User, Admin}})
	if err != nil {
		log.Fatal(err)
	}
	c.Store, c.Roles = memstore.New(), model
	c.Users = guardtest.NewUsers(nguard.User{ID: "ann", Role: "admin"}, nguard.User{ID: "bob", Role: "user"})
	c.Fields = []nguard.AnyField{Theme, Views, Role}
	c.Limits = nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited} // a real program: ratelimit.Defaults()
	guard, err := nguard.New(c)
	if err != nil {
		log.Fatal(err)
	}
	return guard
}

// post sends a request of a signed-in person to a handler behind the guard.
func post(guard *nguard.Guard, userID, path, body string, handler http.HandlerFunc) *httptest.ResponseRecorder {
	token, _, err := guard.Login(nguard.WithActor(context.Background(), "job:example"), userID, nguard.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.AddCookie(&http.Cookie{Name: guard.CookieName(), Value: token})
	w := httptest.NewRecorder()
	httpguard.Sessions(guard)(httpguard.Endpoints(guard)(handler)).ServeHTTP(w, r)
	return w
}

// What a browser may change is declared: with a type, its values, and a policy. Everything else is
// refused or dropped.
func ExampleField() {
	guard := exampleGuard(nguard.Config{})
	for _, body := range []string{`{"theme":"dark"}`, `{"theme":"pink"}`, `{"role":"admin"}`, `{"isAdmin":true}`} {
		fmt.Println(body, post(guard, "bob", "/api/auth/update", body, nil).Code)
	}
	// Output:
	// {"theme":"dark"} 200
	// {"theme":"pink"} 400
	// {"role":"admin"} 403
	// {"isAdmin":true} 400
}

// A handler changes the session by a function, which runs again when another request was faster.
func ExampleRequest_Update() {
	guard := exampleGuard(nguard.Config{})
	post(guard, "bob", "/page", "", func(w http.ResponseWriter, r *http.Request) {
		session, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			return Views.Modify(d, func(n int) int { return n + 1 })
		})
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Println(session.UserID(), Views.Get(session), Theme.Get(session))
	})
	// Output: bob 1 light
}

// A policy may look at the row that a handler has loaded.
func ExampleRequest_Authorize() {
	type Post struct{ Author string }
	author := policy.On("author", func(a nguard.Access, p Post) bool { return p.Author == a.Subject.UserID })
	mayEdit := policy.Any(Admin, author)

	guard := exampleGuard(nguard.Config{})
	for _, user := range []string{"ann", "bob"} {
		w := post(guard, user, "/posts/1", "", func(w http.ResponseWriter, r *http.Request) {
			if err := httpguard.From(r).Authorize(r.Context(), mayEdit, Post{Author: "eve"}); err != nil {
				httpguard.Fail(w, r, err)
				return
			}
			fmt.Fprint(w, "edited")
		})
		fmt.Println(user, w.Code)
	}
	// Output:
	// ann 200
	// bob 403
}

// A change of a person reaches all their sessions by the next request. Outside of a request the context
// says who makes it.
func ExampleGuard_ChangeUser() {
	guard := exampleGuard(nguard.Config{})
	ctx := nguard.WithActor(context.Background(), "job:promotions")
	token, session, err := guard.Login(ctx, "bob", nguard.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(Role.Get(session))

	_, err = guard.ChangeUser(ctx, "bob", func(u *nguard.User) error {
		u.Role = "admin"
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	if session, err = guard.Lookup(ctx, token); err != nil {
		log.Fatal(err)
	}
	fmt.Println(Role.Get(session))

	_, err = guard.ChangeUser(context.Background(), "bob", func(*nguard.User) error { return nil })
	fmt.Println(errors.Is(err, nguard.ErrNoActor))
	// Output:
	// user
	// admin
	// true
}

// A sink is one method. What it cannot record does not happen.
func ExampleSink() {
	sink := nguard.SinkFunc(func(_ context.Context, e nguard.Event) error {
		if e.Name == nguard.EventAuthzChange && e.Outcome == nguard.Success {
			fmt.Println(e.Actor, "changed", e.Target, e.Changes)
		}
		return nil
	})
	guard := exampleGuard(nguard.Config{Audit: sink})
	post(guard, "ann", "/api/auth/update-role", `{"userId":"bob","newRole":"admin"}`, nil)
	// Output: ann changed bob [{role user admin}]
}

// people is a users table. Its statement joins a transaction that is under way.
type people struct{ db *sql.DB }

func (p *people) rename(ctx context.Context, id, name string) error {
	const query = "UPDATE people SET name = ? WHERE id = ?"
	if tx, ok := nguard.TxOf(ctx, p.db); ok {
		_, err := tx.ExecContext(ctx, query, name, id)
		return err
	}
	_, err := p.db.ExecContext(ctx, query, name, id)
	return err
}

// A program that has begun a transaction hands it on by the context: what lives in the same database, such
// as a SQL store, a SQL sink and the program's own tables, works inside it.
func ExampleWithTx() {
	db := sql.OpenDB(printingDatabase{})
	ctx, table := context.Background(), &people{db}

	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := table.rename(nguard.WithTx(ctx, db, tx), "bob", "Bob"); err != nil {
		log.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		log.Fatal(err)
	}
	_, inside := nguard.TxOf(ctx, db)
	fmt.Println(inside)
	// Output:
	// begin
	// UPDATE people SET name = ? WHERE id = ?
	// commit
	// false
}

// printingDatabase prints what a database would be asked.
type printingDatabase struct{}

func (d printingDatabase) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d printingDatabase) Driver() driver.Driver                        { return nil }
func (d printingDatabase) Prepare(query string) (driver.Stmt, error)    { return statement(query), nil }
func (d printingDatabase) Close() error                                 { return nil }
func (d printingDatabase) Begin() (driver.Tx, error)                    { fmt.Println("begin"); return d, nil }
func (d printingDatabase) Commit() error                                { fmt.Println("commit"); return nil }
func (d printingDatabase) Rollback() error                              { fmt.Println("rollback"); return nil }

type statement string

func (s statement) Close() error                              { return nil }
func (s statement) NumInput() int                             { return -1 }
func (s statement) Query([]driver.Value) (driver.Rows, error) { return nil, driver.ErrSkip }
func (s statement) Exec([]driver.Value) (driver.Result, error) {
	fmt.Println(s)
	return driver.RowsAffected(1), nil
}
