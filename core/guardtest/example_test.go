package guardtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// A test of a program's own route: nobody, a user and an admin ask for a page.
func Example() {
	t := &testing.T{} // yours comes with the test function

	admin := policy.NewRole("admin")
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{admin}})
	if err != nil {
		fmt.Println(err)
		return
	}
	guard := guardtest.New(t, nguard.Config{Roles: model}, nguard.User{ID: "ann", Role: "admin"}, nguard.User{ID: "bob"})
	page := httpguard.Require(guard, admin)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))

	for _, user := range []string{"", "bob", "ann"} {
		r := httptest.NewRequest("GET", "/admin", nil)
		if user != "" {
			r = guardtest.SignedIn(t, guard, user, r)
		}
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		fmt.Printf("%q: %d\n", user, w.Code)
	}
	// Output:
	// "": 401
	// "bob": 403
	// "ann": 200
}
