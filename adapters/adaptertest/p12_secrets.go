package adaptertest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

func traceCanaries(t *testing.T, k *kit) {
	dir, b := t.TempDir(), k.open(t)
	file, err := audit.OpenFile(filepath.Join(dir, "audit.jsonl"), audit.FileOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var lines, raw bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return lines.Write(p)
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	plain := nguard.SinkFunc(func(_ context.Context, e nguard.Event) error {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&raw, "%+v\n", e)
		return nil
	})
	sink, err := audit.NewFanout(audit.FanoutOptions{}, audit.Durable(b.sink), audit.Durable(file), audit.BestEffort(audit.NewSlog(logger)), audit.BestEffort(plain))
	if err != nil {
		t.Fatal(err)
	}
	b.sink = sink
	w := newWorld(t, b, func(c *nguard.Config) { c.Log = logger })
	var canaries []string
	tokens := func(bs ...*browser) {
		for _, b := range bs {
			if token := b.token(); token != "" && !slices.Contains(canaries, token) {
				canaries = append(canaries, token)
			}
		}
	}
	const wrong, private, refused, number = "canary-wrong-password", "canary-private-value", "canary-refused-value", "424242424242"
	canaries = append(canaries, guardtest.Password, wrong, private, refused, number)

	user, admin := w.settled("user"), w.settled("admin")
	tokens(user, admin)
	for range 12 {
		w.browser().post("/api/auth/login", `{"id":"user","password":"`+wrong+`","otp":`+number+`}`).expect(401)
	}
	user.keepsSecret("user", private)
	user.post("/api/auth/update", `{"secret":"`+refused+`"}`).expect(403)
	user.post("/api/auth/update", `{"theme":"`+refused+`","language":"`+refused+`"}`).expect(400)
	user.post("/api/auth/update", `{"theme":"dark","bogus":"`+refused+`"}`).expect(200)
	user.post("/api/auth/validate", `{"token":"`+user.token()+`"}`).expect(200)
	user.post("/api/auth/validate", `{"token":"`+refused+`"}`).expect(200)
	user.do("GET", "/api/auth/session?token="+user.token(), "", "Authorization: Bearer "+user.token(), "X-Token: "+user.token()).expect(200)
	w.clock.Advance(nguard.Grace + time.Second)
	thief := user.copyOf()
	for range 2 {
		user.post("/api/auth/refresh", "").expect(200)
		tokens(user)
		user.get("/who").expect(200)
		w.clock.Advance(nguard.Grace + time.Second)
	}
	thief.get("/who").expect(401)
	user.login("user")
	tokens(user)
	user.post("/step-up", "").expect(200)
	tokens(user)
	user.post("/api/auth/logout", "").expect(200)
	user.hold(canaries[len(canaries)-1]).get("/who").expect(401)
	admin.post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(200)
	w.browser().hold("canary-malformed-token").get("/who").expect(401)
	canaries = append(canaries, "canary-malformed-token")
	if err := w.guard.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for name, text := range map[string]string{"file": string(written), "sink of the backing": storedRecords(t, w.back), "slog and log": lines.String(), "values": raw.String()} {
		for _, must := range []string{nguard.EventLoginFail, nguard.EventTokenReuse, nguard.EventAuthzChange, nguard.EventShutdown, "[redacted]"} {
			if name == "values" && must == "[redacted]" {
				continue // %+v of Redacted prints by its String, or as {}
			}
			if !strings.Contains(text, must) {
				t.Errorf("%s: has no %q, so that its silence proves nothing", name, must)
			}
		}
		for _, canary := range canaries {
			if i := strings.Index(text, canary); i >= 0 {
				t.Errorf("%s: has the secret %q in: %.300s", name, canary, text[max(0, i-200):])
			}
			if len(canary) > 60 && strings.Contains(text, canary[:22]) { // not a part of a token either
				t.Errorf("%s: has the head of a token", name)
			}
		}
	}
}

// storedRecords is what the sink of a backing holds, as it is stored where that can be seen.
func storedRecords(t *testing.T, b backing) string {
	t.Helper()
	if !b.bySQL() {
		return string(bytes.Join(recordsOf(t, b.read()), []byte("\n")))
	}
	rows, err := b.db.Query(`SELECT record FROM nguard_audit`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var stored bytes.Buffer
	for rows.Next() {
		var record string
		if err := rows.Scan(&record); err != nil {
			t.Fatal(err)
		}
		stored.WriteString(record + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return stored.String()
}
