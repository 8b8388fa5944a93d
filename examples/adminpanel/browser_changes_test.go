package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
)

func optimistic(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	uma := b.profile(t, p.base).open("#/me")
	uma.login("user@example.com")
	const theme = `document.documentElement.dataset.theme`
	uma.until(theme + ` === "light"`)
	answer := uma.hold("/api/auth/update")

	uma.press("dark")
	uma.until(theme + ` === "dark"`) // though the server has not heard of it
	answer <- pass
	uma.until(shows("theme: saved"))
	uma.until(theme + ` === "dark"`)
	if got := uma.serverSays("theme"); got != "dark" {
		t.Errorf("the server's theme is %v", got)
	}

	uma.allow("status of 403")
	uma.press("Try to take another role")
	uma.until(theme + ` === "light" && ` + shows("the page shows light"))
	uma.until(`document.querySelector(".who .pill").textContent === "user"`) // what is protected is not shown before
	answer <- pass
	uma.until(shows("the server answers 403") + " && " + theme + ` === "dark"`)
	uma.until(`document.querySelector(".who .pill").textContent === "user"`)
	if got := uma.serverSays("role"); got != "user" {
		t.Errorf("the server's role is %v", got)
	}

	// No answer at all is no success either.
	uma.allow("ERR_FAILED", "no JSON")
	uma.press("light")
	uma.until(theme + ` === "light"`)
	answer <- fail
	uma.until(theme + ` === "dark"`)
}

// serverSays is a value of the session as the server has it, whatever the page shows.
func (w *tab) serverSays(field string) string {
	w.t.Helper()
	return get[string](w, fmt.Sprintf(`fetch("/api/auth/session").then((r) => r.json()).then((a) => a.session.data[%s])`, quoted(field)))
}

func forged(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	uma := b.profile(t, p.base).open("#/me")
	uma.login("user@example.com")
	answer := uma.hold("/api/auth/validate")
	uma.allow("status of 403")
	uma.do(`dispatchEvent(new Event("focus"))`)
	lie := `{"valid":true,"session":{"user":{"id":"3","name":"Uma User","role":"admin"},"data":{"role":"admin","theme":"light","language":"en"},"expires":9999999999999},
		"permissions":["*"],"expiresIn":600000}`
	forge := func(ctx context.Context, id fetch.RequestID) error {
		_, err := chromedp.Call(ctx, fetch.FulfillRequest, fetch.FulfillRequestParams{
			RequestID: id, ResponseCode: 200, Body: []byte(lie),
			ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type", Value: "application/json"}},
		})
		return err
	}
	answer <- forge
	uma.until(menu("Users")) // the page believes it
	uma.at("#/users", "Users")
	go func() { // and asks again after each refusal, to be told the same
		for {
			select {
			case answer <- forge:
			case <-uma.ctx.Done():
				return
			}
		}
	}()
	uma.until(shows("You may not do this."))
	for _, request := range []struct{ method, path, body string }{
		{"GET", "/api/users", ""},
		{"GET", "/api/audit", ""},
		{"GET", "/api/policy", ""},
		{"GET", "/api/policy/can?user=1&permission=users:read", ""},
		{"GET", "/api/auth/users/1/sessions", ""},
		{"DELETE", "/api/auth/users/1/sessions", ""},
		{"POST", "/api/auth/update-role", `{"userId":"3","newRole":"admin"}`},
		{"POST", "/api/auth/update", `{"role":"admin"}`},
		{"POST", "/api/auth/update", `{"user":{"role":"admin"}}`},
	} {
		body := "undefined"
		if request.body != "" {
			body = quoted(request.body)
		}
		status := get[int](uma, fmt.Sprintf(`fetch(%s, { method: %s, body: %s, headers: { "content-type": "application/json" } }).then((r) => r.status)`,
			quoted(request.path), quoted(request.method), body))
		if status != 403 {
			t.Errorf("%s %s: status %d, want 403", request.method, request.path, status)
		}
	}
	if got := uma.serverSays("role"); got != "user" {
		t.Errorf("the server's role is %v", got)
	}
	users, _ := p.loggedIn("admin@example.com").do("GET", "/api/users", "", 200)["users"].([]any)
	if got := at(users[2].(map[string]any), "role"); got != "user" {
		t.Errorf("the role in the table is %v", got)
	}
}
