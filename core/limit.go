package nguard

import (
	"context"
	"net/netip"
	"time"
)

// A Limiter decides whether a caller may go on. One Limiter may hold several rules, each keyed by
// another part of the [Caller]: all of them are checked before any is debited, in one step, so that a
// refusal consumes nothing. Safe for concurrent use. An error is treated as a refusal with 503.
// policy/ratelimit has the implementation.
type Limiter interface {
	// Take asks for n units (0 only looks) on behalf of c.
	Take(ctx context.Context, c Caller, n int) (Quota, error)
}

// Resetter is offered by a [Limiter] whose rules keyed by account end with a success: a person who
// gets in is no longer delayed by failures before. Rules keyed by network are not reset by it
// (checklist I10).
type Resetter interface {
	Reset(ctx context.Context, c Caller) error
}

// Caller is whom a limit counts. A rule whose part is missing refuses with an error: no address is
// never a bucket that strangers share.
type Caller struct {
	// User is the signed-in user's ID, with the guard's namespace; empty before a login.
	User string
	// Account is the account that a login names, whether it exists or not.
	Account string
	// IP is the client's address by the guard's rule on proxies.
	IP netip.Addr
}

// Quota is a limiter's answer. The zero value refuses.
type Quota struct {
	// Allowed says that the caller may go on and has been debited.
	Allowed bool
	// Name, Limit and Window describe the rule that is nearest to its limit: Limit units in each Window.
	Name   string
	Limit  int
	Window time.Duration
	// Remaining is how many units of that rule are left; Reset how long until all are back.
	Remaining int
	Reset     time.Duration
	// RetryAfter is how long to wait before asking again; 0 when allowed.
	RetryAfter time.Duration
	// Policy is the RateLimit-Policy header of all rules, or empty.
	Policy string
}

// Limits are the limiters that the endpoints ask. All fail closed. A nil one is an error from [New]
// where the endpoint it guards is configured; [Unlimited] says that it is meant.
type Limits struct {
	// Login is asked before credentials are verified; the Caller has Account and IP.
	Login Limiter
	// Update is asked before update, profile, update-role and refresh.
	Update Limiter
	// Read is asked by validate, session and the session lists; the Caller may have no User. Nil means no limit: their work is one read.
	Read Limiter
}

// Unlimited is the Limiter that allows everything, for tests and for services whose limits stand in
// front of them.
var Unlimited Limiter = unlimited{}

type unlimited struct{}

func (unlimited) Take(context.Context, Caller, int) (Quota, error) { return Quota{Allowed: true}, nil }
