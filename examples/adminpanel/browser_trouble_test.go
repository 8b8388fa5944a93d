package main

import (
	"os"
	"testing"
	"time"

	"github.com/nguard-go/nguard/stores/servicetest"
)

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
	if gap := list[6].at - list[5].at; wait < 1 || gap < time.Duration(wait)*time.Second {
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
