package promises

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

// digest is what a store keeps of a token: the part of its hash that does not travel with it.
type digest [sha256.Size - 6]byte

func digestOf(token string) (d digest) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 54 {
		return d
	}
	sum := sha256.Sum256(append([]byte("nguard:"), raw[:48]...))
	return digest(sum[6:])
}

// person is what the users table says; the name counts the writes.
type person struct {
	n              int
	role           string
	gone, disabled bool
}

func personOf(u nguard.User) person {
	n, _ := strconv.Atoi(strings.TrimPrefix(u.Name, "n"))
	return person{n: n, role: u.Role, disabled: u.Disabled}
}

func (p person) out() bool { return p.gone || p.disabled }

func (p person) user(id string) nguard.User {
	return nguard.User{ID: id, Name: "n" + strconv.Itoa(p.n), Role: p.role, Disabled: p.disabled}
}

// session is what the reference knows of one.
type session struct {
	id, user string
	dead     bool
	row      nguard.Row // as it was when nothing was in flight
	tokens   []string   // in the order in which they were given out
	held     string     // what the honest browser holds: it may have missed the last one
}

func versionOf(r nguard.Row) int64 {
	if r.Record == nil {
		return 0
	}
	return r.Version
}

func stored(b []byte) (d digest) {
	copy(d[:], b)
	return d
}

func (s *session) visits() int {
	if s.row.Record == nil {
		return 0
	}
	n, _ := s.row.Data["visits"].(int64)
	return int(n)
}
