package scstest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/nguard-go/nguard/stores/scsstore"
)

// is checks that an error wraps all of want and none of not.
func is(t testing.TB, err error, want []error, not ...error) {
	t.Helper()
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Errorf("got %v, want one that wraps %v", err, w)
		}
	}
	for _, n := range not {
		if errors.Is(err, n) {
			t.Errorf("got %v, which is not to wrap %v", err, n)
		}
	}
}

// hooked is a backend with a hand in every call: hook is asked before each, and after it.
type hooked struct {
	scs.Store
	mu   sync.Mutex
	hook func(when, op, key string) error
}

func (h *hooked) set(hook func(when, op, key string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hook = hook
}

func (h *hooked) around(op, key string, do func() error) error {
	h.mu.Lock()
	hook := h.hook
	h.mu.Unlock()
	if hook == nil {
		return do()
	}
	if err := hook("before", op, key); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return hook("after", op, key)
}

func (h *hooked) Find(key string) (b []byte, found bool, err error) {
	err = h.around("find", key, func() (err error) { b, found, err = h.Store.Find(key); return err })
	return b, found, err
}

func (h *hooked) Commit(key string, b []byte, expiry time.Time) error {
	return h.around("commit", key, func() error { return h.Store.Commit(key, b, expiry) })
}

func (h *hooked) Delete(key string) error {
	return h.around("delete", key, func() error { return h.Store.Delete(key) })
}

// hooks opens a store in memory with a hand in every call.
func hooks(t testing.TB) (*scsstore.Store, *hooked) {
	m, _ := memory(t)
	h := &hooked{Store: m}
	return scsstore.New(h), h
}

// soon is a context that ends in a moment.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
