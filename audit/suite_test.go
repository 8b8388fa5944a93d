package audit_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nguard-go/nguard/audit"
	"github.com/nguard-go/nguard/audit/audittest"
	nguard "github.com/nguard-go/nguard/core"
)

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.buf.Bytes())
}

// decodeLines reads a file of records.
func decodeLines(text []byte) ([]nguard.Event, error) {
	var events []nguard.Event
	for line := range bytes.Lines(text) {
		e, err := audit.Decode(line)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// decodeSlog reads what slog's JSON handler wrote.
func decodeSlog(text []byte) ([]nguard.Event, error) {
	var events []nguard.Event
	for line := range bytes.Lines(text) {
		var record struct {
			nguard.Event
			Changes map[string]struct{ From, To any } `json:"changes"`
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&record); err != nil {
			return nil, err
		}
		e := record.Event
		for field, c := range record.Changes {
			e.Changes = append(e.Changes, nguard.Change{Field: field, From: c.From, To: c.To})
		}
		slices.SortFunc(e.Changes, func(a, b nguard.Change) int { return cmp.Compare(a.Field, b.Field) })
		events = append(events, e)
	}
	return events, nil
}

func openFile(t testing.TB, o audit.FileOptions) (*audit.File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	f, err := audit.OpenFile(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, path
}

// fileHarness is a file, seen through wrap.
func fileHarness(o audit.FileOptions, wrap func(t *testing.T, f nguard.Sink) nguard.Sink) func(t *testing.T) audittest.Harness {
	return func(t *testing.T) audittest.Harness {
		f, path := openFile(t, o)
		return audittest.Harness{
			Sink: wrap(t, f),
			Events: func() ([]nguard.Event, error) {
				text, err := os.ReadFile(path)
				if err != nil {
					return nil, err
				}
				return decodeLines(text)
			},
			Output: func() ([]byte, error) { return os.ReadFile(path) },
			Break: func() {
				if err := errors.Join(os.Rename(path, path+".1"), os.Mkdir(path, 0o700)); err != nil {
					t.Fatal(err)
				}
			},
		}
	}
}

func bare(_ *testing.T, s nguard.Sink) nguard.Sink { return s }

func fanout(t testing.TB, o audit.FanoutOptions, members ...audit.Member) *audit.Fanout {
	t.Helper()
	f, err := audit.NewFanout(o, members...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSuite(t *testing.T) {
	t.Run("File", func(t *testing.T) { audittest.Run(t, fileHarness(audit.FileOptions{}, bare)) })
	t.Run("FileNoSync", func(t *testing.T) { audittest.Run(t, fileHarness(audit.FileOptions{NoSync: true}, bare)) })
	t.Run("Memory", func(t *testing.T) {
		audittest.Run(t, func(t *testing.T) audittest.Harness {
			m := &audit.Memory{}
			return audittest.Harness{Sink: m, Events: func() ([]nguard.Event, error) { return m.Events(), nil }}
		})
	})
	t.Run("SlogJSON", func(t *testing.T) {
		audittest.Run(t, func(t *testing.T) audittest.Harness {
			b := &buffer{}
			return audittest.Harness{
				Sink:   audit.NewSlog(slog.New(slog.NewJSONHandler(b, nil))),
				Events: func() ([]nguard.Event, error) { return decodeSlog(b.Bytes()) },
				Output: func() ([]byte, error) { return b.Bytes(), nil },
			}
		})
	})
	t.Run("Redact", func(t *testing.T) {
		audittest.Run(t, fileHarness(audit.FileOptions{NoSync: true}, func(_ *testing.T, s nguard.Sink) nguard.Sink {
			return audit.NewRedact(s, audit.Fields("password"), audit.Type[*os.File](), audit.Emails)
		}))
	})
	t.Run("Async", func(t *testing.T) {
		audittest.Run(t, fileHarness(audit.FileOptions{NoSync: true}, func(_ *testing.T, s nguard.Sink) nguard.Sink {
			return audit.NewAsync(s, audit.AsyncOptions{})
		}))
	})
	t.Run("Fanout", func(t *testing.T) {
		audittest.Run(t, fileHarness(audit.FileOptions{NoSync: true}, func(t *testing.T, s nguard.Sink) nguard.Sink {
			return fanout(t, audit.FanoutOptions{}, audit.Durable(s), audit.BestEffort(audit.NewMemory(0)))
		}))
	})
	t.Run("FanoutWithHangingMember", func(t *testing.T) {
		audittest.Run(t, func(t *testing.T) audittest.Harness {
			m, hung := &audit.Memory{}, newGate(&audit.Memory{})
			return audittest.Harness{
				Sink: fanout(t, audit.FanoutOptions{Deadline: 50 * time.Millisecond},
					audit.Durable(m), audit.Durable(hung)),
				Events: func() ([]nguard.Event, error) { return m.Events(), nil },
				Stall:  hung.close,
			}
		})
	})
	t.Run("AllWrappers", func(t *testing.T) {
		audittest.Run(t, fileHarness(audit.FileOptions{}, func(t *testing.T, s nguard.Sink) nguard.Sink {
			return audit.NewRedact(fanout(t, audit.FanoutOptions{},
				audit.Durable(audit.NewAsync(audit.NewRedact(s), audit.AsyncOptions{}))))
		}))
	})
}
