package audit_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

func TestSlogText(t *testing.T) {
	var b buffer
	s := audit.NewSlog(slog.New(slog.NewTextHandler(&b, nil)))
	e := event(1, nguard.ClassChange)
	e.Outcome, e.Actor, e.UserAgent = nguard.Success, "ann\nlevel=ERROR", "\u202e\x1b[2J\xff"
	e.Changes = append(e.Changes, nguard.Change{Field: "x y", From: []string{"\u200b"}, To: audit.Secret("canary")})
	second := event(2, nguard.ClassObservation)
	for _, e := range []nguard.Event{e, second} {
		if err := s.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(string(b.Bytes())), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for _, want := range []string{
		"time=2026-02-03T04:05:07.000Z", "level=INFO", "msg=authz_fail", "changes.role.to=admin",
		`actor="ann\\nlevel=ERROR"`, `user_agent=\u202e\u001b[2J\xff`, `"changes.x y.to"=[redacted]`, `200b`,
	} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("%s lacks %s", lines[0], want)
		}
	}
	if !strings.Contains(lines[1], "level=WARN") {
		t.Errorf("a denial is no warning: %s", lines[1])
	}
}

type failingHandler struct{ slog.Handler }

func (failingHandler) Handle(context.Context, slog.Record) error { return errDown }

func TestSlogManyChanges(t *testing.T) {
	var b buffer
	e := event(1, nguard.ClassChange)
	for range 200 {
		e.Changes = append(e.Changes, nguard.Change{Field: "f", From: 1, To: 2})
	}
	if err := audit.NewSlog(slog.New(slog.NewTextHandler(&b, nil))).Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if text := string(b.Bytes()); !strings.Contains(text, "changes.more_changes=73") || len(text) > 8<<10 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

func TestSlogHandler(t *testing.T) {
	var b buffer
	text := slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelError})
	if err := audit.NewSlog(slog.New(text)).Record(t.Context(), event(1, nguard.ClassChange)); err != nil || len(b.Bytes()) > 0 {
		t.Errorf("below the level: %v, %q", err, b.Bytes())
	}
	failing := failingHandler{slog.NewTextHandler(&b, nil)}
	err := audit.NewSlog(slog.New(failing)).Record(t.Context(), event(1, nguard.ClassChange))
	if !errors.Is(err, errDown) || !errors.Is(err, nguard.ErrUnavailable) {
		t.Errorf("the handler's error: %v", err)
	}
}
