package scsstore

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// kind says what a value is about. It is part of the key and stands in the value.
type kind byte

const (
	kindRow   kind = 's' // a session, by its ID
	kindEpoch kind = 'u' // a person's epoch, by owner
	kindIndex kind = 'i' // the list of a person's sessions, by owner
)

// key is the name of a value in the backend: 43 characters, which is what the tokens of scs have. Its
// table for MySQL has a column CHAR(43), so no key may be longer, and a column that compares without regard
// to case must not make two of it: what tells them apart are 256 bits of a digest, not a spelling. Each part
// is preceded by its length, so that no two lists of parts run together to the same text.
func (b *rows) key(k kind, name string) string {
	text := make([]byte, 0, 96)
	for _, part := range [...]string{"nguard scs", b.namespace, string(k), name} {
		text = binary.BigEndian.AppendUint32(text, uint32(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
