package nguard

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// A Store keeps sessions. A token goes in and a record comes out; a record goes in and a token comes
// out. Stores compare, the engine judges. Implementers of a database store write a [Backend] and let
// [Keyed] do the tokens.
//
// Each method is one atomic step, joins the transaction in ctx (see [TxOf]) and never upserts: what
// is gone stays gone. Methods are called by many goroutines at once, honour ctx, and return errors
// that wrap [ErrNoSession], [ErrConflict], [ErrTooMany] or, for everything that may be over later,
// [ErrUnavailable]. stores/storetest is the suite that holds an implementation to this text.
type Store interface {
	// Create stores a new session under an ID and token of its own making; r.ID is empty. The
	// returned Found is what a Load of the token would return, with r.Stamp as the epoch. ErrConflict:
	// r.Stamp.Revoke is not the user's. ErrTooMany: the cap refuses.
	Create(ctx context.Context, r *Record, c Cap) (Created, error)
	// Load returns the session of a token, and its user's epoch, in one read. ErrMalformed: the
	// value was never issued, no read was made. ErrNoSession: no row.
	Load(ctx context.Context, token string) (Found, error)
	// Replace stores next in the place of f if f's version is still stored, and returns the session
	// as it now is. With rotate it makes a successor token from the one that f was loaded with, which
	// must have been the current one. ErrConflict: another version is stored. ErrNoSession: no row.
	Replace(ctx context.Context, f Found, next *Record, rotate bool) (Found, error)
	// Touch moves the idle clock of f forward to at, and marks its current token as seen if it is not
	// marked yet and f was loaded with it. The version stays. ErrNoSession: no row.
	Touch(ctx context.Context, f Found, at time.Time) (Found, error)
	// Delete removes a session. ErrNoSession: there was none with this owner and ID.
	Delete(ctx context.Context, owner, id string) error
}

// Record is what a session consists of, without its secret. It is immutable once it has been handed
// to a Store or returned by one: memory keeps the pointer, others [Record.Encode] it. Times are in
// UTC with nanoseconds.
type Record struct {
	// ID is the public handle of the session, 22 characters of base64url: it leads to no token, is
	// the key of the row, and stays through rotations.
	ID string
	// Owner is the user's key in the store: the user's ID, with the guard's Namespace before it.
	Owner string
	// Version grows by one with each Replace, from 1.
	Version int64
	// Created is when the person logged in; Updated when the record last changed; AuthAt when the
	// person last proved who they are; Rotated when the current token was made.
	Created, Updated, AuthAt, Rotated time.Time
	// Expires is the absolute end (ASVS 7.3.2): nothing moves it but a new session.
	Expires time.Time
	// Idle is how long the session lives without a request (ASVS 7.3.1); 0 means without limit.
	Idle time.Duration
	// Remember says that the cookie persists when the browser is closed.
	Remember bool
	// Due says that a rotation is wanted and could not be done yet.
	Due bool
	// Stamp is the epoch of the user that this record was judged on; Open is not kept in it.
	Stamp Epoch
	// User is the person as last read from the users table.
	User User
	// Data holds the values of fields that live in the session, by field name, in the stored forms
	// that [Value] lists, undeclared ones included.
	Data map[string]any
	// Device is the user agent at login, at most 256 bytes; IP the address.
	Device, IP string
	// Methods are the ways in which the person proved who they are ("password", "passkey", ...), and
	// Level how strong that was, as the program counts it.
	Methods []string
	Level   int
}

// Epoch is the state of one user that each of the user's sessions is compared with. Two epochs are
// compared for equality only. The start values are random, so that a user without a row has no
// live session.
type Epoch struct {
	// Change differs after each change of the user: sessions then look the user up again.
	Change int64
	// Revoke differs after each "log out everywhere": sessions of another stamp are dead.
	Revoke int64
	// Open counts the changes under way: while it is above 0, each request looks the user up.
	Open int
}

// NewEpoch returns the random epoch that a user without one begins with, for stores. The error says that
// there is no randomness; there is no fallback. Its values leave room for counting upwards.
func NewEpoch() (Epoch, error) {
	var raw [16]byte
	if _, err := io.ReadFull(rand.Reader, raw[:]); err != nil {
		return Epoch{}, fmt.Errorf("nguard: no randomness for an epoch: %w", err)
	}
	return Epoch{
		Change: int64(binary.NativeEndian.Uint64(raw[:8]) >> 2),
		Revoke: int64(binary.NativeEndian.Uint64(raw[8:]) >> 2),
	}, nil
}

// Found is a session as loaded, with what the engine needs to judge it and the store to replace it.
type Found struct {
	*Record
	// LastSeen is the idle clock. SeenAt is when the current token was first shown; zero: not yet.
	LastSeen, SeenAt time.Time
	// User is the epoch of the session's user, from the same read.
	User Epoch
	// Match says which token was shown.
	Match Match
	// Live is the token that the browser should hold: the one shown, or the successor of it when the
	// one shown is the previous one. Empty when no token led here, or the one shown is spent.
	Live string
	// Foreign says that another program has made the session, without regard to the guard's [Lifetime]: the guard
	// holds it to that, as one that began at Created, and has it replaced. Only a store that takes tokens which
	// others make sets it, and gives the time of the token as LastSeen.
	Foreign bool
	// Ref is for the store that made this value.
	Ref any
}

// Created is what [Store.Create] returns.
type Created struct {
	Found
	// Ended are the IDs of the sessions that ended because of the cap, all in the one step: who has found one
	// of them gone finds none of them alive.
	Ended []string
}

// Match says how the token that was shown relates to the stored one.
type Match uint8

// The matches. The zero value is none of them: a Found that no token led to.
const (
	ByID     Match = iota // found by owner and ID, no token was shown
	Current               // the current token
	Previous              // the one before it
	Spent                 // an older one, or one that another secret was put into: stolen
)

// Cap bounds the sessions of one user. Sessions that have expired, or whose revoke stamp is not the
// user's, do not count and may be removed in the same step.
type Cap struct {
	// Max is the greatest number of live sessions after the step; 0 means without limit.
	Max int
	// EvictOldest ends the sessions created first instead of refusing with ErrTooMany.
	EvictOldest bool
	// Replace is the ID of a session of the same owner that ends in the same step, or empty. It is no
	// error when it is gone already, and it is not listed in Created.Ended.
	Replace string
	// Version, when not 0, is the version that the session to be replaced must still have, since the new
	// one carries its values on. ErrConflict: it has another. ErrNoSession: it is gone.
	Version int64
	// Now is the time by which expiry is judged.
	Now time.Time
}

// A Backend is the rows of a database store; [Keyed] makes it a [Store]. The rules of Store hold:
// each method is one atomic step, joins the transaction in ctx and never upserts.
type Backend interface {
	// Insert adds a row, and the user's epoch as r.Stamp where there is none yet. ErrConflict: the
	// user's epoch has another Revoke, or the ID is taken. ErrTooMany: the cap refuses. The IDs ended by
	// the cap come back.
	Insert(ctx context.Context, r Row, c Cap) (ended []string, err error)
	// Get returns the row with this ID and its owner's epoch in one read; k.Owner is empty when a
	// token led here. ErrNoSession: no such row, or another owner's.
	Get(ctx context.Context, k Key) (Row, Epoch, error)
	// Swap replaces record, Cur, Prev and Salt of the row with r's ID and owner if its version is
	// version. LastSeen only moves forward, Expires follows the LastSeen that wins, and SeenAt, when the stored Cur
	// is r.Cur, keeps a mark made meanwhile; when Cur changes, SeenAt becomes r.SeenAt. ErrConflict, ErrNoSession.
	Swap(ctx context.Context, r Row, version int64) error
	// Mark moves LastSeen forward, never back, and Expires with it, and sets SeenAt if it is empty,
	// m.SeenAt is not, and Cur is still m.Cur. The version stays. ErrNoSession.
	Mark(ctx context.Context, k Key, m Mark) error
	// Delete removes the row. ErrNoSession: no row with this ID and owner.
	Delete(ctx context.Context, k Key) error
}

// Row is a session as a [Backend] keeps it. Byte slices are never modified by either side.
type Row struct {
	*Record
	Mark
	// Prev is the digest of the token before the current one, or empty; Salt is what the current one
	// was derived from it with.
	Prev, Salt []byte
}

// Mark is the part of a row that changes without a new version.
type Mark struct {
	// Cur is what the row knows of the current token: 26 bytes of a hash of it.
	Cur []byte
	// LastSeen is the idle clock. SeenAt is when the current token was first shown; zero: not yet.
	LastSeen, SeenAt time.Time
	// Expires is the earlier of the absolute end and the idle end: from then on the row is dead and a
	// sweep may remove it.
	Expires time.Time
}

// Key names a row.
type Key struct {
	// Owner is empty when it is not known, because a token led here.
	Owner string
	// ID is the row's.
	ID string
	// Route is what the store's [Router] made of the owner when the token was issued, as a string of
	// [RouteLen] bytes. It is empty when Owner is known, and in stores that are no Router.
	Route string
}

// Router is offered by a [Backend] that needs to know whose session it is to find it, as one that keeps all
// sessions of a user under one key. [Keyed] then puts the route into each token, where only who knows the whole
// token can read it, and hands it on in [Key.Route].
type Router interface {
	// Route returns exactly [RouteLen] bytes that depend on the owner alone and are the same for ever, such as
	// a hash. That two owners share them must be infeasible to bring about.
	Route(owner string) []byte
}

// Epochs is what every store that a Guard uses must offer, itself or behind Unwrap: the epochs of
// users. Ending all sessions of a user is one Bump, whatever their number; a sweep removes the rows.
type Epochs interface {
	// Epoch returns the user's epoch. For a user without one it returns a random one, which is not
	// stored: Create or Bump does that.
	Epoch(ctx context.Context, owner string) (Epoch, error)
	// Bump changes the epoch in one atomic step and returns the result. A missing one starts random.
	Bump(ctx context.Context, owner string, b Bump) (Epoch, error)
}

// Bump is a set of changes to an [Epoch], made in one atomic step.
type Bump uint8

// Apply returns the epoch after b.
func (b Bump) Apply(e Epoch) Epoch {
	if b&BumpChange != 0 {
		e.Change++
	}
	if b&BumpRevoke != 0 {
		e.Revoke++
	}
	if b&BumpOpen != 0 {
		e.Open++
	}
	if b&BumpClose != 0 {
		e.Open = max(0, e.Open-1)
	}
	return e
}

// The changes. Each moves its member by one; Open never falls below 0. That a Revoke is one further than
// another tells that nobody else has revoked in between.
const (
	BumpChange Bump = 1 << iota // Change grows by one
	BumpRevoke                  // Revoke grows by one
	BumpOpen                    // a change begins
	BumpClose                   // a change is over
)

// StaleOpen is how long an open mark stands after the last bump before a sweep takes it that the
// process which made it has died: it then closes it and bumps Change. It is longer than any change may
// last (five times Config.Timeout) on processes whose clocks are [Skew] apart in either direction.
const StaleOpen = 15 * time.Minute

// KeepEpoch is how long the epoch of a user without sessions is kept at least after its last bump. It is
// longer than any login takes, so that a login that raced with a revocation finds the new epoch.
const KeepEpoch = time.Hour

// Lister is offered by a store that can find sessions without a token. [Keyed] offers it when its
// Backend is a [RowLister].
type Lister interface {
	// Find returns one session by owner and ID. Match is ByID and Live is empty. ErrNoSession.
	Find(ctx context.Context, owner, id string) (Found, error)
	// List returns at most n sessions of the user whose ID is above after, in the order of IDs, the
	// dead ones included. It is of one moment: of a login that ends one session and begins another it shows
	// both or neither.
	List(ctx context.Context, owner, after string, n int) ([]Found, error)
}

// RowLister is a [Backend] that can list. The rules are those of [Lister.List].
type RowLister interface {
	Rows(ctx context.Context, owner, after string, n int) ([]Row, Epoch, error)
}

// Bounded is offered by a store that takes sessions up to a size only. The guard asks it before it writes
// what becomes part of sessions elsewhere, such as in the users table.
type Bounded interface {
	// Fits says what Replace of f by next would say of the size, or Create of next when f is zero: nil, or an
	// error that wraps [ErrTooLarge]. It does no I/O and changes nothing.
	Fits(f Found, next *Record) error
}

// Sweeper is offered by a store whose dead rows do not vanish by themselves.
type Sweeper interface {
	// Sweep removes at most n rows whose Mark.Expires is at or before now, closes stale opens (see
	// [StaleOpen]), drops epochs of users without sessions (see [KeepEpoch]), and returns how many rows
	// it removed. It never holds up requests for longer than one small batch takes.
	Sweep(ctx context.Context, now time.Time, n int) (int, error)
}

// Transactor is offered by a store that can join several steps into one transaction.
type Transactor interface {
	Transactional
	// Tx runs fn with a context that carries a transaction (see [WithTx]), commits when fn returns nil
	// and rolls back otherwise. Inside a transaction it joins that one. It may run fn again when the
	// database asks for it. An error of a commit whose outcome is not known wraps ErrOutcomeUnknown.
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// unwrapper is implemented by decorators, so that wrapping hides no ability.
type unwrapper interface{ Unwrap() any }

// Ability looks for an optional ability of a store, a sink or a limiter: v itself, then what Unwrap returns, and so on.
// That is how a guard finds [Epochs], [Lister] and the others behind decorators. Of nil it finds none.
func Ability[T any](v any) (T, bool) {
	for v != nil {
		if t, ok := v.(T); ok {
			return t, true
		}
		u, ok := v.(unwrapper)
		if !ok {
			break
		}
		v = u.Unwrap()
	}
	var zero T
	return zero, false
}
