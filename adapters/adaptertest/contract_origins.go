package adaptertest

import (
	"slices"
	"strings"
	"testing"
)

var contractOrigins = []rule{
	{"contract 9: what browsers of old clients send", "The proof of origin that browsers send of themselves is enough for the requests of existing applications, and no data is given into frames, images and scripts of others.", contractOldClients},
}

func contractOldClients(t *testing.T, k *kit) {
	w := k.newWorld(t)
	own := "Origin: " + w.server.URL
	for _, proof := range [][]string{{own}, {own, sameOrigin}, {sameOrigin}} {
		b := w.loggedIn("user")
		me := w.by(b.token())
		w.sends(w.written("POST", "/api/auth/update", `{"theme":"dark"}`, append(slices.Clone(proof), textPlain, me)...)).expect(200)
		w.sends(w.written("POST", "/api/auth/update", `{"theme":"light"}`, append(slices.Clone(proof), me)...)).expect(200)
		w.sends(w.written("POST", "/api/auth/update-role", `{"userId":"user","newRole":"user"}`, append(slices.Clone(proof), me)...)).expect(403)
		w.sends(w.written("POST", "/api/auth/refresh", "", append(slices.Clone(proof), me)...)).expect(200)
		w.sends(w.written("POST", "/api/auth/logout", "", append(slices.Clone(proof), me, "Content-Length: 0")...)).expect(200)
		w.sends(w.written("POST", "/api/auth/login", credentials, append(slices.Clone(proof), asJSON, me)...)).expect(200)
	}
	// A person who types the address, and a page of another site that only links.
	b := w.loggedIn("user")
	b.do("GET", "/api/auth/session", "", "Sec-Fetch-Site: none", "Sec-Fetch-Dest: document").expect(200)
	b.do("GET", "/api/auth/session", "", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: document").expect(200)
	for _, dest := range []string{"iframe", "frame", "embed", "object", "script", "style", "image"} {
		if a := b.do("GET", "/api/auth/session", "", "Sec-Fetch-Dest: "+dest).expect(403); strings.Contains(string(a.raw), "user@example.com") {
			t.Errorf("data in a %s: %s", dest, a.raw)
		}
		b.do("GET", "/api/auth/sessions", "", "Sec-Fetch-Dest: "+dest).expect(403)
	}
	// No callback, no JavaScript.
	if a := b.get("/api/auth/session?callback=alert"); a.status == 200 && (a.raw[0] != '{' || a.header.Get("Content-Type") != "application/json") {
		t.Errorf("JSONP: %s", a.raw)
	}
}
