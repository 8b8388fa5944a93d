package nguard

import (
	"context"
	"net/netip"
	"time"
)

// A Policy decides one access. It is a small pure value, safe for concurrent use. Package policy has
// roles, permissions and combinators; any type with this method is a policy too.
type Policy interface {
	Decide(ctx context.Context, a Access) Decision
}

// PolicyFunc makes a function a [Policy].
type PolicyFunc func(ctx context.Context, a Access) Decision

// Decide calls f.
func (f PolicyFunc) Decide(ctx context.Context, a Access) Decision { return f(ctx, a) }

// Access is the question that a policy answers: may Subject do Action to Resource.
type Access struct {
	// Subject is who asks; never nil. An unknown person has an empty UserID.
	Subject *Subject
	// Action says what is wanted: "update", "update-role", "sessions", or the program's own word.
	Action string
	// Target is the ID of the user whose session or row is concerned; empty for other resources.
	Target string
	// Resource is the value that Authorize was given, or for a change of a user the [User] before it.
	Resource any
	// Field is the declared field of a change, From and To its values.
	Field    string
	From, To any
	// Time is now, by the guard's clock.
	Time time.Time
}

// Subject is the person who asks, as of this request. Treat it as read-only.
type Subject struct {
	// UserID is empty for somebody who is not signed in.
	UserID string
	// Role and Permissions are the user's; Grants is what they amount to, nil without Config.Roles.
	Role        string
	Permissions []string
	Grants      Grants
	// Session is the public handle.
	Session string
	// AuthAt is when the person last proved who they are, Methods how, Level how strongly.
	AuthAt  time.Time
	Methods []string
	Level   int
	// IP and UserAgent come from the request; IP by the guard's rule on proxies.
	IP        netip.Addr
	UserAgent string
}

// Effect is the outcome of a policy. The zero value is Abstain: nothing allowed means denied.
type Effect uint8

// The effects.
const (
	Abstain Effect = iota
	Allow
	Deny
)

// String returns the effect in lower case.
func (e Effect) String() string {
	switch e {
	case Allow:
		return "allow"
	case Deny:
		return "deny"
	}
	return "abstain"
}

// Decision is a policy's answer. Only Effect Allow without Err allows.
type Decision struct {
	Effect Effect
	// Rule names the rule that decided, for the audit record.
	Rule string
	// Reason is a fixed sentence for people who operate the service. It is not sent to clients.
	Reason string
	// Code is sent to clients when it is not empty, such as "step_up_required"; the default is
	// "forbidden".
	Code string
	// Err says that the policy could not decide because something it needs is down: 503, never Allow.
	Err error
}

// Allowed reports whether d lets the access pass.
func (d Decision) Allowed() bool { return d.Effect == Allow && d.Err == nil }

// Roles is what the engine must know about roles: *policy.Model. Without it no role is known and
// role and permissions cannot be changed from outside.
type Roles interface {
	// Grants compiles what a role with extra permissions may do. Unknown names grant nothing. The
	// result is immutable; building it for a role without extra permissions allocates nothing.
	Grants(role string, permissions []string) Grants
	// Knows reports whether the role exists, KnowsPermission whether the permission does.
	Knows(role string) bool
	KnowsPermission(permission string) bool
	// Covers reports whether role stands at or above other: it is other or inherits it, directly or
	// not. Nobody may change a user whose role their own does not cover, nor give such a role.
	Covers(role, other string) bool
}

// Grants is what one subject may do.
type Grants interface {
	// Is reports whether the role is held, itself or by inheritance.
	Is(role string) bool
	// Can reports whether the permission is held.
	Can(permission string) bool
	// Permissions lists all that are held, sorted, wildcards resolved to the declared names.
	Permissions() []string
}
