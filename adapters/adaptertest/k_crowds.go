package adaptertest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// The rules of checklist K about many requests at once.
var crowds = []rule{
	{"K9 everything at once", "Everything that can be asked, asked at once of one person's sessions, is answered, and each update counts.", crowdOfOne},
	{"K10 nobody sees another", "Of many people at once, some of whom leave before the answer, nobody sees another's data.", crowdOfMany},
	{"K10 record of another key", "A row into which another one's record was put is refused, not served.", recordOfAnother},
}

// patient gives stores the time that a crowd on a slow machine needs: what takes longer is an outage.
func patient(c *nguard.Config) { c.Timeout = time.Minute }

func crowdOfOne(t *testing.T, k *kit) {
	w := k.newWorld(t, patient)
	n, workers := 1000, 256
	if w.back.db != nil { // its writers wait for each other
		n, workers = 200, 50
	}
	token := w.loggedIn("user").token()
	by, client := w.by(token), w.bare(workers)
	var counted atomic.Int64
	crowd(workers, n, func(i int) {
		var a answer
		var err error
		switch i % 8 {
		case 0, 1, 2:
			if a, err = client.try("POST", "/api/visits", "", by); a.status == 200 {
				counted.Add(1)
			}
		case 3:
			a, err = client.try("GET", "/api/auth/session", "", by)
		case 4:
			a, err = client.try("POST", "/api/auth/update", fmt.Sprintf(`{"draft":"%d"}`, i), by)
		case 5:
			a, err = client.try("GET", "/api/auth/sessions", "", by)
		case 6:
			a, err = client.try("POST", "/api/auth/validate", `{"token":"`+token+`"}`, by)
		default:
			a, err = client.try("POST", "/api/auth/login", `{"id":"other","password":"`+guardtest.Password+`"}`)
		}
		if a.status != 200 || err != nil {
			t.Errorf("request of kind %d: status %d, error %v", i%8, a.status, err)
		}
	})
	w.back.keepsUpdates(t)
	if got := client.do("GET", "/api/auth/session", "", by).at("session", "data", "visits"); got != float64(counted.Load()) {
		t.Errorf("visits %v, want %d", got, counted.Load())
	}
}

func crowdOfMany(t *testing.T, k *kit) {
	w := k.newWorld(t, patient)
	n := 1000
	if w.back.db != nil {
		n = 120
	}
	tokens := make([]string, n)
	for i := range n {
		id := fmt.Sprintf("person-%d", i)
		w.back.put(nguard.User{ID: id, Name: id, Role: "user"})
		token, _, err := w.guard.Login(nguard.WithActor(context.Background(), id), id, nguard.LoginOptions{})
		if err != nil {
			t.Fatal(err)
		}
		tokens[i] = token
	}
	shared := w.bare(32).client // one pool of connections for all
	crowd(32, 2*n, func(i int) {
		who := i % n
		id := fmt.Sprintf("person-%d", who)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", w.server.URL+"/who", nil)
		if i%3 == 1 {
			r, err = http.NewRequestWithContext(ctx, "POST", w.server.URL+"/api/auth/update", strings.NewReader(`{"draft":"of `+id+`"}`))
			r.Header.Set("Content-Type", "application/json")
		}
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.AddCookie(&http.Cookie{Name: w.guard.CookieName(), Value: tokens[who]})
		if i%5 == 0 {
			go cancel() // leaves at some moment of the request
		}
		resp, err := shared.Do(r)
		if err != nil {
			if i%5 != 0 {
				t.Error(err)
			}
			return
		}
		defer resp.Body.Close()
		var body strings.Builder
		buf := make([]byte, 4096)
		for {
			k, err := resp.Body.Read(buf)
			body.Write(buf[:k])
			if err != nil {
				break
			}
		}
		if i%5 == 0 {
			return
		}
		got := body.String()
		if resp.StatusCode != 200 || r.Method == "GET" && got != id || r.Method == "POST" && (!strings.Contains(got, `"draft":"of `+id+`"`) || !strings.Contains(got, `"id":"`+id+`"`)) {
			t.Errorf("%s of %s: status %d, body %s", r.Method, id, resp.StatusCode, got)
		}
		if h := given(w, answer{header: resp.Header}); h != "" && !w.sameToken(h, tokens[who]) {
			t.Errorf("%s was given another token", id)
		}
	})
}

func recordOfAnother(t *testing.T, k *kit) {
	w := k.newWorld(t)
	w.back.onlySQLite(t)
	user, admin := w.loggedIn("user"), w.loggedIn("admin")
	uid, aid := handleOf(user.get("/who")), handleOf(admin.get("/who"))
	res, err := w.back.db.Exec("UPDATE nguard_sessions SET record = (SELECT record FROM nguard_sessions WHERE id = ?) WHERE id = ?", aid, uid)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("%d rows changed, error %v", n, err)
	}
	user.get("/admin").expect(401)
	if a := user.get("/who"); a.status != 401 {
		t.Errorf("a row with another record: status %d, body %s", a.status, a.raw)
	}
	admin.get("/admin").expect(200)
	w.awaitEvent(nguard.EventRecordUnreadable, nguard.Failure)
}
