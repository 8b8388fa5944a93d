package promises

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// A value whose check fails is known to be made up without asking the backend: this one would panic.
func TestA7_MadeUpValuesCostNoRead(t *testing.T) {
	store := nguard.Keyed(nowhere{})
	for _, value := range []string{"", "x", strings.Repeat("A", 71), strings.Repeat("A", 72), strings.Repeat("A", 73), strings.Repeat("\xff", 72)} {
		if _, err := store.Load(context.Background(), value); !errors.Is(err, nguard.ErrMalformed) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// nowhere is a backend that keeps nothing.
type nowhere struct{ nguard.Backend }

func (nowhere) Insert(context.Context, nguard.Row, nguard.Cap) ([]string, error) { return nil, nil }

// 10^5 tokens and handles: none twice, and every bit of the random part set in about half of them, so that
// no part tells of the time, the user or the one before.
func TestA8_TokensAndHandlesAreRandomThroughout(t *testing.T) {
	const n = 100_000
	store := nguard.Keyed(nowhere{})
	now := time.Now()
	tokens, handles := make(map[string]struct{}, n), make(map[string]struct{}, n)
	var tokenBits [48 * 8]int
	var handleBits [16 * 8]int
	for range n {
		c, err := store.Create(context.Background(), &nguard.Record{Owner: "user", Created: now, Expires: now.Add(time.Hour)}, nguard.Cap{})
		if err != nil {
			t.Fatal(err)
		}
		tokens[c.Live], handles[c.ID] = struct{}{}, struct{}{}
		raw, err := base64.RawURLEncoding.Strict().DecodeString(c.Live)
		if err != nil || len(raw) != 54 {
			t.Fatalf("token %q: %d bytes, %v", c.Live, len(raw), err)
		}
		for i := range tokenBits {
			tokenBits[i] += int(raw[i/8] >> (i % 8) & 1)
		}
		id, err := base64.RawURLEncoding.Strict().DecodeString(c.ID)
		if err != nil || len(id) != 16 {
			t.Fatalf("handle %q: %d bytes, %v", c.ID, len(id), err)
		}
		for i := range handleBits {
			handleBits[i] += int(id[i/8] >> (i % 8) & 1)
		}
		if strings.Contains(c.Live, c.ID) {
			t.Fatal("the token holds the handle")
		}
	}
	if len(tokens) != n || len(handles) != n {
		t.Errorf("%d tokens and %d handles of %d are different", len(tokens), len(handles), n)
	}
	const six = 950 // standard deviations of 10^5 coin tosses
	for i, set := range append(tokenBits[:], handleBits[:]...) {
		if set < n/2-six || set > n/2+six {
			t.Errorf("bit %d is set in %d of %d", i, set, n)
		}
	}
}

// brokenRandom gives some bytes and then an error, or the end.
type brokenRandom struct {
	left int
	err  error
}

func (r *brokenRandom) Read(p []byte) (int, error) {
	n := min(r.left, len(p))
	r.left -= n
	if n < len(p) {
		return n, r.err
	}
	return n, nil
}

func TestA9_TheStoreFailsRatherThanRepeat(t *testing.T) {
	real := rand.Reader
	defer func() { rand.Reader = real }()
	for _, bytes := range []int{0, 1, 16, 47} {
		rand.Reader = &brokenRandom{bytes, io.EOF}
		c, err := nguard.Keyed(nowhere{}).Create(context.Background(), &nguard.Record{Owner: "user"}, nguard.Cap{})
		if err == nil || c.Live != "" {
			t.Errorf("with %d random bytes: token %q, error %v", bytes, c.Live, err)
		}
	}
}
