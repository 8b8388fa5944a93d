package main

import (
	"testing"
	"time"
)

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
