package nguard

import "context"

// Users reaches the program's users table. The engine reads it when a session starts and after each
// change of the user, not on every request.
type Users interface {
	// User returns the user, disabled ones included (Disabled is then set). ErrNoUser: there is none.
	// Every other error counts as an outage. It joins the transaction in ctx if it implements
	// [Transactional].
	User(ctx context.Context, id string) (User, error)
}

// An Authenticator is Users that can verify credentials: the login endpoint needs it.
type Authenticator interface {
	Users
	// Identify returns the ID of the account that the credentials name, without verifying anything.
	// For an unknown account it returns a stable name for what was asked for, such as the normalised
	// e-mail address, so that limits treat it like a known one. Both must be compared by one rule, the
	// limiter's (ratelimit.FoldAccount), or its headers would tell which accounts exist.
	// ErrMissingCredentials: a member that is needed is absent.
	Identify(ctx context.Context, c Credentials) (id string, err error)
	// Authenticate verifies the credentials and returns the user. ErrBadCredentials: unknown, wrong,
	// locked or disabled, with the same work done in each case (ASVS 6.3.8).
	Authenticate(ctx context.Context, c Credentials) (User, error)
}

// A UserUpdater is Users that can be changed: fields with the scope [InUser], update-role and
// [Guard.ChangeUser] need it.
type UserUpdater interface {
	Users
	// UpdateUser writes after if the stored row still equals before, in one statement.
	// ErrConflict: it does not. ErrNoUser: it is gone. ErrLastAdmin: nobody would be left in charge;
	// the same statement decides that, so that two admins cannot demote each other at once.
	UpdateUser(ctx context.Context, before, after User) error
}

// User is a person as the program's users table knows them. It is a value: methods and hooks that
// receive one may keep it, and must not change its map or slice.
type User struct {
	// ID is unique and never changes: 1 to 191 bytes of valid UTF-8 without control characters. Users
	// of several identity providers are told apart by a prefix (ASVS 6.8.1).
	ID string
	// Name and Email are the fields "user.name" and "user.email".
	Name, Email string
	// Role is the field "role", Permissions the field "permissions": what is granted beyond the role.
	Role        string
	Permissions []string
	// Disabled ends all sessions and refuses logins.
	Disabled bool
	// Data holds the values of the other fields with the scope [InUser], by field name.
	Data map[string]any
}
