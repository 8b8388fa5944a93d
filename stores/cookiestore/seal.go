package cookiestore

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	nguard "github.com/nguard-go/nguard/core"
)

// A sealed value is base64url(version 1 | key ID 4 | nonce 24 | ciphertext), without padding or spare bits:
// it has one spelling. The cipher is XChaCha20-Poly1305, whose nonces are long enough to be drawn at random
// without counting messages (AES-GCM's are safe for 2^32 of them under one key). Nothing is compressed, so
// that no length tells of a secret beside what somebody chose, and nothing inflates (checklist C17).
const (
	format   = 1
	keyIDLen = 4
	nonceLen = chacha20poly1305.NonceSizeX
	headLen  = 1 + keyIDLen + nonceLen
	tagLen   = chacha20poly1305.Overhead
)

var encoding = base64.RawURLEncoding.Strict()

// buffers are what values are sealed in, most of which fit.
var buffers = sync.Pool{New: func() any { return new([bufferLen]byte) }}

const bufferLen = 512

// begin returns the head of a value to be sealed, behind which the plain bytes are appended. The nonce is drawn
// here, before a companion is written to: afterwards nothing may fail (ASVS 11.5.1: there is no fallback
// when the system has no randomness).
func begin() (raw []byte, err error) {
	raw = buffers.Get().(*[bufferLen]byte)[:headLen]
	if _, err := io.ReadFull(rand.Reader, raw[1+keyIDLen:]); err != nil {
		return nil, fmt.Errorf("cookiestore: no randomness for a nonce: %w", err)
	}
	return raw, nil
}

// box seals for one purpose, one cookie and one audience.
type box struct {
	ring    *Ring
	purpose purpose
	bound   []byte // what a value is bound to besides its key (checklist B8, C13)
}

func newBox(ring *Ring, p purpose, audience, cookie string) box {
	b := []byte{format}
	for _, s := range []string{p.String(), audience, cookie} {
		b = lengthened(b, s) // or "a" and "bc" would be bound like "ab" and "c"
	}
	return box{ring, p, b}
}

func lengthened(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// to binds what is sealed to one more thing.
func (b box) to(s string) box {
	b.bound = lengthened(append([]byte(nil), b.bound...), s)
	return b
}

// sealedLen is the length of a sealed value of n bytes.
func sealedLen(n int) int { return encoding.EncodedLen(headLen + n + tagLen) }

// seal seals what stands behind the head, in its place. It is called once for each begin: a nonce must not
// be used twice, and raw is another value's afterwards.
func (b box) seal(raw []byte) string {
	k := b.ring.current()
	raw[0] = format
	copy(raw[1:], k.id[:])
	raw = k.aeads[b.purpose].Seal(raw[:headLen], raw[1+keyIDLen:headLen], raw[headLen:], b.bound)
	if cap(raw) == bufferLen {
		defer buffers.Put((*[bufferLen]byte)(raw[:bufferLen]))
	}
	if n := encoding.EncodedLen(len(raw)); n <= ordinary {
		var out [ordinary]byte // on the stack: one allocation less
		encoding.Encode(out[:n], raw)
		return string(out[:n])
	}
	return encoding.EncodeToString(raw)
}

// ordinary is the length of values that are worked on without memory of their own.
const ordinary = 2 << 10

// open is the inverse of seal. Whatever is wrong with a value it was never issued, or not for here, or with
// a key that is gone: ErrMalformed, and nothing tells which (checklist C1 to C3, C10, C13, C14).
func (b box) open(value string) (plain []byte, old bool, err error) {
	// The decoder skips line ends, wherever they stand; the lengths find what it has skipped.
	if len(value) < sealedLen(0) || len(value) > nguard.MaxCookieToken || len(value)%4 == 1 {
		return nil, false, nguard.ErrMalformed
	}
	var in [ordinary]byte
	text := in[:]
	if len(value) > ordinary {
		text = make([]byte, len(value))
	}
	raw := make([]byte, encoding.DecodedLen(len(value)))
	if n, err := encoding.Decode(raw, text[:copy(text, value)]); err != nil || n != len(raw) || raw[0] != format {
		return nil, false, nguard.ErrMalformed
	}
	k, old := b.ring.find(raw[1 : 1+keyIDLen])
	if k == nil {
		return nil, false, nguard.ErrMalformed
	}
	sealed := raw[headLen:]
	if plain, err = k.aeads[b.purpose].Open(sealed[:0], raw[1+keyIDLen:headLen], sealed, b.bound); err != nil {
		return nil, false, nguard.ErrMalformed
	}
	return plain, old, nil
}
