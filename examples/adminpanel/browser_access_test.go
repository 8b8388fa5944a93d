package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

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
	checkOf := func(w *tab, what string) {
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
	check := func(what string) { t.Helper(); checkOf(w, what) }
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
	uncommon(t, b, checkOf)
}
