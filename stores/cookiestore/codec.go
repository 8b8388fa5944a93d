package cookiestore

import (
	"fmt"
	"strings"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Codec gives the value of the cookie another form than the sealed one, for others to read: see package
// jwtcodec. Whatever the form is, what nguard needs travels sealed inside it.
//
// Implementers: methods are called by many goroutines at once, and do no I/O.
type Codec interface {
	// Encode makes the value: letters, digits and "-._~" only. Values of the same Content have the same
	// length. An error means that nothing is written.
	Encode(c Content) (string, error)
	// Decode is its inverse, and takes values that other programs made: those have no Sealed. It gets
	// anything that a client may send, and returns errors that wrap [nguard.ErrMalformed] for what was never
	// issued and [nguard.ErrNoSession] for what is over.
	Decode(value string) (Content, error)
}

// Content is what a [Codec] carries.
type Content struct {
	// Sealed is opaque, at most [nguard.MaxCookieToken] bytes of base64url, and bound to Record.ID. It rules:
	// of what Decode returns beside it only Record.ID is looked at. Empty: the value was made elsewhere.
	Sealed string
	// Stale, from Decode, says that the value was made with a key of the codec that is no longer the current
	// one: it is to be made again.
	Stale bool
	// Record is the session. A value that was made elsewhere is taken for the session that it describes, by
	// stores without a companion; ID, Owner, User.ID, Created and Expires must be set then. The guard holds it to
	// its Lifetime from Created on, see [nguard.Found].
	Record *nguard.Record
	// Expires is when the value is worth nothing any more: the session's end, as far as it is known.
	Expires time.Time
}

// prepared is a cookie that lacks only its tail, which fits, and which can be finished without failing.
type prepared struct{ raw []byte }

// prepare encodes a record and refuses what is too large (checklist C5). It is called before anything is
// written, so that the session stays as it was. tail is how long the tail will be.
func (s *Store) prepare(r *nguard.Record, tail int) (prepared, error) {
	return s.within(s.max, r, tail)
}

// within is prepare with another bound than Config.MaxSize.
func (s *Store) within(most int, r *nguard.Record, tail int) (prepared, error) {
	raw, err := begin()
	if err != nil {
		return prepared{}, err
	}
	raw = s.body(raw, r)
	n := sealedLen(len(raw) - headLen + tail)
	if s.codec != nil {
		// Sealed with the letters of nothing: this is about the length, and whether the codec can.
		value, err := s.codec.Encode(Content{Sealed: strings.Repeat("A", n), Record: r, Expires: r.Expires})
		if err != nil {
			return prepared{}, err
		}
		n = len(value)
	}
	if n > most {
		return prepared{}, fmt.Errorf("%w: the session needs %d bytes of cookie and Config.MaxSize is %d: keep less in it", nguard.ErrTooLarge, n, s.max)
	}
	return prepared{raw}, nil
}

// remake makes a value anew in which nothing is written: by a new key, or with another token or time. It may be
// as long as the one that was shown, though Config.MaxSize is less by now, which ends no session. But it may not be
// longer than both: with more fields to show, a [Codec] makes more of the same session, which no server may
// take the next time.
func (s *Store) remake(shown string, c content) (string, error) {
	tail := clockLen
	if s.inner != nil {
		tail = len(c.token) + 1
	}
	p, err := s.within(max(s.max, len(shown)), c.record, tail)
	if err != nil {
		return "", err
	}
	return s.finish(p, c)
}

// remade is remake for reads, to which the value that was shown is as good as before.
func (s *Store) remade(shown string, c content) string {
	if value, err := s.remake(shown, c); err == nil {
		return value
	}
	return shown
}

// finish makes the value of a cookie.
func (s *Store) finish(p prepared, c content) (string, error) {
	raw := s.tail(p.raw, c)
	if s.codec == nil {
		return s.box.seal(raw), nil
	}
	end := c.record.Expires
	if idle := c.seen.Add(c.record.Idle); s.inner == nil && c.record.Idle > 0 && idle.Before(end) {
		end = idle // each touch makes a new value; a companion moves its idle clock without
	}
	return s.codec.Encode(Content{Sealed: s.box.to(c.record.ID).seal(raw), Record: c.record, Expires: end})
}

// decode opens the value of a cookie. With old it is to be made again, with the current key.
func (s *Store) decode(value string) (c content, old bool, err error) {
	b, sealed := s.box, value
	var read Content
	if s.codec != nil {
		if len(value) > nguard.MaxCookieToken {
			return content{}, false, nguard.ErrMalformed
		}
		if read, err = s.codec.Decode(value); err != nil {
			return content{}, false, err
		}
		if read.Sealed == "" {
			return s.foreign(read)
		}
		b, sealed = b.to(read.Record.ID), read.Sealed
	}
	plain, old, err := b.open(sealed)
	if err != nil {
		return content{}, false, err
	}
	c, err = s.parse(plain)
	return c, old || read.Stale, err
}
