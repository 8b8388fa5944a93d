package storetest

import (
	"errors"
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var updates = []rule{
	{"update/increments", "1000 of 1000 increments by 20 goroutines survive (P1)", func(k *kit) {
		k.notSealed()
		t := k.login("ada").Live
		k.together(20, func(int) error { return k.increments(k.Store, t, 50) })
		if n := k.load(t).Data["n"]; n != int64(1000) {
			k.Fatalf("%v of 1000 increments survived", n)
		}
	}},
	{"update/fields", "two updates of different fields at once are both kept (K5)", func(k *kit) {
		k.notSealed()
		t := k.login("ada").Live
		for range 50 {
			k.together(2, func(i int) error {
				return update(k, k.Store, t, func(r *nguard.Record) { count(r, fmt.Sprint("field", i)) })
			})
		}
		if f := k.load(t); f.Data["field0"] != int64(50) || f.Data["field1"] != int64(50) {
			k.Fatalf("got %v of 50 and %v of 50", f.Data["field0"], f.Data["field1"])
		}
	}},
	{"dead", "a deleted session cannot come back, whatever is under way: updates, rotations and touches (K2, K3, P11)", func(k *kit) {
		for range 20 {
			c := k.login("ada")
			k.together(7, func(i int) error {
				if i == 0 {
					return k.Store.Delete(k.ctx, "ada", c.ID)
				}
				for n := range 5 {
					f, err := k.Store.Load(k.ctx, c.Live)
					if err == nil && i%2 == 0 {
						_, err = k.Store.Touch(k.ctx, f, k.now.Add(time.Duration(n)*time.Minute))
					} else if err == nil {
						_, err = k.Store.Replace(k.ctx, f, next(f, k.now, nil), i == 1 && f.Match == nguard.Current)
					}
					if err != nil && !errors.Is(err, nguard.ErrNoSession) && !errors.Is(err, nguard.ErrConflict) {
						return err
					}
				}
				return nil
			})
			k.gone(c.Live)
			_, err := k.Store.Touch(k.ctx, c.Found, k.now.Add(time.Hour))
			k.is(err, nguard.ErrNoSession)
			_, err = k.Store.Replace(k.ctx, c.Found, next(c.Found, k.now, nil), false)
			k.is(err, nguard.ErrNoSession)
			k.gone(c.Live)
		}
	}},
}

// increments adds 1 to the value "n" of a session, so many times.
func (k *kit) increments(s nguard.Store, token string, times int) error {
	for range times {
		if err := update(k, s, token, func(r *nguard.Record) { count(r, "n") }); err != nil {
			return err
		}
	}
	return nil
}

// update is compare-and-swap with retry, as the guard does it.
func update(k *kit, s nguard.Store, token string, change func(*nguard.Record)) error {
	for {
		f, err := s.Load(k.ctx, token)
		if err != nil {
			return err
		}
		if _, err = s.Replace(k.ctx, f, next(f, k.now, change), false); !errors.Is(err, nguard.ErrConflict) {
			return err
		}
	}
}

func count(r *nguard.Record, name string) {
	data := map[string]any{}
	for name, v := range r.Data {
		data[name] = v
	}
	n, _ := data[name].(int64)
	data[name] = n + 1
	r.Data = data
}
