package adaptertest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// The cases of apps are about the ways in which an application can use an adapter. A harness whose Serve
// does not do what an App asks for fails here first.
var apps = []rule{
	{"apps: below a mount", "Below a path at which the application is mounted, endpoints and routes are found there and nowhere else, and the cookie is the whole origin's.", appsMounted},
	{"apps: without Sessions", "Endpoints, Require and Limit work without Sessions, and a route without any middleware says that it is missing, never that nobody is signed in.", appsWithoutSessions},
	{"apps: Sessions alone", "Without Endpoints the application has the session of each request, and the paths of the endpoints are its own.", appsSessionsAlone},
	{"apps: endpoints of the application's own", "An endpoint that is named as an exception is the application's to answer, and the others are not.", appsExcept},
	{"apps: middleware, parameters and headers", "The application's own middleware finds the session, and handlers get what the request says and add to what the answer says.", appsContext},
	{"apps: limits before policies", "A request passes the limits of its route, then its policies, each in their order.", appsOrder},
	{"apps: a stream", "What a handler streams arrives as it is written, and the cookie of a change before the first byte comes with it.", appsStream},
	{"apps: https", "Over https the origin that a browser writes from is the https one.", appsTLS},
}

func who(c Ctx) {
	s, err := c.From().Session()
	if err != nil {
		c.Fail(err)
		return
	}
	c.Respond(200, s.UserID())
}

func appsMounted(t *testing.T, k *kit) {
	w := k.newWorld(t)
	app := w.app()
	app.Mount = "/app"
	b := w.browserAt(w.serve(app).URL)
	a := b.post("/app/api/auth/login", credentials).expect(200)
	if lines := a.header["Set-Cookie"]; len(lines) != 1 || !strings.Contains(lines[0], "; Path=/;") {
		t.Errorf("Set-Cookie %q", lines)
	}
	if got := b.get("/app/who").expect(200).text(); got != "user" {
		t.Errorf("signed in is %q", got)
	}
	b.get("/app/admin").expect(403)
	b.get("/app/api/auth/session").expect(200)
	b.get("/app/api/auth/nothing").failed(404)
	b.get("/api/auth/session").expect(404)
	b.get("/who").expect(404)
}

func appsWithoutSessions(t *testing.T, k *kit) {
	w := k.newWorld(t)
	var got error
	app := App{Guard: w.guard, NoSessions: true, Routes: []Route{
		{Path: "/required", Require: []nguard.Policy{policy.SignedIn}, Handle: who},
		{Path: "/limited", Limit: []nguard.Limiter{refusing{}}, Handle: who},
		{Path: "/bare", Handle: func(c Ctx) {
			_, got = c.From().Session()
			c.Fail(got)
		}},
	}}
	b := w.browserAt(w.serve(app).URL)
	b.get("/required").failed(401)
	b.login("user")
	b.get("/api/auth/session").expect(200)
	if got := b.get("/required").expect(200).text(); got != "user" {
		t.Errorf("signed in is %q", got)
	}
	b.get("/limited").failed(429)
	b.get("/bare").failed(500)
	if !errors.Is(got, nguard.ErrNotInstalled) {
		t.Errorf("without middleware Session says %v", got)
	}
}

func appsSessionsAlone(t *testing.T, k *kit) {
	w := k.newWorld(t)
	app := App{Guard: w.guard, NoEndpoints: true, Routes: []Route{{Method: "GET", Path: "/who", Handle: who}}, Fallback: func(c Ctx) { c.Respond(404, "not here") }}
	b := w.loggedIn("user").on(w.serve(app).URL)
	if got := b.get("/who").expect(200).text(); got != "user" {
		t.Errorf("signed in is %q", got)
	}
	if got := b.get("/api/auth/session").expect(404).text(); got != "not here" {
		t.Errorf("the application's own 404 says %q", got)
	}
	b.do("POST", "/api/auth/logout", "", "Sec-Fetch-Site: cross-site", "Origin:").failed(403)
}

func appsExcept(t *testing.T, k *kit) {
	w := k.newWorld(t)
	app := w.app()
	app.Except = []string{"login"}
	app.Routes = append(app.Routes, Route{Method: "POST", Path: "/api/auth/login", Handle: func(c Ctx) {
		if _, err := c.From().Login(c.Context(), "other", nguard.LoginOptions{}); err != nil {
			c.Fail(err)
			return
		}
		c.Respond(200, "by the application")
	}})
	b := w.browserAt(w.serve(app).URL)
	if got := b.post("/api/auth/login", credentials).expect(200).text(); got != "by the application" {
		t.Errorf("login answers %q", got)
	}
	if got := b.get("/api/auth/session").expect(200).at("session", "user", "id"); got != "other" {
		t.Errorf("signed in is %v", got)
	}
	b.post("/api/auth/logout", "").expect(200)
	b.get("/who").expect(401)
}

func appsContext(t *testing.T, k *kit) {
	w := k.newWorld(t)
	var middleware []string
	app := App{
		Guard: w.guard,
		Middleware: func(c Ctx) {
			s, err := c.From().Session()
			if err != nil {
				middleware = append(middleware, "nobody")
				return
			}
			middleware = append(middleware, s.UserID())
		},
		Routes: []Route{{Method: "GET", Path: "/posts/{id}/{part}", Handle: func(c Ctx) {
			req, ok := nguard.FromContext(c.Context())
			if !ok || req != c.From() {
				t.Error("the Request is not in the context that users pass on")
			}
			c.SetHeader("X-Post", "before")
			c.SetHeader("X-Post", c.Param("id")+" "+c.Param("part"))
			c.AddHeader("Set-Cookie", "own=1")
			c.AddHeader("Set-Cookie", "two=2")
			c.Respond(202, c.Header("X-Asked"))
		}}},
	}
	b := w.browserAt(w.serve(app).URL)
	b.login("user")
	a := b.do("GET", "/posts/7/title", "", "X-Asked: what").expect(202)
	if a.text() != "what" || strings.Join(a.header["X-Post"], "|") != "7 title" || strings.Join(a.header["Set-Cookie"], "|") != "own=1|two=2" {
		t.Errorf("answer %q, X-Post %q, Set-Cookie %q", a.raw, a.header["X-Post"], a.header["Set-Cookie"])
	}
	if got := strings.Join(middleware, " "); got != "nobody user" {
		t.Errorf("the middleware saw %q", got)
	}
}

func appsOrder(t *testing.T, k *kit) {
	w := k.newWorld(t)
	deny := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision {
		return nguard.Decision{Effect: nguard.Deny, Rule: "closed"}
	})
	pass := nguard.Unlimited
	app := App{Guard: w.guard, Routes: []Route{
		{Path: "/limited", Limit: []nguard.Limiter{pass, refusing{}}, Require: []nguard.Policy{deny}, Handle: who},
		{Path: "/refused", Limit: []nguard.Limiter{pass}, Require: []nguard.Policy{policy.SignedIn, deny}, Handle: who},
		{Path: "/open", Limit: []nguard.Limiter{pass}, Require: []nguard.Policy{policy.SignedIn, roleUser}, Handle: who},
	}}
	visitor, user := w.browserAt(w.serve(app).URL), w.loggedIn("user").on(w.serve(app).URL)
	visitor.get("/limited").failed(429)
	visitor.get("/refused").failed(401)
	user.get("/limited").failed(429)
	user.get("/refused").failed(403)
	user.get("/open").expect(200)
}

func appsStream(t *testing.T, k *kit) {
	w := k.newWorld(t)
	next := make(chan struct{})
	app := App{Guard: w.guard, Routes: []Route{{Method: "POST", Path: "/stream", Handle: func(c Ctx) {
		if _, err := c.From().Refresh(c.Context()); err != nil {
			c.Fail(err)
			return
		}
		c.Stream(func(w io.Writer, flush func() error) {
			for _, part := range []string{"one", "two"} {
				if _, err := io.WriteString(w, part); err != nil {
					t.Error(err)
				}
				if err := flush(); err != nil {
					t.Error(err)
				}
				<-next
			}
		})
	}}}}
	b := w.loggedIn("user").on(w.serve(app).URL)
	w.clock.Advance(nguard.Grace * 2)
	before := b.token()
	r, err := http.NewRequest("POST", b.base+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || len(resp.Header["Set-Cookie"]) != 1 || w.sameToken(b.token(), before) {
		t.Errorf("status %d, Set-Cookie %q", resp.StatusCode, resp.Header["Set-Cookie"])
	}
	for _, part := range []string{"one", "two"} {
		got := make([]byte, len(part))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != part {
			t.Errorf("got %q, %v, want %q", got, err, part)
		}
		next <- struct{}{}
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
		t.Errorf("after the stream: %q, %v", rest, err)
	}
	b.get("/api/auth/session").expect(200)
}

func appsTLS(t *testing.T, k *kit) {
	w := k.newWorld(t)
	app := w.app()
	app.TLS = true
	server := w.serve(app)
	for origin, want := range map[string]int{server.URL: 200, strings.Replace(server.URL, "https", "http", 1): 403} {
		r, err := http.NewRequest("POST", server.URL+"/api/auth/logout", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		resp, err := server.Client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Origin %s: status %d, want %d", origin, resp.StatusCode, want)
		}
		if k.h.HTTP2 != (resp.ProtoMajor == 2) {
			t.Errorf("HTTP/%d was spoken, and the harness says HTTP2: %v", resp.ProtoMajor, k.h.HTTP2)
		}
	}
}
