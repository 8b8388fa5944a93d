package guides

import (
	"database/sql"
	"fmt"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// checkPassword stands for the application's own.
func checkPassword(_, password string) (userID string, ok bool) {
	return "ann", password == guardtest.Password
}

// TestFromSCS: the shop of examples/benchmarks/peers, with nguard.
func TestFromSCS(t *testing.T) {
	guard := newGuard(t)
	mux := http.NewServeMux()

	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		id, ok := checkPassword(r.FormValue("email"), r.FormValue("password"))
		if !ok {
			httpguard.Fail(w, r, nguard.ErrBadCredentials)
			return
		}
		if _, err := httpguard.From(r).Login(r.Context(), id, nguard.LoginOptions{}); err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /views", func(w http.ResponseWriter, r *http.Request) {
		session, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			return Views.Modify(d, func(n int) int { return n + 1 })
		})
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, Views.Get(session))
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := httpguard.From(r).Logout(r.Context()); err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	handler := httpguard.Sessions(guard)(mux)

	visits(t, handler)
}

// TestFromGinContrib: the same on gin.
func TestFromGinContrib(t *testing.T) {
	gin.SetMode(gin.TestMode)
	guard := newGuard(t)

	r := gin.New()
	r.Use(ginguard.Sessions(guard))
	r.POST("/login", func(c *gin.Context) {
		id, ok := checkPassword(c.PostForm("email"), c.PostForm("password"))
		if !ok {
			ginguard.Fail(c, nguard.ErrBadCredentials)
			return
		}
		if _, err := ginguard.From(c).Login(c.Request.Context(), id, nguard.LoginOptions{}); err != nil {
			ginguard.Fail(c, err)
			return
		}
		c.Redirect(http.StatusSeeOther, "/")
	})
	r.POST("/views", func(c *gin.Context) {
		session, err := ginguard.From(c).Update(c.Request.Context(), func(d *nguard.Draft) error {
			return Views.Modify(d, func(n int) int { return n + 1 })
		})
		if err != nil {
			ginguard.Fail(c, err)
			return
		}
		c.String(http.StatusOK, "%d", Views.Get(session))
	})
	r.POST("/logout", func(c *gin.Context) {
		if err := ginguard.From(c).Logout(c.Request.Context()); err != nil {
			ginguard.Fail(c, err)
			return
		}
		c.Redirect(http.StatusSeeOther, "/")
	})

	visits(t, r)
}

// visits is somebody who logs in, counts and logs out.
func visits(t *testing.T, handler http.Handler) {
	t.Helper()
	b := &browser{handler, map[string]string{}}
	do := func(path, body string, status int, text string) {
		t.Helper()
		w := b.do("POST", path, body, "Sec-Fetch-Site", "same-origin")
		if w.Code != status || text != "" && w.Body.String() != text {
			t.Errorf("%s: %d %s, want %d %s", path, w.Code, w.Body, status, text)
		}
	}
	do("/views", "", 401, "")
	do("/login", "email=ann&password=wrong", 401, "")
	do("/login", "email=ann&password="+guardtest.Password, 303, "")
	do("/views", "", 200, "1")
	do("/views", "", 200, "2")
	do("/logout", "", 303, "")
	do("/views", "", 401, "")
}

// TestMovingStart: what the guides make at the start of a program.
func TestMovingStart(t *testing.T) {
	people := guardtest.NewUsers(nguard.User{ID: "ann"})
	db, err := sql.Open("sqlite", "file:moving?mode=memory")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()

	guard, err := nguard.New(nguard.Config{
		Store:  sqlstore.New(db, sqlstore.SQLite),
		Users:  people,
		Limits: ratelimit.Defaults(),
		Fields: []nguard.AnyField{Theme, Views},
	})

	if err != nil || guard == nil {
		t.Error(err)
	}
}
