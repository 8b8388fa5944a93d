package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestPage: the page and its assets as a browser gets them, on each adapter: strict, cached by what is in them, and
// small enough.
func TestPage(t *testing.T) {
	for _, adapter := range adapters {
		t.Run(adapter, func(t *testing.T) {
			t.Parallel()
			p := panelOn(t, adapter)
			get := func(path string, headers ...string) (*http.Response, string) {
				t.Helper()
				r, err := http.NewRequest("GET", p.base+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Accept-Encoding", "br, gzip;q=0.8") // which the transport then leaves to us
				for i := 0; i < len(headers); i += 2 {
					r.Header.Set(headers[i], headers[i+1])
				}
				a, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				defer a.Body.Close()
				raw, err := io.ReadAll(a.Body)
				if err != nil {
					t.Fatal(err)
				}
				return a, string(raw)
			}
			total := 0
			unzip := func(a *http.Response, raw string) string {
				t.Helper()
				if a.StatusCode != 200 || a.Header.Get("Content-Encoding") != "gzip" {
					t.Fatalf("status %d, %v", a.StatusCode, a.Header)
				}
				total += len(raw)
				z, err := gzip.NewReader(strings.NewReader(raw))
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(z)
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}

			a, raw := get("/")
			html := unzip(a, raw)
			if a.Header.Get("Cache-Control") != "no-cache" || a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("the page's headers: %v", a.Header)
			}
			for _, never := range []string{"unsafe", "http:", "https:", "*"} {
				if strings.Contains(a.Header.Get("Content-Security-Policy"), never) {
					t.Errorf("the policy allows %s: %s", never, a.Header.Get("Content-Security-Policy"))
				}
			}
			for name, value := range pageHeaders {
				if a.Header.Get(name) != value {
					t.Errorf("%s: %q", name, a.Header.Get(name))
				}
			}
			assets := regexp.MustCompile(`/assets/(?:app|react)-[A-Z0-9]{8}\.(?:js|css)`).FindAllString(html, -1)
			if len(assets) != 3 || strings.Contains(html, "<style") || strings.Contains(html, " style=") || regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(html) {
				t.Errorf("the page: %s", html)
			}
			for _, path := range assets {
				a, raw := get(path)
				unzip(a, raw)
				if !strings.Contains(a.Header.Get("Cache-Control"), "immutable") || a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Vary") != "Accept-Encoding" {
					t.Errorf("%s: %v", path, a.Header)
				}
				if again, raw := get(path, "If-None-Match", a.Header.Get("ETag")); again.StatusCode != 304 || raw != "" {
					t.Errorf("%s, asked for again: status %d, %d bytes", path, again.StatusCode, len(raw))
				}
				if plain, raw := get(path, "Accept-Encoding", "gzip;q=0"); plain.StatusCode != 200 || plain.Header.Get("Content-Encoding") != "" || len(raw) < 5000 {
					t.Errorf("%s without gzip: status %d, %v", path, plain.StatusCode, plain.Header)
				}
			}
			if total == 0 || total > 150_000 {
				t.Errorf("the page is %d bytes compressed", total)
			}
			if a, _ := get("/assets/app-AAAAAAAA.js"); a.StatusCode != 404 {
				t.Errorf("an asset that is not there: status %d", a.StatusCode)
			}
		})
	}
}

func TestTakesGzip(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "gzip": true, "br, gzip": true, "gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=0.5": true, "x-gzip": false, "deflate": false,
	} {
		if takesGzip(accept) != want {
			t.Errorf("takesGzip(%q) is not %v", accept, want)
		}
	}
}

// TestPanel: what the panel shows of people and policies is what the server enforces, on each adapter.
func TestPanel(t *testing.T) {
	for _, adapter := range adapters {
		t.Run(adapter, func(t *testing.T) {
			t.Parallel()
			p := panelOn(t, adapter)
			ada, mo := p.loggedIn("admin@example.com"), p.loggedIn("moderator@example.com")
			for _, path := range []string{"/api/users", "/api/policy", "/api/policy/can?user=1&permission=users:read", "/api/audit"} {
				p.person().do("GET", path, "", 401)
				mo.do("GET", path, "", 403)
			}
			users := func() []map[string]any {
				var list []map[string]any
				for _, u := range ada.do("GET", "/api/users", "", 200)["users"].([]any) {
					list = append(list, u.(map[string]any))
				}
				return list
			}
			list := users()
			if list[0]["locked"] != "The last admin keeps the role." || fmt.Sprint(list[0]["grants"]) != "[]" {
				t.Errorf("the last admin: %v", list[0])
			}
			if fmt.Sprint(list[2]["grants"]) != "[user moderator admin]" || list[2]["locked"] != nil {
				t.Errorf("somebody: %v", list[2])
			}
			if list[1]["sessions"] != 1.0 || list[1]["lastSeen"] == nil || list[2]["sessions"] != 0.0 || list[2]["lastSeen"] != nil {
				t.Errorf("sessions: %v", list)
			}
			ada.do("POST", "/api/auth/update-role", `{"userId":"3","newRole":"admin"}`, 200)
			if list = users(); list[0]["locked"] != nil {
				t.Errorf("one of two admins: %v", list[0])
			}
			ada.do("POST", "/api/auth/update-role", `{"userId":"3","newRole":"user"}`, 200)

			model := ada.do("GET", "/api/policy", "", 200)
			if got := fmt.Sprint(model["permissions"]); got != "[map[held:[admin] name:audit:read] map[held:[moderator admin] name:posts:edit] map[held:[admin] name:users:read]]" {
				t.Errorf("permissions: %s", got)
			}
			if got := fmt.Sprint(model["roles"]); got != "[map[inherits:[] name:user] map[inherits:[user] name:moderator] map[inherits:[user moderator] name:admin]]" {
				t.Errorf("roles: %s", got)
			}
			for _, want := range []string{"map[name:theme rule:self writes:map[admin:own moderator:own user:own]]",
				"map[name:role rule:role:admin writes:map[admin:any moderator:none user:none]]",
				"map[name:visits rule:nobody from outside writes:map[admin:none moderator:none user:none]]"} {
				if got := fmt.Sprint(model["fields"]); !strings.Contains(got, want) {
					t.Errorf("fields: %s, want %s in it", got, want)
				}
			}
			for query, want := range map[string]string{
				"user=1&permission=users:read":   "true permission:users:read role admin",
				"user=1&permission=posts:edit":   "true permission:posts:edit role moderator",
				"user=3&permission=posts:edit":   "false permission:posts:edit ",
				"user=3&field=theme&target=3":    "true self ",
				"user=3&field=theme&target=1":    "false self ",
				"user=1&field=role&target=3":     "true role:admin ",
				"user=2&field=role&target=3":     "false role:admin ",
				"user=1&field=visits&target=1":   "false none ",
				"user=1&field=theme&target=9":    "",
				"user=9&permission=users:read":   "",
				"user=1&permission=users:delete": "",
				"user=1&permission=*":            "",
				"user=1&field=secret&target=1":   "",
				"user=1":                         "",
				"":                               "",
			} {
				status := 200
				if want == "" {
					status = 400
				}
				a := ada.do("GET", "/api/policy/can?"+query, "", status)
				if got := fmt.Sprintf("%v %v %v", a["allowed"], a["rule"], a["via"]); status == 200 && got != want {
					t.Errorf("%s: %q, want %q", query, got, want)
				}
			}

			// The records of one person are those of what they did and of what was done to them.
			events := ada.do("GET", "/api/audit?person=3&limit=200", "", 200)["events"].([]any)
			changes := ada.do("GET", "/api/audit?person=1&event=authz_change&outcome=success", "", 200)["events"].([]any)
			if len(events) == 0 || len(changes) != 2 {
				t.Errorf("%d records of Uma, %d changes by Ada", len(events), len(changes))
			}
			before := 1e18
			for _, e := range events {
				entry := e.(map[string]any)
				if entry["actor"] != "3" && entry["target"] != "3" || entry["seq"].(float64) >= before {
					t.Errorf("record %v", entry)
				}
				before = entry["seq"].(float64)
			}

			// The burst has a limit of its own: changes are not refused for it.
			for i := range 6 {
				mo.do("POST", "/api/burst", "", map[bool]int{true: 200, false: 429}[i < 5])
			}
			p.person().do("POST", "/api/burst", "", 401)
			mo.do("POST", "/api/auth/update", `{"theme":"dark"}`, 200)
		})
	}
}

func TestAddressToOpen(t *testing.T) {
	for _, c := range [][3]string{
		{"localhost:8080", "127.0.0.1:8080", "localhost:8080"},
		{":8080", "[::]:8080", "localhost:8080"},
		{"0.0.0.0:0", "0.0.0.0:4321", "localhost:4321"},
		{"[::]:80", "[::]:80", "localhost:80"},
		{"127.0.0.1:0", "127.0.0.1:4321", "127.0.0.1:4321"},
		{"[::1]:9", "[::1]:9", "[::1]:9"},
		{"panel.example:http", "192.0.2.1:80", "panel.example:80"},
	} {
		if got := toOpen(c[0], c[1]); got != c[2] {
			t.Errorf("-addr %s: open %s, want %s", c[0], got, c[2])
		}
	}
}
