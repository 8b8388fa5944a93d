package guides

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/nguard-go/nguard/stores/memstore"
)

// provider stands for the application's OpenID Connect library.
type provider struct{}

// Verify checks state and nonce against the application's own cookie, redeems the code and verifies the ID
// token. Here the code is the subject.
func (provider) Verify(r *http.Request) (subject string, err error) {
	state, err := r.Cookie("state")
	if err != nil || state.Value == "" || r.FormValue("state") != state.Value {
		return "", errors.New("the state is not the one that this browser began with")
	}
	return r.FormValue("code"), nil
}

// passkeys stands for the application's WebAuthn library.
type passkeys struct{}

func (passkeys) Verify(r *http.Request) (userID string, err error) {
	if userID = r.Header.Get("Test-Assertion"); userID == "" {
		return "", errors.New("no assertion")
	}
	return userID, nil
}

// loginPage is the application: its login handlers, and a page that asks for a fresh proof.
func loginPage(t *testing.T, now func() time.Time) (*nguard.Guard, http.Handler) {
	t.Helper()
	provider, passkeys := provider{}, passkeys{}
	people := guardtest.NewUsers(nguard.User{ID: "acme:ann"}, nguard.User{ID: "acme:off", Disabled: true})

	limit, err := ratelimit.New(ratelimit.PerIP("callback", 30, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	guard, err := nguard.New(nguard.Config{Store: memstore.New(), Users: people, Limits: ratelimit.Defaults(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()

	callback := func(w http.ResponseWriter, r *http.Request) {
		subject, err := provider.Verify(r)
		if err != nil {
			httpguard.Fail(w, r, nguard.ErrBadCredentials)
			return
		}
		_, err = httpguard.From(r).Login(r.Context(), "acme:"+subject, nguard.LoginOptions{Methods: []string{"oidc"}, Level: 1})
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/account", http.StatusSeeOther)
	}
	mux.Handle("GET /login/callback", httpguard.Limit(guard, limit)(http.HandlerFunc(callback)))

	passkey := func(w http.ResponseWriter, r *http.Request) {
		userID, err := passkeys.Verify(r)
		if err != nil {
			httpguard.Fail(w, r, nguard.ErrBadCredentials)
			return
		}
		_, err = httpguard.From(r).Login(r.Context(), userID, nguard.LoginOptions{Methods: []string{"passkey"}, Level: 2})
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"success":true}`)
	}
	mux.Handle("POST /api/auth/login", httpguard.Limit(guard, limit)(http.HandlerFunc(passkey)))

	confirm := func(w http.ResponseWriter, r *http.Request) {
		session, err := httpguard.From(r).Session()
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		if userID, err := passkeys.Verify(r); err != nil || userID != session.UserID() {
			httpguard.Fail(w, r, nguard.ErrBadCredentials)
			return
		}
		_, err = httpguard.From(r).Reauthenticated(r.Context(), nguard.LoginOptions{Methods: []string{"passkey"}, Level: 2})
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	mux.Handle("POST /confirm", httpguard.Limit(guard, limit)(http.HandlerFunc(confirm)))

	deletion := policy.All(policy.SignedIn, policy.Fresh(5*time.Minute), policy.Level(2))
	mux.Handle("POST /delete-account", httpguard.Require(guard, deletion)(http.NotFoundHandler()))

	handler := httpguard.Sessions(guard)(httpguard.Endpoints(guard, "login")(mux))

	outside := http.NewServeMux()
	outside.Handle("/", handler)
	outside.HandleFunc("POST /login/callback", func(w http.ResponseWriter, r *http.Request) {
		query := url.Values{"code": {r.PostFormValue("code")}, "state": {r.PostFormValue("state")}}
		http.Redirect(w, r, "/login/callback?"+query.Encode(), http.StatusSeeOther)
	})

	return guard, outside
}

// browser keeps cookies between requests.
type browser struct {
	handler http.Handler
	cookies map[string]string
}

func (b *browser) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return w
}

func TestLogin(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	guard, handler := loginPage(t, func() time.Time { return now })
	b := &browser{handler, map[string]string{"state": "s1"}}
	own := []string{"Sec-Fetch-Site", "same-origin"}

	if w := b.do("GET", "/login/callback?code=ann&state=other", ""); w.Code != 401 {
		t.Errorf("a state of somebody else's: %d %s", w.Code, w.Body)
	}
	if w := b.do("GET", "/login/callback?code=off&state=s1", ""); w.Code != 401 {
		t.Errorf("a disabled person: %d %s", w.Code, w.Body)
	}
	if w := b.do("GET", "/login/callback?code=nobody&state=s1", ""); w.Code != 401 {
		t.Errorf("an unknown person: %d %s", w.Code, w.Body)
	}
	if w := b.do("GET", "/login/callback?code=ann&state=s1", "", "Sec-Fetch-Site", "cross-site"); w.Code != 303 || b.cookies[guard.CookieName()] == "" {
		t.Fatalf("the callback: %d %s %v", w.Code, w.Body, b.cookies)
	}
	// The provider's own POST comes from its page: it leads to the GET, and itself changes nothing.
	before := b.cookies[guard.CookieName()]
	w := b.do("POST", "/login/callback", "code=ann&state=s1", "Origin", "https://acme.example", "Sec-Fetch-Site", "cross-site")
	if to := w.Result().Header.Get("Location"); w.Code != 303 || to != "/login/callback?code=ann&state=s1" || b.cookies[guard.CookieName()] != before {
		t.Errorf("the POST: %d to %q", w.Code, to)
	}
	// A step-up makes the session fresh and strong, with a new token.
	if w := b.do("POST", "/delete-account", "", own...); w.Code != 403 || !strings.Contains(w.Body.String(), "step_up_required") {
		t.Errorf("level 1: %d %s", w.Code, w.Body)
	}
	confirm := append([]string{"Test-Assertion", "acme:ann"}, own...)
	if w := b.do("POST", "/confirm", "", append([]string{"Test-Assertion", "acme:off"}, own...)...); w.Code != 401 {
		t.Errorf("confirmed by somebody else: %d", w.Code)
	}
	if w := b.do("POST", "/confirm", "", confirm...); w.Code != 204 || b.cookies[guard.CookieName()] == before {
		t.Fatalf("step-up: %d %s", w.Code, w.Body)
	}
	if w := b.do("POST", "/delete-account", "", own...); w.Code != 404 { // let through
		t.Errorf("fresh and strong: %d %s", w.Code, w.Body)
	}
	now = now.Add(6 * time.Minute)
	if w := b.do("POST", "/delete-account", "", own...); w.Code != 403 || !strings.Contains(w.Body.String(), "step_up_required") {
		t.Errorf("six minutes later: %d %s", w.Code, w.Body)
	}
	// The other endpoints are nguard's, login is the application's.
	if w := b.do("POST", "/api/auth/login", "", confirm...); w.Code != 200 || w.Body.String() != `{"success":true}` {
		t.Errorf("passkey: %d %s", w.Code, w.Body)
	}
	if w := b.do("GET", "/api/auth/session", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "acme:ann") {
		t.Errorf("session: %d %s", w.Code, w.Body)
	}
	if err := guard.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
