package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var crowds = []rule{
	{"crowd", "of 1000 users at once, some of whom leave in the middle, nobody sees another's session (K9, K10)", func(k *kit) {
		k.together(1000, func(i int) error {
			owner := fmt.Sprintf("user%04d", i)
			e, err := k.epochs().Epoch(k.ctx, owner)
			if err != nil {
				return err
			}
			r := stamped(owner, e, k.now)
			r.Data = map[string]any{"secret": owner}
			c, err := k.Store.Create(k.ctx, r, nguard.Cap{Max: 3, Now: k.now})
			if err != nil {
				return fmt.Errorf("create: %w", err)
			}
			own := func(f nguard.Found, err error) error {
				if err == nil && (f.Owner != owner || f.ID != c.ID || f.Data["secret"] != owner || f.User != c.Stamp) {
					err = fmt.Errorf("%s got the session %s of %s", owner, f.ID, f.Owner)
				}
				return err
			}
			ctx, cancel := context.WithCancel(k.ctx)
			if i%3 == 0 {
				go cancel()
				_, err := k.Store.Load(ctx, c.Live)
				if err != nil && !errors.Is(err, nguard.ErrUnavailable) {
					return err
				}
			}
			cancel()
			f, err := k.Store.Load(k.ctx, c.Live)
			if err := own(f, err); err != nil {
				return err
			}
			f, err = k.Store.Replace(k.ctx, f, next(f, k.now, nil), i%2 == 0)
			if err := own(f, err); err != nil {
				return err
			}
			f, err = k.Store.Touch(k.ctx, f, k.now.Add(time.Minute))
			if err := own(f, err); err != nil {
				return err
			}
			f, err = k.Store.Load(k.ctx, c.Live)
			return own(f, err)
		})
	}},
}
