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
		{"/app", "", ""},
		{"/app", "/application/api/auth/login", "/application/api/auth/login"},
		{"/*", "/x/api/auth/login", "/x/api/auth/login"},
		{"/*any", "/api/auth/login", "/api/auth/login"},
		{"/+", "/x/api/auth/login", "/x/api/auth/login"},
		{"/:lang?", "/x/api/auth/login", "/x/api/auth/login"},
		{"/t-:tenant<int>", "/t-1/api/auth/login", "/api/auth/login"},
		{"/app", "*", "*"},
	} {
		if got := Below(c.pattern, c.path); got != c.want {
			t.Errorf("Below(%q, %q) = %q, want %q", c.pattern, c.path, got, c.want)
		}
	}
}
