package main

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
)

// replies answers a held request in the server's place.
func replies(status int64, body string, headers ...*fetch.HeaderEntry) decision {
	return func(ctx context.Context, id fetch.RequestID) error {
		_, err := chromedp.Call(ctx, fetch.FulfillRequest, fetch.FulfillRequestParams{RequestID: id, ResponseCode: status, Body: []byte(body),
			ResponseHeaders: append([]*fetch.HeaderEntry{{Name: "Content-Type", Value: "application/json"}}, headers...)})
		return err
	}
}

const (
	soon = `{"valid":true,"session":{"user":{"id":"3","name":"Uma User","role":"user"},"data":{"role":"user","theme":"light","language":"en"},"expires":9999999999999},
		"permissions":[],"expiresIn":50000}`
	wait         = `{"error":"Too many requests.","message":"Too many requests.","code":"limited"}`
	unknown      = `{"error":"It is not known whether the change was made.","message":"It is not known whether the change was made.","code":"outcome_unknown"}`
	refusal      = `{"error":"You may not do this.","message":"You may not do this.","code":"forbidden"}`
	theCountdown = `[...document.querySelectorAll("p")].find((p) => /Your session ends in \d/.test(p.textContent))`
	theLogin     = `[...document.querySelectorAll("form button")].at(-1)`
)

func retryAfter(seconds string) *fetch.HeaderEntry {
	return &fetch.HeaderEntry{Name: "Retry-After", Value: seconds}
}

// unanswered loses the answer to a change of role that was made: the page shows what the server has.
func unanswered(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	ada := b.profile(t, p.base).open("")
	ada.login("admin@example.com")
	ada.allow("status of 503")
	answer := ada.hold("/api/auth/update-role")
	ada.choose("Role of Uma User", "moderator")
	ada.until(shows("Saving…"))
	p.loggedIn("admin@example.com").do("POST", "/api/auth/update-role", `{"userId":"3","newRole":"moderator"}`, 200)
	answer <- replies(503, unknown)
	ada.until(shows("Not known whether it was saved"))
	ada.until(`document.querySelector('[aria-label="Role of Uma User"]').value === "moderator"`)
	if get[bool](ada, shows("Uma User stays")) || get[bool](ada, shows("Back to user")) {
		t.Error("the page says that nothing has changed, which nobody knows")
	}
}

// countdown lets the end of the session come near: the notice counts, and what is read aloud stays as it is.
func countdown(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	uma := b.profile(t, p.base).open("")
	uma.login("user@example.com")
	nears(uma)
	if get[bool](uma, theCountdown+`.closest('[aria-live="polite"], [role="status"], [role="alert"]')`+" !== null") {
		t.Error("the countdown stands in a region that is read aloud at each change")
	}
	const aloud = `[...document.querySelectorAll('[aria-live="polite"]')].map((e) => e.textContent).join("|")`
	uma.do(`window.read = ` + aloud + `; window.first = ` + theCountdown + `.textContent`)
	uma.until(theCountdown + `.textContent !== window.first`)
	if !get[bool](uma, aloud+` === window.read && window.read.includes("less than a minute")`) {
		t.Errorf("read aloud: %q, then %q", get[string](uma, "window.read"), get[string](uma, aloud))
	}
}

// nears brings the end of the session near, for the page.
func nears(w *tab) {
	w.t.Helper()
	answer := w.hold("/api/auth/validate")
	w.do(`dispatchEvent(new Event("focus"))`)
	answer <- replies(200, soon)
	w.until(theCountdown)
}

// waits brings about a login that waits, because the server has asked for it.
func waits(w *tab) {
	w.t.Helper()
	w.allow("status of 429")
	answer := w.hold("/api/auth/login")
	w.run(chromedp.SendKeys(chromedp.CSS(`input[name="email"]`), "user@example.com"), chromedp.SendKeys(chromedp.CSS(`input[name="password"]`), "wrong\r"))
	answer <- replies(429, wait, retryAfter("50"))
	w.until(shows("Too many requests.") + " && !" + theLogin + ".disabled")
	w.do(theLogin + ".click()")
	w.until(shows("The server asks to wait before the next try:") + ` && document.querySelector('form [role="timer"]')`)
}

func held429(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	uma := b.profile(t, p.base).open("")
	uma.until(theLogin)
	waits(uma)
	if list := uma.requests("POST api/auth/login"); len(list) != 1 {
		t.Errorf("%d requests, want 1: the second waits", len(list))
	}
}

// uncommon checks what a page shows when something is wrong, or about to end.
func uncommon(t *testing.T, b *chromium, check func(w *tab, what string)) {
	t.Helper()
	p := panelOn(t, "nethttp")
	uma := b.profile(t, p.base).open("")
	uma.allow("ERR_", "status of 401", "no JSON")
	uma.login("user@example.com")
	nears(uma)
	check(uma, "the end is near")
	logout := uma.hold("/api/auth/logout")
	uma.press("Sign out")
	logout <- fail
	uma.until(shows("Not signed out:"))
	check(uma, "not signed out")

	mo := b.profile(t, p.base).open("")
	mo.until(theLogin)
	waits(mo)
	check(mo, "a login that waits")

	ada := b.profile(t, p.base).open("")
	ada.allow("status of 403", "ERR_", "no JSON")
	ada.login("admin@example.com")
	ada.choose("Role of Mo Derator", "admin") // the last admin is asked nothing
	ada.until(shows("Mo Derator is admin now."))
	ada.choose("Role of Ada Admin", "user")
	ada.until(shows("This is you"))
	check(ada, "one's own role")
	ada.press("Stay admin")
	change := ada.hold("/api/auth/update-role")
	ada.choose("Role of Uma User", "moderator")
	change <- replies(403, refusal)
	ada.until(shows("Back to user"))
	check(ada, "a refused change")
	records := ada.hold("/api/audit")
	ada.at("#/audit", "Audit")
	records <- fail
	ada.until(`document.querySelector('[role="alert"]')`)
	check(ada, "an error")
	look := ada.hold("/api/auth/validate")
	ada.do(`dispatchEvent(new Event("focus"))`)
	look <- fail
	ada.until(`document.querySelector('[data-mark="stale"]')`)
	check(ada, "out of reach")
}
