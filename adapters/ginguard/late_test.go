package ginguard_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

func second[T any](_ T, err error) error { return err }

// every is what each method of a Request that can fail says.
func every(r *nguard.Request, ctx context.Context, userID string) map[string]error {
	return map[string]error{
		"Session":         second(r.Session()),
		"Update":          second(r.Update(ctx, func(d *nguard.Draft) error { return visits.Set(d, 99) })),
		"Apply":           second(r.Apply(ctx, []byte(`{"theme":"dark"}`), nguard.ApplyOptions{})),
		"Refresh":         second(r.Refresh(ctx)),
		"Login":           second(r.Login(ctx, userID, nguard.LoginOptions{})),
		"SignIn":          second(r.SignIn(ctx, nguard.NewCredentials(map[string]string{"id": userID}), nguard.LoginOptions{})),
		"Reauthenticated": second(r.Reauthenticated(ctx, nguard.LoginOptions{})),
		"EndOthers":       second(r.EndOthers(ctx)),
		"Authorize":       r.Authorize(ctx, policy.SignedIn, nil),
		"Manage":          r.Manage(ctx, "bob"),
		"ChangeAuthority": func() error { _, _, err := r.ChangeAuthority(ctx, "bob", nguard.Authority{}); return err }(),
		"Revoke":          r.Revoke(ctx, "bob", "AAAAAAAAAAAAAAAAAAAAAA"),
		"Limit":           r.Limit(ctx, nguard.Unlimited),
		"Events":          r.Events(),
		"Logout":          r.Logout(ctx),
	}
}

// TestEvery_IsAll: a method of Request that comes later is missed here, not in production.
func TestEvery_IsAll(t *testing.T) {
	known := every(nil, t.Context(), "")
	v := reflect.TypeFor[*nguard.Request]()
	for i := range v.NumMethod() {
		switch name := v.Method(i).Name; name {
		case "End", "Guard", "ID", "IP", "Record", "Subject": // give no error, or change no answer
		default:
			if _, ok := known[name]; !ok {
				t.Errorf("the tests do not know %s", name)
			}
		}
	}
	for name, err := range known {
		if !errors.Is(err, nguard.ErrNotInstalled) {
			t.Errorf("%s of a nil Request: %v", name, err)
		}
	}
}

// TestLate_AfterTheFirstByte: gin knows when the header has gone, by a byte, a Flush, WriteHeaderNow or a
// Hijack, and a change after it is ErrTooLate instead of a cookie that nobody gets. A status alone is no byte.
func TestLate_AfterTheFirstByte(t *testing.T) {
	g := newGuard(t)
	type starts func(*gin.Context)
	for name, start := range map[string]starts{
		"string": func(c *gin.Context) { c.String(http.StatusOK, "sent") },
		"flush":  func(c *gin.Context) { c.Writer.Flush() },
		"now":    func(c *gin.Context) { c.Writer.WriteHeaderNow() },
		"empty":  func(c *gin.Context) { c.String(http.StatusOK, "") },
		"status": func(c *gin.Context) { c.AbortWithStatus(http.StatusNoContent) },
		"json":   func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{}) },
		"event":  func(c *gin.Context) { c.SSEvent("x", "y") },
		"nguard": func(c *gin.Context) { ginguard.Fail(c, nguard.ErrDenied) },
		"controller": func(c *gin.Context) {
			if err := http.NewResponseController(c.Writer).Flush(); err != nil {
				t.Errorf("Flush: %v", err)
			}
		},
		"hijack": func(c *gin.Context) {
			conn, _, err := c.Writer.Hijack()
			if err != nil {
				t.Errorf("Hijack: %v", err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			said := make(chan map[string]error, 1)
			app := gin.New()
			app.POST("/", ginguard.Sessions(g), func(c *gin.Context) {
				start(c)
				said <- every(ginguard.From(c), c.Request.Context(), "eve")
			})
			c := serve(t, app).signIn(g, "bob")
			if a := c.do("POST", "/", ""); len(a.names()) != 0 {
				t.Errorf("cookies %q", a.names())
			}
			for method, err := range <-said {
				switch method {
				case "Session", "Authorize", "Limit": // change nothing
					if err != nil {
						t.Errorf("%s: %v", method, err)
					}
				case "Manage", "ChangeAuthority", "Revoke": // of other people, without a cookie: bob may not, or finds nothing
					if err == nil {
						t.Errorf("%s passes", method)
					}
				default:
					if !errors.Is(err, nguard.ErrTooLate) {
						t.Errorf("%s: %v", method, err)
					}
				}
			}
			if s, err := g.Lookup(t.Context(), c.cookies[g.CookieName()]); err != nil || visits.Get(s) != 0 {
				t.Errorf("the session: %v, %v", s, err)
			}
		})
	}
	app := gin.New()
	app.POST("/", ginguard.Sessions(g), func(c *gin.Context) {
		c.Status(http.StatusAccepted)
		visited(t, c)
		c.String(http.StatusAccepted, "sent")
	})
	if a := serve(t, app).signIn(g, "bob").do("POST", "/", "").expect(202).says("sent"); len(a.names()) != 1 {
		t.Errorf("cookies %q", a.names())
	}
}

// TestRequest_OutlivesHandler: a goroutine that goes on after its handler gets ErrTooLate from everything that
// could touch an answer, while the next person's request runs on the same connection, in the same
// fasthttp.RequestCtx.
func TestRequest_OutlivesHandler(t *testing.T) {
	g := newGuard(t)
	next, said := make(chan struct{}), make(chan map[string]error, 1)
	app := gin.New()
	app.Use(ginguard.Sessions(g))
	app.POST("/leak", func(c *gin.Context) {
		r, ctx := ginguard.From(c), c.Request.Context()
		go func() {
			<-next
			_, _, _ = r.ID(), r.IP(), r.Guard() // must not touch the exchange: the race detector looks
			if s := r.Subject(); s.UserID != "" {
				t.Errorf("the late subject is %q", s.UserID)
			}
			said <- every(r, ctx, "eve")
		}()
		c.String(http.StatusOK, "first")
	})
	app.POST("/next", func(c *gin.Context) {
		close(next)
		for name, err := range <-said {
			if !errors.Is(err, nguard.ErrTooLate) {
				t.Errorf("%s after the handler: %v", name, err)
			}
		}
		who(c)
	})
	c := serve(t, app)
	ann, bob, w := c.other().signIn(g, "ann"), c.other().signIn(g, "bob"), c.dial()
	w.do("POST", "/leak", "", "Sec-Fetch-Site: same-origin", "Content-Length: 0", bob.cookie(g)).expect(200)
	if a := w.do("POST", "/next", "", "Sec-Fetch-Site: same-origin", "Content-Length: 0", ann.cookie(g)).expect(200).says("ann"); len(a.names()) != 0 {
		t.Errorf("cookies %q", a.names())
	}
	for _, user := range []string{"ann", "bob"} {
		list, err := g.Sessions(t.Context(), user)
		if err != nil || len(list) != 1 || visits.Get(list[0]) != 0 || theme.Get(list[0]) != "light" {
			t.Errorf("sessions of %s: %v, %v", user, list, err)
		}
	}
}

// TestRequest_ManyOutliveHandlers: many people at once, whose handlers all leave goroutines behind that go on
// changing sessions and logging in. Whatever gets through in time stands in the answer of its own person;
// none ever stands in another's.
func TestRequest_ManyOutliveHandlers(t *testing.T) {
	const people, requests = 16, 40
	everybody := guardtest.NewUsers()
	for p := range people {
		everybody.Put(nguard.User{ID: fmt.Sprintf("person-%02d", p)})
	}
	g := newGuard(t, func(c *nguard.Config) { c.Users = everybody })
	var late sync.WaitGroup
	app := gin.New()
	app.Use(ginguard.Sessions(g))
	app.POST("/", func(c *gin.Context) {
		r, ctx := ginguard.From(c), c.Request.Context()
		s, err := r.Session()
		if err != nil {
			ginguard.Fail(c, err)
			return
		}
		id := s.UserID()
		c.Header("X-Person", id) // the body would be the first byte
		late.Add(1)
		go func() {
			defer late.Done()
			for range 3 {
				if _, err := r.Login(ctx, id, nguard.LoginOptions{}); err != nil && !errors.Is(err, nguard.ErrTooLate) {
					t.Errorf("login: %v", err)
				}
				if _, err := r.Update(ctx, func(d *nguard.Draft) error { return visits.Set(d, 1) }); err != nil && !errors.Is(err, nguard.ErrTooLate) {
					t.Errorf("update: %v", err)
				}
				_, _ = r.ID(), r.IP()
			}
		}()
	})
	c := serve(t, app)
	var all sync.WaitGroup
	for p := range people {
		id := fmt.Sprintf("person-%02d", p)
		me := c.other().signIn(g, id)
		all.Go(func() {
			for range requests {
				resp, err := me.http.Do(me.request("POST", "/", ""))
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusUnauthorized { // ended by a login whose cookie came too late
					me.signIn(g, id)
					continue
				}
				if got := resp.Header.Get("X-Person"); err != nil || got != id {
					t.Errorf("%s: the answer is that of %q, %v", id, got, err)
				}
				for _, line := range resp.Header.Values("Set-Cookie") {
					name, rest, _ := strings.Cut(line, "=")
					token, _, _ := strings.Cut(rest, ";")
					s, err := g.Lookup(t.Context(), token)
					if name != g.CookieName() || err != nil && !errors.Is(err, nguard.ErrNoSession) || err == nil && s.UserID() != id {
						t.Errorf("%s got %q: %v, %v", id, line, s, err)
					}
					me.cookies[name] = token
				}
			}
		})
	}
	all.Wait()
	late.Wait()
}
