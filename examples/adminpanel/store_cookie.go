package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
)

// openCookie seals sessions into cookies. A row for each, without values, is kept with the people, so that
// logout, revocation and role changes hold as ever.
func openCookie(ctx context.Context, o options) (*place, error) {
	secret, err := cookieKey(o)
	if err != nil {
		return nil, err
	}
	keys, err := cookiestore.NewRing(secret)
	if err != nil {
		return nil, err
	}
	db, err := sqliteFile(o.users)
	if err != nil {
		return nil, err
	}
	p := newPlace(db)
	rows, err := p.keepSessions(ctx)
	if err != nil {
		return p.opened(err)
	}
	name := "__Host-nguard-session"
	if !o.secure {
		name = "nguard-session"
	}
	p.where = "sealed cookies, their rows in " + db.where
	p.waive = []nguard.Promise{nguard.NoLostUpdate} // each browser brings the values along
	p.sessions, err = cookiestore.New(cookiestore.Config{Keys: keys, Companion: rows, Cookie: name, Audience: "adminpanel"})
	return p.opened(err)
}

// cookieKey reads the key from its file, or makes it: whoever restarts the program, or starts another one
// beside it, stays signed in. With people in memory the key is there as well.
func cookieKey(o options) ([]byte, error) {
	file := o.dsn
	if file == "" {
		if o.users == "memory" {
			return newKey(), nil
		}
		if strings.HasPrefix(o.users, "file:") {
			return nil, errors.New("-store cookie needs a file for its key: name one with -dsn")
		}
		file = o.users + ".key"
	}
	if serverAddress(file) {
		return nil, errServer
	}
	for range 2 { // after the first round somebody has made it
		raw, err := os.ReadFile(file)
		if err == nil {
			key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(raw)))
			if err != nil || len(key) < keyLength {
				return nil, fmt.Errorf("%s holds no key: 32 random bytes in base64 are expected; move it away and a new one is made, which ends all sessions", file)
			}
			return key, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err := writeKey(file); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s is there and cannot be read: does it link to nowhere?", file)
}

const keyLength = 32

func newKey() []byte {
	key := make([]byte, keyLength)
	_, _ = rand.Read(key) // never returns an error
	return key
}

// writeKey makes a file that only its owner reads. It appears under its name with the key in it, so that
// another process which starts now reads all of it; of two that make one the first wins.
func writeKey(file string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(newKey()) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), file)
}
