package nguard

import (
	"errors"
	"fmt"
)

// The sentinels below are matched with errors.Is. Every error that leaves this module wraps one of
// them, or is a fault of the program. [Status] maps each to an HTTP status, a code and a sentence
// that is safe to show.
var (
	// ErrNoSession says that no live session belongs to the request, token or handle: none was
	// shown, it is unknown, expired, revoked, or its user is gone.
	ErrNoSession = errors.New("nguard: no session")
	// ErrUnavailable says that a store, users table, sink or limiter could not be reached in time.
	// Nothing has changed, unless ErrOutcomeUnknown is matched too.
	ErrUnavailable = errors.New("nguard: unavailable")
	// ErrOutcomeUnknown accompanies ErrUnavailable when a write was sent and its answer was lost.
	ErrOutcomeUnknown = errors.New("nguard: outcome unknown")
	// ErrConflict says that a compare-and-set met another version than it expected.
	ErrConflict = errors.New("nguard: conflict")
	// ErrTooMany says that the user already has as many sessions as the cap allows.
	ErrTooMany = errors.New("nguard: too many sessions")
	// ErrNotInstalled says that a handler asked for its session on a route without the middleware.
	ErrNotInstalled = errors.New("nguard: middleware not installed on this route")
	// ErrTooLate says that the answer has started, or that a Request outlived its handler.
	ErrTooLate = errors.New("nguard: too late, the answer has started or the handler has returned")
	// ErrNoActor says that a change outside a request names nobody who made it; see [WithActor].
	ErrNoActor = errors.New("nguard: change without an actor")
	// ErrNoUser says that no such user exists.
	ErrNoUser = errors.New("nguard: no such user")
	// ErrNotFound says that no such path, session handle or resource exists for this caller.
	ErrNotFound = errors.New("nguard: not found")
	// ErrMethod says that the path exists, with another method.
	ErrMethod = errors.New("nguard: method not allowed")
	// ErrLastAdmin is returned by a [UserUpdater] that would leave nobody in charge.
	ErrLastAdmin = errors.New("nguard: the last admin keeps the role")
	// ErrBadCredentials is returned by an [Authenticator] for an unknown account, a wrong secret, a
	// locked or a disabled account alike (ASVS 6.3.8).
	ErrBadCredentials = errors.New("nguard: bad credentials")
	// ErrMissingCredentials is returned by an [Authenticator] when a member it needs is absent.
	ErrMissingCredentials = errors.New("nguard: credentials incomplete")
	// ErrDenied says that a policy refused; the error is a *[DeniedError].
	ErrDenied = errors.New("nguard: denied")
	// ErrCrossOrigin says that a write came from, or could have come from, another origin.
	ErrCrossOrigin = errors.New("nguard: cross-origin request refused")
	// ErrInsecure says that the client used plain http where the cookie is Secure (ASVS 4.1.2).
	ErrInsecure = errors.New("nguard: https required")
	// ErrLimited says that a rate limit is reached; the error is a *[LimitError].
	ErrLimited = errors.New("nguard: rate limit reached")
	// ErrMalformed says that a body, parameter or header is not in the one form accepted.
	ErrMalformed = errors.New("nguard: malformed request")
	// ErrInvalid says that a value is ill-typed or refused by its field; the error is a *[FieldError].
	ErrInvalid = errors.New("nguard: invalid value")
	// ErrNoUsableField says that an update names no declared field.
	ErrNoUsableField = errors.New("nguard: no usable field")
	// ErrTooLarge says that a body or a session is over its limit.
	ErrTooLarge = errors.New("nguard: too large")
	// ErrMediaType says that the body is of a type that is not accepted.
	ErrMediaType = errors.New("nguard: unsupported media type")
	// ErrCorrupt says that a stored row cannot be read, or names another key than the one it was found
	// under. The engine answers 401, records the event and leaves the row for inspection.
	ErrCorrupt = errors.New("nguard: stored record unreadable")
	// ErrHook says that a hook failed or panicked: what it guarded did not happen.
	ErrHook = errors.New("nguard: hook failed")
)

// DeniedError is the refusal of a policy. It matches [ErrDenied], and the Decision's Err.
type DeniedError struct {
	// Action is what was asked for.
	Action string
	// Decision names the rule that refused.
	Decision Decision
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("nguard: %s denied by %s", e.Action, e.Decision.Rule)
}

// Is reports whether target is ErrDenied.
func (e *DeniedError) Is(target error) bool { return target == ErrDenied }

// LimitError is a reached rate limit. It matches [ErrLimited].
type LimitError struct {
	// Quota is what the limiter answered.
	Quota Quota
}

func (e *LimitError) Error() string { return "nguard: rate limit " + e.Quota.Name + " reached" }

// Is reports whether target is ErrLimited.
func (e *LimitError) Is(target error) bool { return target == ErrLimited }

// FieldError is a value that a field refuses. It matches [ErrInvalid].
type FieldError struct {
	// Field is the declared name of the field.
	Field string
	// Problem is a sentence fragment for the caller, such as "must be one of light, dark". It never
	// repeats the value.
	Problem string
}

func (e *FieldError) Error() string { return "nguard: " + e.Field + " " + e.Problem }

// Is reports whether target is ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }
