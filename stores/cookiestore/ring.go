package cookiestore

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/chacha20poly1305"
)

// Ring is the keys that seal and open cookies. New cookies use the current key; those sealed with an older
// one are opened, and sealed again with the current one in the same answer. It is safe for concurrent use,
// and several stores may share one: what each seals is bound to its own cookie and audience.
type Ring struct{ keys atomic.Pointer[[]*key] } // the current one first

// NewRing makes a ring of secrets. Each has at least 32 bytes that nobody can guess, such as the output of
// `openssl rand -base64 32`; the current one is never picked by its place among the older ones. The error
// says what is wrong with which secret, and never repeats one.
func NewRing(current []byte, older ...[]byte) (*Ring, error) {
	r := new(Ring)
	return r, r.Set(current, older...)
}

// Set replaces the keys at run time, in one step. A secret that is left out is gone at once: its cookies
// are worth nothing from now on, in this process. To change keys without logging anybody out, give the new
// secret to all processes as an older one, then make it the current one, and leave the former out when no
// session is as old any more. On an error the keys stay as they were.
func (r *Ring) Set(current []byte, older ...[]byte) error {
	var list []*key
	for i, secret := range append([][]byte{current}, older...) {
		name := "the current secret"
		if i > 0 {
			name = fmt.Sprintf("older secret %d", i)
		}
		if err := CheckSecret(secret); err != nil {
			return fmt.Errorf("cookiestore: %s %w: use 32 random bytes, such as openssl rand -base64 32 prints", name, err)
		}
		k, err := newKey(secret)
		if err != nil {
			return err
		}
		for _, other := range list {
			if other.id == k.id {
				return fmt.Errorf("cookiestore: %s is given twice: leave it out", name)
			}
		}
		list = append(list, k)
	}
	r.keys.Store(&list)
	return nil
}

// current is the key for new cookies.
func (r *Ring) current() *key { return (*r.keys.Load())[0] }

// find returns the key of an ID, and whether it is an older one.
func (r *Ring) find(id []byte) (k *key, old bool) {
	for i, k := range *r.keys.Load() {
		if bytes.Equal(k.id[:], id) {
			return k, i > 0
		}
	}
	return nil, false
}

// purpose is what a key is for. Each has a key of its own, so that nothing which was sealed for one can be
// opened for another (checklist C13).
type purpose uint8

const (
	forRow       purpose = iota // the whole cookie, with a row in a companion
	forBare                     // the whole cookie, without one
	forRowClaim                 // the sealed part of a cookie that a Codec writes, with a row
	forBareClaim                // and without one
	purposes
)

func (p purpose) String() string {
	return [...]string{"row", "bare", "row claim", "bare claim"}[p]
}

// key is what follows from one secret.
type key struct {
	id    [keyIDLen]byte // says in a cookie which key opens it; gives nothing away of the secret
	aeads [purposes]cipher.AEAD
}

func newKey(secret []byte) (*key, error) {
	k := new(key)
	id, err := hkdf.Key(sha256.New, secret, nil, "nguard cookiestore v1 key id", keyIDLen)
	if err != nil {
		return nil, fmt.Errorf("cookiestore: %w", err)
	}
	copy(k.id[:], id)
	for p := range purposes {
		derived, err := hkdf.Key(sha256.New, secret, nil, "nguard cookiestore v1 seal "+p.String(), chacha20poly1305.KeySize)
		if err != nil {
			return nil, fmt.Errorf("cookiestore: %w", err)
		}
		if k.aeads[p], err = chacha20poly1305.NewX(derived); err != nil {
			return nil, fmt.Errorf("cookiestore: %w", err)
		}
	}
	return k, nil
}

// samples are words that stand in secrets which somebody has copied out of a document.
var samples = []string{"secret", "password", "changeme", "change-me", "change_me", "change me", "example", "sample", "default", "insecure", "replace"}

// CheckSecret refuses what is certainly no secret of 256 random bits: what is shorter than 32 bytes, regular,
// or copied out of a document (checklist N10). What passes may still be a bad one: randomness cannot be seen.
// The error is a phrase that goes behind the secret's name, and repeats nothing of it.
func CheckSecret(secret []byte) error {
	if len(secret) < 32 {
		return fmt.Errorf("has %d bytes", len(secret))
	}
	lower := strings.ToLower(string(secret))
	for _, word := range samples {
		if strings.Contains(lower, word) {
			return errors.New("looks like a sample")
		}
	}
	// Of 32 random bytes some 30 differ, and of 32 random hexadecimal digits some 14. Steps between
	// neighbours are as varied, which finds "abcdef..." and keys that count.
	var values, steps [256]bool
	different, varied := 0, 0
	for i, b := range secret {
		if !values[b] {
			values[b] = true
			different++
		}
		if step := b - secret[(i+1)%len(secret)]; !steps[step] {
			steps[step] = true
			varied++
		}
	}
	if different < 8 || varied < 8 {
		return errors.New("is too regular to be random")
	}
	for period := 1; period <= len(secret)/2; period++ {
		if bytes.Equal(secret[period:], secret[:len(secret)-period]) {
			return errors.New("repeats itself")
		}
	}
	return nil
}
