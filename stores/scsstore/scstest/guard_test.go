package scstest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/scsstore"
)

// New refuses the store until each promise that it lacks is waived by its name.
func TestWaive(t *testing.T) {
	m, _ := memory(t)
	store := scsstore.New(m)
	var waived []nguard.Promise
	for _, lack := range store.Lacks() {
		_, err := nguard.New(nguard.Config{Store: store, Waive: waived})
		if err == nil || !strings.Contains(err.Error(), "nguard."+string(lack)) {
			t.Fatalf("without a waiver of %s: got %v", lack, err)
		}
		waived = append(waived, lack)
	}
	if _, err := nguard.New(nguard.Config{Store: store, Waive: waived}); err != nil {
		t.Fatal(err)
	}
}

// browser is a client with cookies of its own.
type browser struct {
	*testing.T
	client *http.Client
	url    string
}

func (b *browser) send(method, path, body string, want int) (answer struct {
	Session struct {
		Data map[string]any
	}
}) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	if res.StatusCode != want {
		b.Fatalf("%s %s: got %d %s, want %d", method, path, res.StatusCode, raw, want)
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		b.Fatal(err)
	}
	return answer
}

func (b *browser) login(account string) {
	b.Helper()
	b.send("POST", "/api/auth/login", `{"email":"`+account+`","password":"`+guardtest.Password+`"}`, 200)
}

// A service on each of the backends, as browsers see it.
func TestGuard(t *testing.T) {
	for name, open := range backends {
		t.Run(name, func(t *testing.T) {
			backend, _ := open(t)
			store := scsstore.New(backend)
			user := policy.NewRole("user")
			admin := policy.NewRole("admin").Inherits(user)
			model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{user, admin}})
			if err != nil {
				t.Fatal(err)
			}
			guard := guardtest.New(t, nguard.Config{
				Store: store, Waive: store.Lacks(), Roles: model, MaxSessions: 3,
				Fields: []nguard.AnyField{
					&nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self},
					&nguard.Field[string]{Name: "role", Write: admin, Scope: nguard.InUser, Rotate: true},
				},
			}, nguard.User{ID: "ann", Email: "ann@example.com", Role: "admin"}, nguard.User{ID: "bob", Email: "bob@example.com", Role: "user"})
			page := httpguard.Require(guard, admin)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "{}")
			}))
			mux := http.NewServeMux()
			mux.Handle("GET /admin", page)
			server := httptest.NewTLSServer(httpguard.Sessions(guard)(httpguard.Endpoints(guard)(mux)))
			t.Cleanup(server.Close)
			open := func() *browser {
				jar, err := cookiejar.New(nil)
				if err != nil {
					t.Fatal(err)
				}
				return &browser{t, &http.Client{Transport: server.Client().Transport, Jar: jar}, server.URL}
			}

			ann, phone, laptop := open(), open(), open()
			phone.send("GET", "/api/auth/session", "", 401)
			ann.login("ann@example.com")
			phone.login("bob@example.com")
			laptop.login("bob@example.com")

			phone.send("POST", "/api/auth/update", `{"theme":"dark"}`, 200)
			if got := phone.send("GET", "/api/auth/session", "", 200).Session.Data["theme"]; got != "dark" {
				t.Fatalf("the theme is %v", got)
			}
			phone.send("GET", "/admin", "", 403)
			ann.send("POST", "/api/auth/update-role", `{"userId":"bob","newRole":"admin"}`, 200)
			phone.send("GET", "/admin", "", 200) // the change reaches the other sessions
			laptop.send("GET", "/admin", "", 200)
			phone.send("POST", "/api/auth/refresh", "", 200)
			phone.send("GET", "/api/auth/session", "", 200)
			ann.send("POST", "/api/auth/update-role", `{"userId":"bob","newRole":"user"}`, 200)
			phone.send("GET", "/admin", "", 403)

			laptop.send("POST", "/api/auth/logout", "", 200)
			laptop.send("GET", "/api/auth/session", "", 401)
			phone.send("GET", "/api/auth/session", "", 200)

			laptop.login("bob@example.com")
			phone.send("DELETE", "/api/auth/sessions", "", 200) // the others
			laptop.send("GET", "/api/auth/session", "", 401)
			phone.send("GET", "/api/auth/session", "", 200)
			ann.send("DELETE", "/api/auth/users/bob/sessions", "", 200)
			phone.send("GET", "/api/auth/session", "", 401)
			ann.send("GET", "/api/auth/session", "", 200)
		})
	}
}
