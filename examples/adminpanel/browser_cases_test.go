package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/nguard-go/nguard/stores/servicetest"
)

// TestBrowser drives the panel in a real browser, on each adapter, as two people would: each in a profile of their own.
func TestBrowser(t *testing.T) {
	b := browse(t)
	t.Run("accessible", func(t *testing.T) { accessible(t, b) }) // the page is the same on each
	for _, adapter := range adapters {
		t.Run(adapter, func(t *testing.T) {
			for _, c := range []struct {
				name string
				run  func(t *testing.T, b *chromium, adapter string)
			}{
				{"a change of role is live", liveRole},
				{"a change at another process is live", liveElsewhere},
				{"optimistic, and back", optimistic},
				{"logout empties other tabs", logoutEverywhere},
				{"a revoked page signs out", revoked},
				{"Retry-After is honoured", patient},
				{"an outage signs nobody out", outage},
				{"a forged role changes nothing", forged},
				{"ten tabs, one stream", tenTabs},
				{"records, policy and sessions", tour},
				{"a late answer is not shown", late},
				{"by keyboard", keyboard},
				{"the console is heard", canary},
			} {
				t.Run(c.name, func(t *testing.T) { c.run(t, b, adapter) })
			}
		})
	}
}

// panelOn starts the program with all in memory.
func panelOn(t *testing.T, adapter string) *program {
	return start(t, "-adapter", adapter, "-store", "memory", "-users", "memory")
}

func liveRole(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	ada, uma := b.profile(t, p.base).open(""), b.profile(t, p.base).open("")
	ada.login("admin@example.com")
	uma.login("user@example.com")
	uma.do(`window.sameDocument = true`)
	uma.until(menu("Me") + " && !" + menu("Users"))
	for range 2 {
		for _, step := range []struct{ role, entry string }{{"admin", menu("Users")}, {"user", "!" + menu("Users")}} {
			ada.choose("Role of Uma User", step.role)
			ada.until(shows("Uma User is " + step.role + " now."))
			if took := uma.until(step.entry + " && " + shows("Your role is now "+step.role)); took > time.Second {
				t.Errorf("role %s: the other page shows it %v after the answer", step.role, took)
			}
		}
	}
	uma.until("window.sameDocument")
}

// liveElsewhere is the same over two processes, on the stores that tell of changes.
func liveElsewhere(t *testing.T, b *chromium, adapter string) {
	for _, name := range []string{"postgres", "redis"} {
		t.Run(name, func(t *testing.T) {
			back := backings[name](t)
			one := start(t, append(back.args(""), "-adapter", adapter)...)
			two := spawn(t, append(back.args(""), "-adapter", adapter)...)
			uma := b.profile(t, one.base).open("#/me")
			uma.login("user@example.com")
			ada := two.loggedIn("admin@example.com")
			// What is changed before the page listens it finds out by asking: this is about the moment after.
			servicetest.Until(t, "the stream is open", func() bool { s := uma.requests("GET api/auth/events"); return len(s) > 0 && s[0].status == 200 })
			for _, step := range []struct{ role, entry string }{{"admin", menu("Users")}, {"user", "!" + menu("Users")}, {"admin", menu("Users")}} {
				ada.do("POST", "/api/auth/update-role", `{"userId":"3","newRole":"`+step.role+`"}`, 200)
				if took := uma.until(step.entry); took > time.Second {
					t.Errorf("role %s: the page at the other process shows it after %v", step.role, took)
				}
			}
		})
	}
}

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
	answer <- func(ctx context.Context, id fetch.RequestID) error {
		_, err := chromedp.Call(ctx, fetch.FailRequest, fetch.FailRequestParams{RequestID: id, ErrorReason: network.ErrorReasonFailed})
		return err
	}
	uma.until(theme + ` === "dark"`)
}

// serverSays is a value of the session as the server has it, whatever the page shows.
func (w *tab) serverSays(field string) string {
	w.t.Helper()
	return get[string](w, fmt.Sprintf(`fetch("/api/auth/session").then((r) => r.json()).then((a) => a.session.data[%s])`, quoted(field)))
}

func logoutEverywhere(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	browser := b.profile(t, p.base)
	one := browser.open("")
	one.login("user@example.com")
	two, three := browser.open("#/sessions"), browser.open("#/me")
	for _, w := range []*tab{two, three} {
		w.until(`document.querySelector("nav")`)
	}
	one.allow("status of 401")
	two.allow("status of 401")
	three.allow("status of 401")
	one.press("Sign out")
	one.untilSignedOut("You are signed out.")
	two.untilSignedOut("")
	three.untilSignedOut("")
}

func revoked(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	ada, uma := b.profile(t, p.base).open(""), b.profile(t, p.base).open("")
	uma.login("user@example.com")
	ada.login("admin@example.com")
	uma.allow("status of 401")
	ada.at("#/sessions/3", "Sessions")
	ada.until(`document.querySelectorAll("tbody tr").length === 1`)
	ada.press("Sign out all")
	ada.until(shows("Nobody is signed in here."))
	if took := uma.untilSignedOut("the session was ended from elsewhere"); took > time.Second {
		t.Errorf("the revoked page signs out after %v", took)
	}
	// One of two, by its handle.
	uma.login("user@example.com")
	phone := b.profile(t, p.base).open("")
	phone.login("user@example.com")
	phone.allow("status of 401")
	ada.press("Refresh")
	ada.until(`document.querySelectorAll("tbody tr").length === 2`)
	ada.do(`document.querySelector("tbody tr button").click()`) // the newest is above
	phone.untilSignedOut("the session was ended from elsewhere")
	uma.until(`document.querySelector("nav")`)
}

func patient(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	ada := b.profile(t, p.base).open("")
	ada.login("admin@example.com")
	ada.at("#/limits", "Limits")
	ada.allow("status of 429")
	ada.press("Send 8 requests")
	ada.until(shows("as the server has asked"))
	ada.until(shows("Done: 7 served, 1 refused."))
	list := ada.requests("POST api/burst")
	if len(list) != 8 {
		t.Fatalf("%d requests, want 8", len(list))
	}
	for i, s := range list {
		if want := map[bool]int64{true: 429, false: 200}[i == 5]; s.status != want {
			t.Errorf("request %d: status %d, want %d", i+1, s.status, want)
		}
	}
	wait := get[float64](ada, `Number([...document.querySelectorAll("table:last-of-type td.number")].at(-1).textContent.replace(" s", ""))`)
	if gap := list[6].at.Sub(list[5].at); wait < 1 || gap < time.Duration(wait)*time.Second {
		t.Errorf("Retry-After was %v s, and the next request came after %v", wait, gap)
	}
}

func outage(t *testing.T, b *chromium, adapter string) {
	if os.Getenv("NGUARD_TEST_REDIS") == "" && os.Getenv("NGUARD_TEST_POSTGRES") == "" {
		t.Skip("neither NGUARD_TEST_POSTGRES nor NGUARD_TEST_REDIS is set: it takes a store that can be away")
	}
	name := "postgres"
	if os.Getenv("NGUARD_TEST_POSTGRES") == "" {
		name = "redis"
	}
	back := backings[name](t)
	proxy := servicetest.NewProxy(t, back.addr)
	p := start(t, append(back.args(proxy.Addr), "-adapter", adapter)...)
	uma := b.profile(t, p.base).open("#/me")
	uma.login("user@example.com")
	uma.allow("status of 503", "ERR_", "no JSON")
	proxy.Refuse()
	uma.do(`dispatchEvent(new Event("focus"))`)
	uma.until(`document.querySelector('[data-mark="stale"]')`)
	uma.until(`document.querySelector("nav") && ` + shows("Uma User"))
	// A change is not claimed to be made, and the page goes back.
	uma.press("dark")
	uma.until(shows("theme: refused") + ` && document.documentElement.dataset.theme === "light"`)
	proxy.Heal(t)
	uma.press("Try now")
	uma.until(`!document.querySelector('[data-mark="stale"]')`)
	uma.until(`document.querySelector("nav") && ` + shows("Uma User"))
	if got := uma.serverSays("theme"); got != "light" {
		t.Errorf("the server's theme is %v", got)
	}
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

func tenTabs(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	browser := b.profile(t, p.base)
	tabs := []*tab{browser.open("#/me")}
	tabs[0].login("user@example.com")
	for range 9 {
		tabs = append(tabs, browser.open("#/me"))
	}
	for _, w := range tabs {
		w.until(`document.querySelector("nav")`)
	}
	streams := func() (all, open int, leader *tab) {
		for _, w := range tabs {
			for _, s := range w.requests("GET api/auth/events") {
				all++
				if s.ended.IsZero() {
					open++
					leader = w
				}
			}
		}
		return all, open, leader
	}
	servicetest.Until(t, "one stream is open", func() bool { _, open, _ := streams(); return open == 1 })
	if all, _, _ := streams(); all != 1 {
		t.Errorf("%d streams were opened by ten tabs", all)
	}
	// What one connection hears, all ten show.
	ada := p.loggedIn("admin@example.com")
	ada.do("POST", "/api/auth/update-role", `{"userId":"3","newRole":"moderator"}`, 200)
	begun := time.Now()
	for _, w := range tabs {
		w.until(`document.querySelector(".who .pill").textContent === "moderator"`)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("ten tabs show the role after %v", took)
	}
	// When the tab that listens goes elsewhere, another one does.
	_, _, leader := streams()
	leader.run(chromedp.Navigate("about:blank"))
	rest := []*tab{}
	for _, w := range tabs {
		if w != leader {
			rest = append(rest, w)
		}
	}
	tabs = rest
	servicetest.Until(t, "another tab listens", func() bool { _, open, _ := streams(); return open == 1 })
	ada.do("POST", "/api/auth/update-role", `{"userId":"3","newRole":"user"}`, 200)
	for _, w := range tabs {
		w.until(`document.querySelector(".who .pill").textContent === "user"`)
	}
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

// late answers two questions about records in the other order: what was asked last is what is shown.
func late(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	p.loggedIn("user@example.com").do("GET", "/api/users", "", 403)
	ada := b.profile(t, p.base).open("")
	ada.login("admin@example.com")
	ada.at("#/audit", "Audit")
	ada.until(`document.querySelectorAll("tbody tr").length > 2`)
	logins, denied := ada.hold("event=authn_login_success"), ada.hold("outcome=denied")
	ada.choose("Action", "authn_login_success")
	ada.choose("Action", "")
	ada.choose("Outcome", "denied")
	denied <- pass
	ada.until(`document.querySelectorAll("tbody tr").length === 1 && ` + shows("permission:users:read"))
	logins <- pass
	ada.until(`performance.getEntriesByType("resource").some((e) => e.name.includes("authn_login_success"))`)
	// Time enough to show it: what is drawn next but one comes after whatever the answer has led to.
	ada.do(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))`)
	if !get[bool](ada, `document.querySelectorAll("tbody tr").length === 1 && `+shows("permission:users:read")) {
		t.Error("the page shows the answer to a question that is not the last one")
	}
}

// keyboard logs in and changes a role with keys alone.
func keyboard(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	ada := b.profile(t, p.base).open("")
	ada.login("admin@example.com") // by keys
	ada.until(`document.querySelector('[aria-label="Role of Uma User"]')`)
	ada.run(chromedp.KeyEvent("\t"))
	ada.until(`document.activeElement.className === "skip" && document.activeElement.getBoundingClientRect().left >= 0`)
	ada.run(chromedp.KeyEvent("\r"))
	ada.until(`document.activeElement.id === "content"`)
	for tries := 0; ; tries++ {
		if get[bool](ada, `document.activeElement.getAttribute("aria-label") === "Role of Uma User"`) {
			break
		}
		if tries == 30 {
			t.Fatal("the role of Uma cannot be reached with the tabulator")
		}
		ada.run(chromedp.KeyEvent("\t"))
	}
	ada.until(`getComputedStyle(document.activeElement).outlineStyle !== "none"`)
	ada.run(chromedp.KeyEvent("m"))
	ada.until(shows("Uma User is moderator now."))
	ada.until(`document.activeElement.getAttribute("aria-label") === "Role of Uma User"`)
}

// axe is the accessibility checker that npm ci puts beside the page's sources.
const axe = "web/node_modules/axe-core/axe.min.js"

func accessible(t *testing.T, b *chromium) {
	source, err := os.ReadFile(axe)
	if err != nil {
		t.Fatalf("%s is not there: run npm ci in examples/adminpanel/web", axe)
	}
	p := panelOn(t, "nethttp")
	p.loggedIn("user@example.com").do("GET", "/api/users", "", 403)
	w := b.profile(t, p.base).open("")
	check := func(what string) {
		t.Helper()
		w.do("(() => {" + string(source) + "})()")
		if rules := get[int](w, `axe.getRules().length`); rules < 50 {
			t.Errorf("axe has %d rules", rules)
		}
		for _, width := range []int64{375, 1440} {
			w.run(chromedp.EmulateViewport(width, 900))
			w.until(fmt.Sprintf("innerWidth === %d && document.documentElement.scrollWidth <= innerWidth", width))
			found := get[[]string](w, `axe.run({ resultTypes: ["violations"] }).then((r) =>
				r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html + " " + n.failureSummary).join(" | ")))`)
			for _, one := range found {
				t.Errorf("%s, %d pixels wide: %s", what, width, one)
			}
			w.picture(fmt.Sprintf("%s, %d", what, width))
		}
	}
	check("login")
	w.login("admin@example.com")
	for _, theme := range []string{"light", "dark"} {
		w.at("#/me", "Me")
		w.press(theme)
		w.until(fmt.Sprintf(`document.documentElement.dataset.theme === %q && document.querySelector('[aria-pressed="true"]').textContent.trim() === %q`, theme, theme))
		check("me, " + theme)
		w.at("#/users", "Users")
		w.until(`document.querySelector("tbody tr")`)
		w.choose("Role of Uma User", map[string]string{"light": "moderator", "dark": "user"}[theme])
		w.until(shows("Saved"))
		check("users, " + theme)
		w.at("#/sessions", "Your sessions")
		w.until(`document.querySelector("tbody tr")`)
		check("sessions, " + theme)
		w.at("#/audit", "Audit")
		w.until(`document.querySelector("tbody tr")`)
		w.press("Details of record")
		check("audit, " + theme)
		w.at("#/policy", "Policy")
		w.until(`document.querySelector("tbody tr")`)
		w.press("Ask the server")
		w.until(shows("Decided by"))
		check("policy, " + theme)
		w.at("#/limits", "Limits")
		check("limits, " + theme)
	}
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
