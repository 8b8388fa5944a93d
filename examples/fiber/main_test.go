package main

import (
	"testing"

	"github.com/nguard-go/nguard/examples/internal/program"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// TestProgram is a visitor, a login, a page of one's own and another theme, on two devices.
func TestProgram(t *testing.T) {
	p := program.Start(t)
	ann, phone := p.Browser(t), p.Browser(t)
	ann.Get("/account", 401, "no_session")
	ann.Post("/api/auth/login", `{"email":"ann@example.com","password":"wrong"}`, 401, "bad_credentials")
	ann.Login("ann@example.com")
	phone.Login("ann@example.com")
	ann.Get("/account", 200, "The page of Ann, in a light theme.")
	ann.Post("/api/auth/update", `{"data":{"theme":"pink"}}`, 400, "must be one of light, dark")
	ann.Post("/api/auth/update", `{"data":{"theme":"dark"}}`, 200, `"theme":"dark"`)
	phone.Get("/account", 200, "in a dark theme")
	ann.Post("/api/auth/logout", "", 200, "signed out")
	ann.Get("/account", 401, "no_session")
	phone.Get("/account", 200, "Ann")
	p.Stop(t)
}
