package ginguard_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/memstore"
)

// send is what a page of the application does: it sends the cookie that it got before.
func send(h http.Handler, method, path, body string, cookies []*http.Cookie) *http.Response {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// A whole small application: the middleware stands in front once, handlers ask for the session.
func Example() {
	guard, err := nguard.New(nguard.Config{
		Store:  memstore.New(),
		Users:  guardtest.NewUsers(nguard.User{ID: "ann", Name: "Ann"}), // the application's own table
		Limits: nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited},
	})
	if err != nil {
		log.Fatal(err)
	}
	app := gin.New()
	app.Use(ginguard.Sessions(guard), ginguard.Endpoints(guard))
	app.GET("/account", ginguard.Require(guard, policy.SignedIn), func(c *gin.Context) {
		session, err := ginguard.From(c).Session()
		if err != nil {
			ginguard.Fail(c, err)
			return
		}
		fmt.Println("hello", session.User().Name)
	})

	fmt.Println("before:", send(app, "GET", "/account", "", nil).StatusCode)
	login := send(app, "POST", "/api/auth/login", `{"id":"ann","password":"guardtest-password"}`, nil)
	fmt.Println("login:", login.StatusCode)
	fmt.Println("after:", send(app, "GET", "/account", "", login.Cookies()).StatusCode)
	// Output:
	// before: 401
	// login: 200
	// hello Ann
	// after: 200
}

// A login of the application's own, such as by OpenID Connect, takes the place of the endpoint.
func ExampleEndpoints() {
	guard, err := nguard.New(nguard.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	app := gin.New()
	app.Use(ginguard.Sessions(guard), ginguard.Endpoints(guard, "login"))
	app.POST("/api/auth/login", func(c *gin.Context) {
		userID := "oidc|4711" // from a verified ID token
		session, err := ginguard.From(c).Login(c.Request.Context(), userID, nguard.LoginOptions{Methods: []string{"oidc"}})
		if err != nil {
			ginguard.Fail(c, err)
			return
		}
		fmt.Println(session.UserID(), session.Methods())
	})

	login := send(app, "POST", "/api/auth/login", "", nil)
	fmt.Println(send(app, "GET", "/api/auth/session", "", login.Cookies()).StatusCode)
	// Output:
	// oidc|4711 [oidc]
	// 200
}

// Below a path of the application's own the endpoints are a route: gin runs the middleware of a group for
// its routes only.
func ExampleEndpoints_group() {
	guard, err := nguard.New(nguard.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	r := gin.New()
	app := r.Group("/app", ginguard.Sessions(guard))
	app.Any("/api/auth/*endpoint", ginguard.Endpoints(guard))

	fmt.Println(send(r, "GET", "/app/api/auth/session", "", nil).StatusCode)
	// Output: 401
}

// Errors of nguard are told apart by errors.Is where a handler does something else than Fail.
func ExampleFrom() {
	guard, err := nguard.New(nguard.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	app := gin.New()
	app.GET("/", ginguard.Sessions(guard), func(c *gin.Context) {
		session, err := ginguard.From(c).Session()
		switch {
		case errors.Is(err, nguard.ErrNoSession):
			fmt.Println("a page for visitors")
		case err != nil: // an outage: nobody knows whether somebody is signed in
			ginguard.Fail(c, err)
		default:
			fmt.Println("a page for", session.UserID())
		}
	})
	send(app, "GET", "/", "", nil)
	// Output: a page for visitors
}
