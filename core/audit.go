package nguard

import (
	"context"
	"time"
)

// A Sink receives audit records. Record returns when the event is as durable as the sink makes it. It
// is called by many goroutines at once; the event and what it points to belong to the sink and are not
// changed later. The context carries a deadline and perhaps a transaction (see [Transactional]); it is
// never cancelled because a client left. audit/audittest is the suite for implementations.
type Sink interface {
	Record(ctx context.Context, e Event) error
}

// SinkFunc makes a function a [Sink].
type SinkFunc func(ctx context.Context, e Event) error

// Record calls f.
func (f SinkFunc) Record(ctx context.Context, e Event) error { return f(ctx, e) }

// Drainer is offered by a sink that holds records back. [Guard.Shutdown] calls it.
type Drainer interface {
	// Drain returns when all that was accepted is written, or with an error when ctx ends before.
	Drain(ctx context.Context) error
}

// Event is one audit record: who did what to whom, from what to what, with which outcome, and which
// rule decided. It never holds a token, a credential or the value of a private field (ASVS 16.2.5).
type Event struct {
	// ID joins the records of one action: the attempt and its outcome carry the same.
	ID string `json:"id"`
	// Time is UTC, by the guard's clock.
	Time time.Time `json:"time"`
	// Name is a name of the OWASP Logging Vocabulary, such as "authn_login_success".
	Name string `json:"event"`
	// Outcome says how it ended; Class what is promised about the record.
	Outcome Outcome `json:"outcome"`
	Class   Class   `json:"class"`
	// Actor is the ID of the user, or the name of the job, that did it; Target the ID of the user that
	// it was done to; Session the public handle of the session concerned.
	Actor   string `json:"actor,omitempty"`
	Target  string `json:"target,omitempty"`
	Session string `json:"session,omitempty"`
	// Action is what was asked for, such as "update-role".
	Action string `json:"action,omitempty"`
	// Changes are the fields, in the order of their names.
	Changes []Change `json:"changes,omitempty"`
	// Rule names the rule that decided; Reason says why in fixed words.
	Rule   string `json:"rule,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Count is how many like it this record stands for, beyond itself; for login events how many
	// failures came before.
	Count int `json:"count,omitempty"`
	// RequestID, IP, UserAgent, Method and Path describe the request. All are cleaned of control
	// characters and cut to 256 bytes.
	RequestID string `json:"request_id,omitempty"`
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	Method    string `json:"method,omitempty"`
	Path      string `json:"path,omitempty"`
	// Namespace is the guard's.
	Namespace string `json:"namespace,omitempty"`
}

// Change is one field of an [Event], from what to what. Values of private fields are [Redacted].
type Change struct {
	Field string `json:"field"`
	From  any    `json:"from"`
	To    any    `json:"to"`
}

// Redacted stands in an Event for a value that must not be written down. It is a type of its own, so
// that a sink can tell it from a string with the same text.
type Redacted struct{}

// String returns "[redacted]".
func (Redacted) String() string { return "[redacted]" }

// MarshalText returns "[redacted]".
func (Redacted) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Outcome says how an action ended.
type Outcome string

// The outcomes. Attempt is recorded before a change that is not in one transaction with its record.
const (
	Attempt Outcome = "attempt"
	Success Outcome = "success"
	Failure Outcome = "failure"
	Denied  Outcome = "denied"
	Limited Outcome = "limited"
)

// Class says what is promised about the record of an event.
type Class string

// The classes.
const (
	// ClassChange: recorded before or with the change, or the change is refused with 503.
	ClassChange Class = "change"
	// ClassEnd: the end of a session comes first and is never refused; the record follows, retried.
	ClassEnd Class = "end"
	// ClassObservation: a denial, a limit, bad input; repeated ones are counted, not written one by one.
	ClassObservation Class = "observation"
	// ClassSystem: start, stop, and gaps of the pipeline itself.
	ClassSystem Class = "system"
)

// The names of events, from the OWASP Logging Vocabulary.
const (
	EventLogin            = "authn_login_success"
	EventLoginAfterFail   = "authn_login_successafterfail"
	EventLoginFail        = "authn_login_fail"
	EventLoginFailMax     = "authn_login_fail_max"
	EventSessionCreated   = "session_created"
	EventSessionRenewed   = "session_renewed"
	EventSessionExpired   = "session_expired"
	EventLogout           = "session_logout"
	EventExcessSessions   = "excess_sessions_exceeded"
	EventTokenRevoked     = "authn_token_revoked"
	EventTokenReuse       = "authn_token_reuse"
	EventUseAfterExpire   = "session_use_after_expire"
	EventAuthzFail        = "authz_fail"
	EventAuthzChange      = "authz_change"
	EventPermissions      = "privilege_permissions_changed"
	EventUserUpdated      = "user_updated"
	EventSessionUpdated   = "session_updated"
	EventInputInvalid     = "input_validation_fail"
	EventDiscreteInvalid  = "input_validation_discrete_fail"
	EventExtraneous       = "malicious_extraneous"
	EventForeignHandle    = "malicious_direct_reference"
	EventCSRF             = "malicious_csrf"
	EventLimited          = "excess_rate_limit_exceeded"
	EventRecordUnreadable = "crypt_decrypt_fail"
	EventStartup          = "sys_startup"
	EventShutdown         = "sys_shutdown"
	EventCrash            = "sys_crash"
	EventMonitorDisabled  = "sys_monitor_disabled"
	EventMonitorEnabled   = "sys_monitor_enabled"
	EventSensitiveRead    = "sensitive_read"
)
