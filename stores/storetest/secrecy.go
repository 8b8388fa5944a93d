package storetest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

var secrecy = []rule{
	{"secrecy", "what is stored holds no token, and no part of one from which it could be made (P4)", func(k *kit) {
		for token := range k.stolen() {
			raw, err := base64.RawURLEncoding.DecodeString(token)
			k.ok(err)
			for _, v := range k.Dump(k.T) {
				if bytes.Contains(v, []byte(token)) {
					k.Fatal("a stored value holds a token")
				}
				for i := 0; i+12 <= len(raw); i++ {
					if bytes.Contains(v, raw[i:i+12]) || bytes.Contains(v, []byte(hex.EncodeToString(raw[i:i+12]))) {
						k.Fatalf("a stored value holds the bytes of a token from %d on", i)
					}
				}
			}
		}
	}},
	{"secrecy/replayed", "no stored value is a token, in any spelling (B12)", func(k *kit) {
		k.stolen()
		for _, v := range k.Dump(k.T) {
			if len(v) > 1000 {
				continue // longer than any token
			}
			for _, t := range []string{
				string(v), hex.EncodeToString(v), base64.RawURLEncoding.EncodeToString(v), base64.StdEncoding.EncodeToString(v),
			} {
				if f, err := k.Store.Load(k.ctx, t); err == nil {
					k.Fatalf("the stored value %q is a token: match %d", v, f.Match)
				}
			}
		}
	}},
}

// DumpRows is a [Harness.Dump] of the rows in a backend that is in memory, and has no disk to be stolen.
func DumpRows(t *testing.T, b nguard.Backend) (values [][]byte) {
	t.Helper()
	for _, owner := range []string{"ada", "eve"} { // whom the cases know
		list, _, err := b.(nguard.RowLister).Rows(t.Context(), owner, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range list {
			values = append(values, []byte(row.ID), row.Cur, row.Prev, row.Salt, row.Encode())
		}
	}
	return values
}

// stolen opens sessions in every state, and returns their tokens.
func (k *kit) stolen() map[string]bool {
	k.Helper()
	if k.Dump == nil {
		k.Skip("the harness has no Dump")
	}
	t0, t1 := k.rotated()
	t2 := k.replace(k.load(t1), true, nil).Live
	c := k.login("eve")
	k.touch(c.Found, k.now)
	d := k.create(k.record("eve"), nguard.Cap{Max: 1, EvictOldest: true, Now: k.now})
	return map[string]bool{t0: true, t1: true, t2: true, c.Live: true, d.Live: true}
}
