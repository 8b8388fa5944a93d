package cookiestore

import (
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
	// Record is the session. A value that was made elsewhere is taken for the session that it describes, by
	// stores without a companion; ID, Owner, User.ID, Created and Expires must be set then.
	Record *nguard.Record
	// Expires is when the value is worth nothing any more: the session's end, as far as it is known.
	Expires time.Time
}

// encode makes the value of a cookie.
func (s *Store) encode(n nonce, c content) (string, error) {
	if s.codec == nil {
		return s.box.seal(n, s.plain(c)), nil
	}
	end := c.record.Expires
	if idle := c.seen.Add(c.record.Idle); s.inner == nil && c.record.Idle > 0 && idle.Before(end) {
		end = idle // each touch makes a new value; a companion moves its idle clock without
	}
	return s.codec.Encode(Content{Sealed: s.box.to(c.record.ID).seal(n, s.plain(c)), Record: c.record, Expires: end})
}

// decode opens the value of a cookie. With old it is to be made again, with the current key.
func (s *Store) decode(value string) (c content, old bool, err error) {
	if s.codec == nil {
		plain, old, err := s.box.open(value)
		if err != nil {
			return content{}, false, err
		}
		c, err = s.parse(plain)
		return c, old, err
	}
	if len(value) > nguard.MaxCookieToken {
		return content{}, false, nguard.ErrMalformed
	}
	read, err := s.codec.Decode(value)
	if err != nil {
		return content{}, false, err
	}
	if read.Sealed == "" {
		return s.foreign(read.Record)
	}
	plain, old, err := s.box.to(read.Record.ID).open(read.Sealed)
	if err != nil {
		return content{}, false, err
	}
	c, err = s.parse(plain)
	return c, old, err
}

// length is how long the value of a cookie will be. It needs no randomness, and may be asked before the
// token of the companion is known.
func (s *Store) length(c content, token int) (int, error) {
	if s.codec == nil {
		c.token = ""
		return sealedLen(len(s.plain(c)) + token), nil
	}
	c.token = string(make([]byte, token))
	value, err := s.encode(nonce{}, c)
	return len(value), err
}
