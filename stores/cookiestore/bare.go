package cookiestore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Without a companion the cookie is all there is: it holds the whole record and the idle clock. Nothing can
// be taken back, and an older cookie is as good as a newer one until it expires. What remains is that the
// users table is asked again and again: see bare.Epoch.

func (s *Store) createBare(r *nguard.Record) (nguard.Created, error) {
	if r.Stamp.Revoke != bareRevoke {
		return nguard.Created{}, fmt.Errorf("%w: of another epoch", nguard.ErrConflict)
	}
	var raw [16]byte
	if _, err := io.ReadFull(rand.Reader, raw[:]); err != nil {
		return nguard.Created{}, fmt.Errorf("cookiestore: no randomness for an ID: %w", err)
	}
	record := *r
	record.ID = encoding.EncodeToString(raw[:])
	f, err := s.issueBare(content{seen: r.Created, record: &record})
	return nguard.Created{Found: f}, err
}

// issueBare makes the cookie of a content that has changed.
func (s *Store) issueBare(c content) (nguard.Found, error) {
	p, err := s.prepare(c.record, clockLen)
	if err != nil {
		return nguard.Found{}, err
	}
	value, err := s.finish(p, c)
	if err != nil {
		return nguard.Found{}, err
	}
	return s.bareFound(c, value), nil
}

func (s *Store) bareFound(c content, value string) nguard.Found {
	return nguard.Found{
		Record: c.record, LastSeen: c.seen, User: s.bareEpoch(), Match: nguard.Current, Live: value,
		SeenAt:  c.record.Rotated, // there is no successor whose arrival matters; a rotation is another seal
		Foreign: c.foreign,
	}
}

func (s *Store) loadBare(value string, c content, old bool) (nguard.Found, error) {
	if old {
		value = s.remade(value, c)
	}
	return s.bareFound(c, value), nil
}

// foreign takes a value that another program made, as the codec has read it.
func (s *Store) foreign(read Content) (content, bool, error) {
	if s.inner != nil {
		return content{}, false, fmt.Errorf("%w: made elsewhere: there is no row for it", nguard.ErrNoSession)
	}
	record := *read.Record
	// Not the stamp of any time: the person is looked up at once.
	record.Version, record.Stamp = max(1, record.Version), nguard.Epoch{Change: -1, Revoke: bareRevoke}
	// And not old, whatever key it has: the guard holds it to its lifetimes first, and then has it replaced.
	return content{seen: record.Created, record: &record, foreign: true}, false, nil
}

func (s *Store) replaceBare(f nguard.Found, next *nguard.Record) (nguard.Found, error) {
	got, err := s.issueBare(content{seen: f.LastSeen, record: next})
	if err == nil {
		got.User = f.User
	}
	return got, err
}

func (s *Store) touchBare(f nguard.Found, at time.Time) (nguard.Found, error) {
	if !at.After(f.LastSeen) {
		return f, nil
	}
	c := content{seen: at, record: f.Record}
	value, err := s.remake(f.Live, c)
	if err != nil {
		return nguard.Found{}, err
	}
	got := s.bareFound(c, value)
	got.User, got.Match = f.User, f.Match
	return got, nil
}

// bareRevoke is the revoke mark of everybody: there is no other, since none could be kept.
const bareRevoke = 1

// bareEpoch changes with time, not with the user.
func (s *Store) bareEpoch() nguard.Epoch {
	return nguard.Epoch{Change: time.Now().UnixNano() / int64(s.recheck), Revoke: bareRevoke}
}

// bare is the abilities that a guard needs of a store, of one without a companion.
type bare struct{ s *Store }

var (
	_ nguard.Epochs = bare{}
	_ nguard.Lister = bare{}
)

// Epoch has the number of the present Config.Recheck as its change mark. A session that was judged in an
// earlier one is out of date, so that the guard looks the person up: nobody's authority is older than that.
func (b bare) Epoch(context.Context, string) (nguard.Epoch, error) { return b.s.bareEpoch(), nil }

// Bump has no effect: each session finds out by itself. But nobody may believe that sessions have ended.
func (b bare) Bump(_ context.Context, _ string, bits nguard.Bump) (nguard.Epoch, error) {
	if bits&nguard.BumpRevoke != 0 {
		return nguard.Epoch{}, fmt.Errorf("cookiestore: without a companion nobody's sessions can be ended from elsewhere: %w", errors.ErrUnsupported)
	}
	return b.s.bareEpoch(), nil
}

// Find knows of no session but the one that is shown.
func (b bare) Find(context.Context, string, string) (nguard.Found, error) {
	return nguard.Found{}, fmt.Errorf("%w: without a companion sessions are known to their browsers only", nguard.ErrNoSession)
}

// List says that it cannot know. An empty list would let those who end all but one believe it was done.
func (b bare) List(context.Context, string, string, int) ([]nguard.Found, error) {
	return nil, fmt.Errorf("cookiestore: without a companion sessions cannot be listed: %w", errors.ErrUnsupported)
}
