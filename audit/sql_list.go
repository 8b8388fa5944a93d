package audit

import (
	"context"
	"strings"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Filter chooses records for [SQL.List]. Empty members choose all.
type Filter struct {
	// Actor, Target, Event and Outcome must be equal.
	Actor   string
	Target  string
	Event   string
	Outcome nguard.Outcome
	// Since and Until bound the time: from Since on, and before Until.
	Since, Until time.Time
	// Before continues a list: the Seq of the last entry of the page before.
	Before int64
	// Limit is how many entries are returned at most. Defaults to 50; at most 500.
	Limit int
}

// Entry is one record of a list.
type Entry struct {
	// Seq numbers the records of the table. It grows and is never given out twice; a number may be
	// missing, since a transaction that was rolled back takes its own along.
	Seq int64 `json:"seq"`
	nguard.Event
}

// List returns the records that match f, the newest first. A page that is not full is the last one;
// else the next begins at Filter.Before = the Seq of the last entry.
//
// List asks no policy: who may read the trail is for the handler that calls it to decide and, like any
// denial, to record (checklist M9). Values are as [Decode] returns them. Times are compared in
// microseconds.
func (s *SQL) List(ctx context.Context, f Filter) ([]Entry, error) {
	if s.db == nil {
		return nil, unavailable("sql", errNoSink)
	}
	var where []string
	var args []any
	and := func(condition string, arg any) {
		where, args = append(where, condition), append(args, arg)
	}
	text := func(column, value string) {
		if value != "" {
			and(column+" = ?", indexed(value))
		}
	}
	text("actor", f.Actor)
	text("target", f.Target)
	text("event", f.Event)
	text("outcome", string(f.Outcome))
	if !f.Since.IsZero() {
		and("time >= ?", f.Since.UnixMicro())
	}
	if !f.Until.IsZero() {
		and("time < ?", f.Until.UnixMicro())
	}
	if f.Before > 0 {
		and("seq < ?", f.Before)
	}
	if f.Limit <= 0 {
		f.Limit = 50
	}
	args = append(args, min(f.Limit, 500))
	query := s.dialect.columns
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	q, _ := s.on(ctx)
	rows, err := q.QueryContext(ctx, s.dialect.bind(query+s.dialect.order), args...)
	if err != nil {
		return nil, unavailable("sql", err)
	}
	defer rows.Close()
	var entries []Entry
	for rows.Next() {
		var entry Entry
		var record string
		if err := rows.Scan(&entry.Seq, &record); err != nil {
			return nil, unavailable("sql", err)
		}
		if entry.Event, err = Decode([]byte(record)); err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable("sql", err)
	}
	return entries, nil
}

const purgeStep = 1000

// Purge deletes the records from before the given time and returns how many there were. It works in
// steps of 1000, each a statement of its own, so that records are not kept waiting; after an error it
// can be called again, whatever became of the last step. Who keeps an audit trail records that it was
// purged, and by whom: record an event of your own after it.
func (s *SQL) Purge(ctx context.Context, before time.Time) (deleted int64, err error) {
	if s.db == nil {
		return 0, unavailable("sql", errNoSink)
	}
	q, joined := s.on(ctx)
	for {
		if err := ctx.Err(); err != nil {
			return deleted, unavailable("sql", err) // every step that was sent is answered
		}
		result, err := q.ExecContext(ctx, s.purge, before.UnixMicro(), purgeStep)
		if err != nil {
			return deleted, s.judged(ctx, err, joined)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return deleted, unavailable("sql", err)
		}
		deleted += n
		if n < purgeStep {
			return deleted, nil
		}
	}
}
