package adaptertest

import (
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// p02Change is a change over HTTP. ready brings the world into the state before it and returns the request.
type p02Change struct {
	name  string
	ready func(w *world) func() answer
}

// p02Changes are all changes that endpoints and the application make.
func p02Changes() []p02Change {
	as := func(userID, method, path, body string) func(w *world) func() answer {
		return func(w *world) func() answer {
			b := w.settled(userID)
			return func() answer { return b.do(method, path, body) }
		}
	}
	return []p02Change{
		{"role of another", as("admin", "POST", "/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`)},
		{"own role", as("admin2", "POST", "/api/auth/update-role", `{"userId":"admin2","newRole":"user"}`)},
		{"own theme", as("user", "POST", "/api/auth/update", `{"data":{"theme":"dark"}}`)},
		{"theme and a field of the session", as("user", "POST", "/api/auth/update", `{"theme":"dark","draft":"a"}`)},
		{"a field of the session", as("user", "POST", "/api/auth/update", `{"draft":"a"}`)},
		{"refresh", func(w *world) func() answer {
			b := w.settled("user")
			w.clock.Advance(nguard.Grace + time.Second)
			return func() answer { return b.post("/api/auth/refresh", "") }
		}},
		{"step-up", as("user", "POST", "/step-up", "")},
		{"login", func(w *world) func() answer {
			b := w.browser()
			return func() answer {
				return b.post("/api/auth/login", credentials)
			}
		}},
		{"login over another person's session", func(w *world) func() answer {
			b := w.settled("other")
			return func() answer {
				return b.post("/api/auth/login", credentials)
			}
		}},
		{"logout", as("user", "POST", "/api/auth/logout", "")},
		{"log out all other devices", func(w *world) func() answer {
			b := w.settled("user")
			w.settled("user")
			return func() answer { return b.do("DELETE", "/api/auth/sessions", "") }
		}},
		{"log out one other device", func(w *world) func() answer {
			b, other := w.settled("user"), w.settled("user")
			id := handleOf(other.get("/api/auth/session"))
			return func() answer { return b.do("DELETE", "/api/auth/sessions/"+id, "") }
		}},
	}
}
