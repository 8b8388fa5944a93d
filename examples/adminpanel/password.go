package main

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

func demoPassword() string {
	if p := os.Getenv("NGUARD_DEMO_PASSWORD"); p != "" {
		return p
	}
	return "nguard-demo"
}

// shownPassword keeps a password that somebody chose off the screen.
func shownPassword() string {
	if os.Getenv("NGUARD_DEMO_PASSWORD") != "" {
		return "as in NGUARD_DEMO_PASSWORD"
	}
	return demoPassword()
}

// Passwords are argon2id with the parameters that OWASP names: 19 MiB, 2 passes, 1 lane.
const (
	hashPasses = 2
	hashMemory = 19 << 10
	hashLength = 32
)

var hashing = make(chan struct{}, runtime.GOMAXPROCS(0))

// dummy is verified when there is no account, so that both cost the same.
var dummy = hash("no such account")

func hash(password string) string {
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never returns an error
	key := argon2.IDKey([]byte(password), salt[:], hashPasses, hashMemory, 1, hashLength)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, hashMemory, hashPasses, enc.EncodeToString(salt[:]), enc.EncodeToString(key))
}

func verify(password, stored string) bool {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || err2 != nil {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, 1, hashLength)
	return subtle.ConstantTimeCompare(got, want) == 1
}
