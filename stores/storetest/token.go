package storetest

import (
	"context"
	"net/url"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

var tokens = []rule{
	{"token/spelling", "a token has one spelling: any other is malformed, and no read is made for it", func(k *kit) {
		c := k.login("ada")
		t := c.Live
		list := []string{
			t + "=", t + "==", t + "A", "A" + t, t + t, " " + t, t + " ", t + "\n", "\t" + t, t + "\x00", `"` + t + `"`,
			"Bearer " + t, t + ";", t + ",", "%" + t, t[:1] + "\r\n" + t[1:], t[:1] + "%00" + t[1:],
			strings.ToUpper(t), strings.ToLower(t), url.PathEscape("/" + t), strings.Repeat("A", len(t)),
			strings.Repeat("=", len(t)), t[:len(t)-1] + "\xff", t[:len(t)-2] + "é", strings.Repeat("A", 1<<20), "",
			c.ID,
		}
		for i := range t {
			hex := "0123456789ABCDEF"
			escaped := "%" + hex[t[i]>>4:t[i]>>4+1] + hex[t[i]&15:t[i]&15+1]
			list = append(list, t[:i], t[i+1:], t[:i]+escaped+t[i+1:])
		}
		for from, to := range map[string]string{"-": "+", "_": "/"} {
			list = append(list, strings.ReplaceAll(t, from, to))
		}
		k.malformed(t, list)
	}},
	{"token/bits", "a token with any bit changed was never issued: malformed, and no read is made for it", func(k *kit) {
		t := k.login("ada").Live
		var list []string
		for i := range t {
			at := strings.IndexByte(alphabet, t[i])
			if at < 0 {
				continue
			}
			for bit := range 6 {
				list = append(list, t[:i]+string(alphabet[at^1<<bit])+t[i+1:])
			}
		}
		k.malformed(t, list)
	}},
}

// malformed loads each value with a context that is over: a store that made a read for it could not
// tell that it is malformed.
func (k *kit) malformed(token string, list []string) {
	k.Helper()
	over, cancel := context.WithCancel(k.ctx)
	cancel()
	for _, v := range list {
		if v == token {
			continue
		}
		for _, ctx := range []context.Context{k.ctx, over} {
			f, err := k.Store.Load(ctx, v)
			if f.Record != nil {
				k.Fatalf("%q led to a session", v)
			}
			k.is(err, nguard.ErrMalformed)
		}
	}
	k.load(token)
}
