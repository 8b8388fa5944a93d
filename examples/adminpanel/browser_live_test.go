package main

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/nguard-go/nguard/stores/servicetest"
)

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
				if !s.ended {
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
