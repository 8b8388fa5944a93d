package main

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/nguard-go/nguard/stores/servicetest"
)

// browserCase is something that people do with the panel.
type browserCase struct {
	name string
	run  func(t *testing.T, b *chromium, adapter string)
}

// TestBrowser drives the panel in a real browser, on each adapter, as two people would: each in a profile of their own.
func TestBrowser(t *testing.T) {
	b := browse(t)
	t.Run("accessible", func(t *testing.T) { accessible(t, b) }) // the page is the same on each
	for _, adapter := range adapters {
		t.Run(adapter, func(t *testing.T) {
			for _, c := range []browserCase{ // how long a page takes is measured, with nobody beside it
				{"a change of role is live", liveRole},
				{"a change at another process is live", liveElsewhere},
				{"a revoked page signs out", revoked},
				{"ten tabs, one stream", tenTabs},
			} {
				t.Run(c.name, func(t *testing.T) { c.run(t, b, adapter) })
			}
			for _, c := range []browserCase{
				{"optimistic, and back", optimistic},
				{"logout empties other tabs", logoutEverywhere},
				{"a logout that failed is not claimed", unreached},
				{"a change without an answer is not called refused", unanswered},
				{"a countdown is not read aloud", countdown},
				{"a login that waits says so", held429},
				{"Retry-After is honoured", patient},
				{"an outage signs nobody out", outage},
				{"a forged role changes nothing", forged},
				{"records, policy and sessions", tour},
				{"a late answer is not shown", late},
				{"by keyboard", keyboard},
				{"the console is heard", canary},
			} {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, b, adapter)
				})
			}
		})
	}
}

// panelOn starts the program with all in memory.
func panelOn(t *testing.T, adapter string) *program {
	return start(t, "-adapter", adapter, "-store", "memory", "-users", "memory")
}

// tour does what an admin does in a day, and looks at what is shown.
func tour(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	uma := p.loggedIn("user@example.com")
	uma.do("GET", "/api/users", "", 403)
	ada := b.profile(t, p.base).open("")
	ada.login("admin@example.com")
	ada.until(shows("The last admin keeps the role."))
	ada.choose("Role of Mo Derator", "admin")
	ada.until(shows("Mo Derator is admin now."))
	// One's own role is asked about first, since it may cost one this page.
	ada.choose("Role of Ada Admin", "user")
	ada.press("Stay admin")
	ada.until(`!` + shows("This is you"))

	ada.at("#/audit", "Audit")
	ada.until(`document.querySelectorAll("tbody tr").length > 3`)
	ada.choose("Action", "authz_change")
	ada.until(`document.querySelectorAll("tbody tr").length === 1 && document.querySelector(".changes").textContent === "role moderator → admin"`)
	ada.choose("Action", "")
	ada.choose("Outcome", "denied")
	ada.choose("Person", "3")
	ada.until(`document.querySelectorAll("tbody tr").length === 1 && ` + shows("permission:users:read"))
	ada.press("Details of record")
	ada.until(shows("Rule that decided") + " && " + shows("GET /api/users"))

	ada.at("#/policy", "Policy")
	ada.until(`document.querySelectorAll(".matrix").length === 2`)
	ada.choose("Can", "3")
	ada.press("Ask the server")
	ada.until(shows("Uma User cannot do audit:read") + " && " + shows("permission:audit:read"))
	ada.choose("do", "field role")
	ada.choose("Can", "1")
	ada.choose("of", "3")
	ada.press("Ask the server")
	ada.until(shows("Ada Admin can write role of Uma User") + " && " + shows("role:admin"))

	ada.at("#/sessions", "Your sessions")
	ada.until(`document.querySelectorAll("tbody tr").length === 1 && ` + shows("this session"))
	ada.choose("Person", "3")
	ada.until(`document.querySelector("h1").textContent === "Sessions" && document.querySelectorAll("tbody tr").length === 1`)

	ada.at("#/me", "Me")
	ada.front()
	ada.run(chromedp.SendKeys(chromedp.CSS(`input[autocomplete="name"]`), " the First"))
	ada.press("Save name")
	ada.until(`document.querySelector(".who strong").textContent === "Ada Admin the First"`)
}

// canary: the tests hear what they rely on hearing.
func canary(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	w := b.profile(t, p.base).open("")
	heard := func(what, words string) {
		t.Helper()
		w.allow(words)
		servicetest.Until(t, what, func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(w.problems) > 0
		})
		w.mu.Lock()
		w.problems = nil
		w.mu.Unlock()
	}
	w.do(`{ const s = document.createElement("script"); s.textContent = "window.injected = true"; document.body.append(s) }`)
	heard("an inline script is refused and told", "Content Security Policy")
	w.until("!window.injected")
	w.do(`{ const i = document.createElement("img"); i.src = "http://example.com/x.png"; document.body.append(i) }`)
	heard("a request elsewhere is refused and told", "Content Security Policy")
	w.do(`document.body.setAttribute("style", "x"), document.body.insertAdjacentHTML("beforeend", "<p style='color:red'>x</p>")`)
	heard("an inline style is refused and told", "Content Security Policy")
	w.do(`console.error("of a test")`)
	heard("an error is told", "of a test")
	w.do(`setTimeout(() => { throw Error("thrown by a test") })`)
	heard("an exception is told", "thrown by a test")
}
