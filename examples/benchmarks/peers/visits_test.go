package peers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// visits is somebody who logs in, counts and logs out.
func visits(t *testing.T, handler http.Handler) {
	t.Helper()
	cookies := map[string]*http.Cookie{}
	do := func(path, body string, status int, text string) {
		t.Helper()
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			cookies[c.Name] = c
		}
		if w.Code != status || text != "" && w.Body.String() != text {
			t.Errorf("%s: %d %s, want %d %s", path, w.Code, w.Body, status, text)
		}
	}
	do("/views", "", 401, "")
	do("/login", "email=ann&password=wrong", 401, "")
	do("/login", "email=ann&password=right", 303, "")
	do("/views", "", 200, "1")
	do("/views", "", 200, "2")
	do("/logout", "", 303, "")
	do("/views", "", 401, "")
}
