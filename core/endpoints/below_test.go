package endpoints

import "testing"

func TestBelow(t *testing.T) {
	for _, c := range []struct{ pattern, path, want string }{
		{"", "/api/auth/login", "/api/auth/login"},
		{"/", "/api/auth/login", "/api/auth/login"},
		{"/app", "/app/api/auth/login", "/api/auth/login"},
		{"/app/", "/APP/api/auth/login", "/api/auth/login"},
		{"/t/:tenant", "/t/acme/api/auth/users/1/sessions", "/api/auth/users/1/sessions"},
		{"/app/api/auth/*endpoint", "/app/api/auth/login", "/api/auth/login"},
		{"/api/auth/*", "/api/auth/", "/api/auth/"},
		{"/app", "/app", "/app"},
		{"/app", "/app/", "/app/"},
		{"/app/admin", "/app", "/app"},
		{"/app", "/app/x/api/auth/login", "/app/x/api/auth/login"},
		{"/app", "/app//api/auth/login", "/app//api/auth/login"},
		{"/posts/:id", "/posts/7", "/posts/7"},
		{"/app", "/application/api/auth/login", "/application/api/auth/login"},
		{"/files/*", "/files/x/api/auth/login", "/files/x/api/auth/login"},
		{"/files/*path", "/files/x/api/auth/login", "/files/x/api/auth/login"},
		{"/files/+", "/files/x/api/auth/login", "/files/x/api/auth/login"},
		{"/t-:tenant/x", "/t-acme/x/api/auth/login", "/api/auth/login"},
		{"/app", "app/api/auth/login", "app/api/auth/login"},
		{"/app", "", ""},
		{"/app", "/application/api/auth/login", "/application/api/auth/login"},
		{"/*", "/x/api/auth/login", "/x/api/auth/login"},
		{"/*any", "/api/auth/login", "/api/auth/login"},
		{"/+", "/x/api/auth/login", "/x/api/auth/login"},
		{"/:lang?", "/api/auth/login", "/api/auth/login"},
		{"/t-:tenant<int>", "/t-1/api/auth/login", "/api/auth/login"},
		{"/app", "*", "*"},
	} {
		if got := Below(c.pattern, c.path); got != c.want {
			t.Errorf("Below(%q, %q) = %q, want %q", c.pattern, c.path, got, c.want)
		}
	}
}

// TestOwns: a route of the endpoints' own is theirs altogether, but for what the application has kept.
func TestOwns(t *testing.T) {
	s := New(nil, "login")
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"", "/api/auth/session", true},
		{"", "/api/auth/", true},
		{"", "/api/auth/login", false},
		{"", "/api/auth/login/", true},
		{"", "/api/auth", false},
		{"", "/API/auth/session", false},
		{"/app", "/app/API/auth/session", false},
		{"/app/api/auth/*", "/app/API/auth/session", true},
		{"/app/api/auth/*", "/app/API/auth/login", true},
		{"/app/api/auth/*", "/api/auth/login", false},
	} {
		if got := s.Owns(c.pattern, c.path); got != c.want {
			t.Errorf("Owns(%q, %q) = %v", c.pattern, c.path, got)
		}
	}
}
