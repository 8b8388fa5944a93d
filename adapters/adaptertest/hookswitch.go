package adaptertest

import (
	"context"
	"sync"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// hooked is eachFaulty, with hooks that the case can change while the service runs.
func (k *kit) hooked(t *testing.T, fn func(t *testing.T, w *world, f *faults, h *hookSwitch)) {
	t.Helper()
	h := &hookSwitch{}
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		h.set(nguard.Hooks{})
		fn(t, w, f, h)
		h.set(nguard.Hooks{})
	}, func(c *nguard.Config) {
		c.Hooks = nguard.Hooks{
			AfterAuthenticate: func(ctx context.Context, u nguard.User) error {
				if x := h.get().AfterAuthenticate; x != nil {
					return x(ctx, u)
				}
				return nil
			},
			OnLoad: func(ctx context.Context, s *nguard.Session) (map[string]any, error) {
				if x := h.get().OnLoad; x != nil {
					return x(ctx, s)
				}
				return nil, nil
			},
			Validate: func(ctx context.Context, s *nguard.Session) error {
				if x := h.get().Validate; x != nil {
					return x(ctx, s)
				}
				return nil
			},
			BeforeUpdate: func(ctx context.Context, u nguard.Update) error {
				if x := h.get().BeforeUpdate; x != nil {
					return x(ctx, u)
				}
				return nil
			},
			AfterUpdate: func(ctx context.Context, u nguard.Update) {
				if x := h.get().AfterUpdate; x != nil {
					x(ctx, u)
				}
			},
			OnLogout: func(ctx context.Context, s *nguard.Session) {
				if x := h.get().OnLogout; x != nil {
					x(ctx, s)
				}
			},
		}
	})
}

type hookSwitch struct {
	mu sync.Mutex
	h  nguard.Hooks
}

func (s *hookSwitch) set(h nguard.Hooks) { s.mu.Lock(); defer s.mu.Unlock(); s.h = h }
func (s *hookSwitch) get() nguard.Hooks  { s.mu.Lock(); defer s.mu.Unlock(); return s.h }

// crash waits for the record of a panic.
func (w *world) crash(action string) {
	w.t.Helper()
	w.await("a panic in "+action, func(e nguard.Event) bool {
		return e.Name == nguard.EventCrash && e.Action == action && e.RequestID != ""
	})
}
