package nguard

import (
	"context"
	"errors"
	"fmt"
)

// A request is judged when it begins, and its body comes for as long as the client likes. Whoever held one
// open over their own demotion, revocation or logout would act on the old verdict: so what is grave is
// asked for again just before it is decided, in the transaction of the change where there is one.

// present reads a session once more and says whether it has ended meanwhile (promise P11).
func (g *Guard) present(ctx context.Context, f Found) (now Found, err error) {
	now, err = g.readAgain(ctx, f)
	if err == nil && now.User.Revoke != now.Stamp.Revoke {
		err = fmt.Errorf("%w: revoked meanwhile", ErrNoSession)
	}
	return now, err
}

// asks is who asks as of now, for a decision about the caller's own authority or somebody else's (promise
// P3, checklist K6).
func (g *Guard) asks(ctx context.Context, by *Subject) (*Subject, error) {
	r, ok := FromContext(ctx)
	if !ok {
		return by, nil
	}
	r.mu.Lock()
	f := r.found
	r.mu.Unlock()
	if f.Record == nil {
		return nil, ErrNoSession
	}
	now, err := g.present(ctx, f)
	if err != nil {
		return nil, err
	}
	record := *now.Record
	if g.users != nil && (now.User.Change != now.Stamp.Change || now.User.Open > 0) {
		record.User, err = g.lookUp(ctx, f.Record.User.ID)
		if errors.Is(err, ErrNoUser) || err == nil && record.User.Disabled {
			return nil, fmt.Errorf("%w: user gone or disabled", ErrNoSession)
		}
		if err != nil {
			return nil, err
		}
	}
	fresh := *by
	g.fill(&fresh, &record)
	return &fresh, nil
}
