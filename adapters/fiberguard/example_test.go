package fiberguard_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/memstore"
)

// send is what a page of the application does: it sends the cookie that it got before.
func send(app *fiber.App, method, path, body string, cookies []*http.Cookie) *http.Response {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	resp, err := app.Test(r, -1)
	if err != nil {
		log.Fatal(err)
	}
	return resp
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
	app := fiber.New()
	app.Use(fiberguard.Sessions(guard), fiberguard.Endpoints(guard))
	app.Get("/account", fiberguard.Require(guard, policy.SignedIn), func(c *fiber.Ctx) error {
		session, err := fiberguard.From(c).Session()
		if err != nil {
			return fiberguard.Fail(c, err)
		}
		fmt.Println("hello", session.User().Name)
		return nil
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
	app := fiber.New()
	app.Use(fiberguard.Sessions(guard), fiberguard.Endpoints(guard, "login"))
	app.Post("/api/auth/login", func(c *fiber.Ctx) error {
		userID := "oidc|4711" // from a verified ID token
		session, err := fiberguard.From(c).Login(c.UserContext(), userID, nguard.LoginOptions{Methods: []string{"oidc"}})
		if err != nil {
			return fiberguard.Fail(c, err)
		}
		fmt.Println(session.UserID(), session.Methods())
		return nil
	})

	login := send(app, "POST", "/api/auth/login", "", nil)
	fmt.Println(send(app, "GET", "/api/auth/session", "", login.Cookies()).StatusCode)
	// Output:
	// oidc|4711 [oidc]
	// 200
}

// Errors of nguard are told apart by errors.Is where a handler does something else than Fail.
func ExampleFrom() {
	guard, err := nguard.New(nguard.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	app := fiber.New()
	app.Get("/", fiberguard.Sessions(guard), func(c *fiber.Ctx) error {
		session, err := fiberguard.From(c).Session()
		switch {
		case errors.Is(err, nguard.ErrNoSession):
			fmt.Println("a page for visitors")
		case err != nil: // an outage: nobody knows whether somebody is signed in
			return fiberguard.Fail(c, err)
		default:
			fmt.Println("a page for", session.UserID())
		}
		return nil
	})
	send(app, "GET", "/", "", nil)
	// Output: a page for visitors
}
