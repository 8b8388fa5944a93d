package main

import "testing"

// unreached signs out while the server cannot be reached: the session lives, and the page does not claim an end.
func unreached(t *testing.T, b *chromium, adapter string) {
	p := panelOn(t, adapter)
	uma := b.profile(t, p.base).open("")
	uma.login("user@example.com")
	uma.allow("ERR_", "status of 401")
	logout := uma.hold("/api/auth/logout")
	uma.hold("/api/auth/validate") // the answer to what it asks meanwhile shows the session again, which is right
	uma.press("Sign out")
	logout <- fail
	uma.until(shows("Not signed out:"))
	if get[bool](uma, shows("You are signed out.")) {
		t.Error("the page says that nobody is signed in, but the session lives")
	}
	uma.press("Try again")
	logout <- pass
	uma.untilSignedOut("You are signed out.")
}
