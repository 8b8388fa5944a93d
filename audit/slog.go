package audit

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	nguard "github.com/nguard-go/nguard/core"
)

// Slog is a sink that writes each event as one structured record to a [slog.Logger]: the name of the
// event as the message, its members under their JSON names, changes as one group per field. Outcomes
// other than success and attempt have level Warn, the rest Info.
//
// It is not durable: handlers filter by level, buffer, and most throw their errors away, so that a nil
// error says that the record was handed over and no more. Put it in a [Fanout] as [BestEffort] next to
// a sink that is durable; make it the only one where losing records is acceptable.
//
// Texts are escaped before the handler sees them, so that a handler which writes them as they are
// still writes one clean line (ASVS 16.4.1). The zero value and a Slog of a nil logger fail: nothing is
// written to a place that nobody named (ASVS 16.2.3). Safe for concurrent use if the handler is.
type Slog struct {
	logger *slog.Logger
}

var _ nguard.Sink = (*Slog)(nil)

// NewSlog returns a sink that writes to l.
func NewSlog(l *slog.Logger) *Slog { return &Slog{logger: l} }

// Record hands e to the handler and returns the handler's error, if it has one. An event below the
// handler's level is not written, without an error. The deadline is for the handler to keep.
func (s *Slog) Record(ctx context.Context, e nguard.Event) error {
	if s.logger == nil {
		return unavailable("slog", errors.New("no logger was given to NewSlog"))
	}
	ctx, cancel := Steady(ctx)
	defer cancel()
	level := slog.LevelInfo
	if e.Outcome != nguard.Success && e.Outcome != nguard.Attempt {
		level = slog.LevelWarn
	}
	h := s.logger.Handler()
	if !h.Enabled(ctx, level) {
		return nil
	}
	name := printable(e.Name)
	r := slog.NewRecord(e.Time.UTC(), level, name, 0)
	text := func(key, value string) {
		if value != "" {
			r.AddAttrs(slog.String(key, printable(value)))
		}
	}
	text("id", e.ID)
	text("event", name)
	text("outcome", string(e.Outcome))
	text("class", string(e.Class))
	text("actor", e.Actor)
	text("target", e.Target)
	text("session", e.Session)
	text("action", e.Action)
	if len(e.Changes) > 0 {
		r.AddAttrs(slog.Attr{Key: "changes", Value: changesValue(e.Changes)})
	}
	text("rule", e.Rule)
	text("reason", e.Reason)
	if e.Count != 0 {
		r.AddAttrs(slog.Int("count", e.Count))
	}
	text("request_id", e.RequestID)
	text("ip", e.IP)
	text("user_agent", e.UserAgent)
	text("method", e.Method)
	text("path", e.Path)
	text("namespace", e.Namespace)
	if err := h.Handle(ctx, r); err != nil {
		return unknown("slog", err)
	}
	return nil
}

func changesValue(changes []nguard.Change) slog.Value {
	groups := make([]slog.Attr, 0, min(len(changes), maxChanges+1))
	for i, c := range changes {
		if i == maxChanges {
			groups = append(groups, slog.Int("more_changes", len(changes)-i))
			break
		}
		groups = append(groups, slog.Attr{Key: printable(c.Field), Value: slog.GroupValue(
			slog.Attr{Key: "from", Value: changeValue(c.From)},
			slog.Attr{Key: "to", Value: changeValue(c.To)},
		)})
	}
	return slog.GroupValue(groups...)
}

// changeValue is v in a kind that every handler writes alike, or as JSON that is escaped already.
func changeValue(v any) slog.Value {
	switch v := mask(v).(type) {
	case nil, bool, int, int64, float64:
		return slog.AnyValue(v)
	case string:
		return slog.StringValue(printable(v))
	case nguard.Redacted:
		return slog.StringValue(v.String())
	default:
		return slog.AnyValue(json.RawMessage(appendValue(nil, v)))
	}
}
