package cookiestore_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/memstore"
)

// N10: what is certainly no secret is refused, in words that help and do not repeat it.
func TestN10_Secrets(t *testing.T) {
	counting := make([]byte, 32)
	for i := range counting {
		counting[i] = byte(i)
	}
	for what, bad := range map[string][]byte{
		"nothing": nil, "31 bytes": secret[:31], "zeros": make([]byte, 32), "one letter": bytes.Repeat([]byte("a"), 64), "counting": counting,
		"the alphabet": []byte("abcdefghijklmnopqrstuvwxyz0123456789"), "a sample": []byte("my-very-secret-key-0123456789abcdef"),
		"another": []byte("CHANGEME-x8Fq2Lr9Wm3Vt6Zk1Np5Hb7Jd"), "twice the same": []byte("x8Fq2Lr9Wm3Vt6Zkx8Fq2Lr9Wm3Vt6Zk"), "digits in turn": []byte("01234567890123456789012345678901"),
		"two letters": []byte("abaababbabaaababbaabbababababaab"),
	} {
		_, first := cookiestore.NewRing(bad)
		_, second := cookiestore.NewRing(secret, bad)
		for _, err := range []error{first, second} {
			if err == nil || !strings.Contains(err.Error(), "openssl") || len(bad) > 0 && strings.Contains(err.Error(), string(bad)) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	for range 2000 {
		good := make([]byte, 32)
		if _, err := rand.Read(good); err != nil {
			t.Fatal(err)
		}
		if _, err := cookiestore.NewRing(good); err != nil {
			t.Fatalf("a random secret: %v", err)
		}
		if _, err := cookiestore.NewRing([]byte(strings.ToLower(rand.Text() + rand.Text()))); err != nil {
			t.Fatalf("random text: %v", err)
		}
	}
	if _, err := cookiestore.NewRing(secret, secret); err == nil {
		t.Error("the same secret twice was taken")
	}
}

func TestNew(t *testing.T) {
	rows := memstore.New()
	keys := ring(t, secret)
	for field, c := range map[string]cookiestore.Config{
		"Keys":      {Companion: rows},
		"MaxSize":   {Keys: keys, MaxSize: 511},
		"MaxSize ":  {Keys: keys, MaxSize: nguard.MaxCookieToken + 1},
		"Recheck":   {Keys: keys, Recheck: 1},
		"Recheck ":  {Keys: keys, Recheck: -1},
		"Audience":  {Keys: keys, Audience: strings.Repeat("a", 257)},
		"Companion": {Keys: keys, Companion: sealed(t, cookiestore.Config{})},
	} {
		if _, err := cookiestore.New(c); err == nil || !strings.Contains(err.Error(), "Config."+strings.TrimSpace(field)) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := cookiestore.New(cookiestore.Config{Keys: new(cookiestore.Ring)}); err == nil {
		t.Error("a ring without keys was taken")
	}
}

// counted is a companion that knows whether it was written to.
type counted struct {
	*memstore.Store
	writes int
}

func (c *counted) Create(ctx context.Context, r *nguard.Record, limit nguard.Cap) (nguard.Created, error) {
	c.writes++
	return c.Store.Create(ctx, r, limit)
}

func (c *counted) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	c.writes++
	return c.Store.Replace(ctx, f, next, rotate)
}

// A9: without randomness a call fails, and before anything is written: a row whose cookie cannot be sealed
// would be a session that nobody holds.
func TestA9_NoRandomness(t *testing.T) {
	rows := &counted{Store: memstore.New()}
	for name, s := range map[string]*cookiestore.Store{
		"row": sealed(t, cookiestore.Config{Companion: rows}), "bare": sealed(t, cookiestore.Config{}),
	} {
		ctx := t.Context()
		c, err := s.Create(ctx, person(), nguard.Cap{})
		if err != nil {
			t.Fatal(err)
		}
		writes := rows.writes
		working := rand.Reader
		for what, broken := range map[string]io.Reader{"error": failing{}, "short read": strings.NewReader("short")} {
			rand.Reader = broken
			_, created := s.Create(ctx, person(), nguard.Cap{})
			next := *c.Record
			next.Version++
			_, replaced := s.Replace(ctx, c.Found, &next, true)
			rand.Reader = working
			if created == nil || replaced == nil || rows.writes != writes {
				t.Errorf("%s, %s: create %v, replace %v, %d writes", name, what, created, replaced, rows.writes-writes)
			}
		}
		if _, err := s.Load(ctx, c.Live); err != nil {
			t.Errorf("%s: the session is gone: %v", name, err)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no entropy") }

// A companion that answers with another session's row is not believed (K10).
func TestK10_AnotherRow(t *testing.T) {
	rows := &swapped{Store: memstore.New()}
	s := sealed(t, cookiestore.Config{Companion: rows})
	ada, err := s.Create(t.Context(), person(), nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	eve := person()
	eve.Owner, eve.User.ID = "eve", "eve"
	other, err := rows.Store.Create(t.Context(), eve, nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	owned := *other.Record
	owned.ID = ada.ID
	same := other.Found
	same.Record = &owned
	for what, answer := range map[string]nguard.Found{"another ID": other.Found, "another owner": same} {
		rows.answer = &answer
		f, err := s.Load(t.Context(), ada.Live)
		if !errors.Is(err, nguard.ErrCorrupt) || f.Record != nil {
			t.Errorf("%s: got %v and %v", what, f.Record, err)
		}
	}
}

type swapped struct {
	*memstore.Store
	answer *nguard.Found
}

func (s *swapped) Load(ctx context.Context, token string) (nguard.Found, error) {
	if s.answer != nil {
		return *s.answer, nil
	}
	return s.Store.Load(ctx, token)
}

// A companion that has lost its last writes in a crash knows an older row, and an epoch that the next change
// brings up to what the cookie is stamped with. Such a cookie's authority is not believed: the person is
// looked up (B11).
func TestB11_LostWrites(t *testing.T) {
	rows := &swapped{Store: memstore.New()}
	s := sealed(t, cookiestore.Config{Companion: rows})
	c, err := s.Create(t.Context(), person(), nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := rows.Store.Find(t.Context(), "ada", c.ID)
	if err != nil {
		t.Fatal(err)
	}
	next := *c.Record
	next.Version, next.Stamp.Change, next.User.Role = 2, c.Stamp.Change+1, "admin"
	f, err := s.Replace(t.Context(), c.Found, &next, false)
	if err != nil {
		t.Fatal(err)
	}
	// The row is as it was before, and somebody has changed the person since.
	kept.Match, kept.User.Change = nguard.Current, c.Stamp.Change+1
	rows.answer = &kept
	got, err := s.Load(t.Context(), f.Live)
	if err != nil || got.Version != 1 || got.Stamp.Change == got.User.Change {
		t.Errorf("got version %d, stamp %d, epoch %d, %v", got.Version, got.Stamp.Change, got.User.Change, err)
	}
}

// Keys change while cookies are read and written: each is opened by the keys before the change or after it.
func TestKeysWhileInUse(t *testing.T) {
	other := []byte("8zL0qJ3wpa4a2WvB1oYB1uWb8FYl0rA3")
	keys := ring(t, secret)
	s := sealed(t, cookiestore.Config{Keys: keys, Companion: memstore.New()})
	c, err := s.Create(t.Context(), person(), nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			live := c.Live
			for range 200 {
				f, err := s.Load(t.Context(), live)
				if err != nil {
					t.Error(err)
					return
				}
				live = f.Live
			}
		})
	}
	wg.Go(func() {
		for i := range 200 {
			pair := [2][]byte{secret, other}
			if err := keys.Set(pair[i%2], pair[1-i%2]); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
}

// talkative is a companion whose tokens are longer than the store has room for.
type talkative struct{ *memstore.Store }

func (s talkative) Create(ctx context.Context, r *nguard.Record, c nguard.Cap) (nguard.Created, error) {
	made, err := s.Store.Create(ctx, r, c)
	made.Live += strings.Repeat("x", 128)
	return made, err
}

func TestLongTokens(t *testing.T) {
	rows := memstore.New()
	s := sealed(t, cookiestore.Config{Companion: talkative{rows}})
	if _, err := s.Create(t.Context(), person(), nguard.Cap{}); err == nil {
		t.Error("a token that does not fit was taken")
	}
	if list, err := rows.List(t.Context(), "ada", "", 10); err != nil || len(list) != 0 {
		t.Errorf("%d rows were left, %v", len(list), err)
	}
}

// FuzzLoad: whatever a browser sends, only what was issued opens, and nothing panics.
func FuzzLoad(f *testing.F) {
	ctx := context.Background()
	fresh := make([]byte, 32) // each process of the fuzzer issues its own
	if _, err := rand.Read(fresh); err != nil {
		f.Fatal(err)
	}
	keys := ring(f, fresh)
	row, bare := sealed(f, cookiestore.Config{Keys: keys, Companion: memstore.New()}), sealed(f, cookiestore.Config{Keys: keys})
	issued := map[string]bool{}
	for _, s := range []*cookiestore.Store{row, bare} {
		c, err := s.Create(ctx, person(), nguard.Cap{})
		if err != nil {
			f.Fatal(err)
		}
		issued[c.Live] = true
		f.Add(c.Live)
		f.Add(c.Live[:len(c.Live)-1])
		f.Add(c.Live[:8] + "\n" + c.Live[8:])
		f.Add(c.Live + "\n")
	}
	f.Add("")
	f.Add("~1.2.AAAAAAAAAAA.x")
	f.Add(strings.Repeat("A", 100))
	f.Fuzz(func(t *testing.T, value string) {
		for _, s := range []*cookiestore.Store{row, bare} {
			found, err := s.Load(ctx, value)
			if err == nil && !issued[value] {
				t.Fatalf("%q opens", value)
			}
			if err != nil && (!errors.Is(err, nguard.ErrMalformed) || found.Record != nil) {
				t.Fatalf("%q: %v", value, err)
			}
		}
	})
}
