package adaptertest

import (
	"database/sql"
	"net/http"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Harness is an adapter under test, and what stands behind it.
type Harness struct {
	// Serve runs app behind the adapter, on a listener at 127.0.0.1, until it is closed, which the suite does
	// when the test ends. The framework has its default settings but for what app asks for.
	Serve func(t testing.TB, app App) *Server
	// Open opens a Backing that is empty but for [People].
	Open func(t testing.TB) Backing
	// Limits makes real limiters, such as those of policy/ratelimit, on a clock. Nil when there are none:
	// the cases that need them are skipped.
	Limits func(t testing.TB, now func() time.Time) Limits
	// HTTP2 says that the framework speaks HTTP/2 where an App asks for TLS. The cases about it are skipped
	// otherwise.
	HTTP2 bool
}

// Server is an App that runs.
type Server struct {
	// URL is where, without a slash at its end and without App.Mount.
	URL string
	// Close ends it, and gives requests under way the time to be answered. It may be called again.
	Close func()
	// Client trusts the certificate of an App with TLS. Nil without.
	Client *http.Client
}

// Limits are limiters in the form of package policy/ratelimit, whose numbers the suite knows.
type Limits struct {
	// Default are the limits that ratelimit.Defaults gives a guard.
	Default nguard.Limits
	// LoginDelay is the longest time for which those keep one person out.
	LoginDelay time.Duration
	// PerIP, PerAccount and PerUser make a limiter with one rule: n in each period.
	PerIP, PerAccount, PerUser func(name string, n int, period time.Duration) nguard.Limiter
}

// Backing is where a service keeps its things. [Memory], [SQL] and [Split] make one, and [Elsewhere]
// does for any store; so can others.
type Backing struct {
	// Name is what it is called in the output of tests.
	Name string
	// Store is empty.
	Store nguard.Store
	// Users has People in it, who log in by their ID or e-mail address and guardtest.Password. It is an
	// nguard.Authenticator and an nguard.UserUpdater as well.
	Users nguard.Users
	// Put and Remove change the users table behind nguard's back, as another program would.
	Put    func(nguard.User)
	Remove func(id string)
	// Sink takes the records, and Read returns them, the oldest first.
	Sink nguard.Sink
	Read func() []nguard.Event
	// DB is the database of Store, for cases about transactions of the program. Nil when it is no SQL.
	DB *sql.DB
	// Again opens the same data by other handles, as another process or the next one does. Nil when the
	// handles are the data, as in memory: a second process is then a second guard on them.
	Again func(t testing.TB) Backing
	// Sealed returns the token that is in a cookie's value, or "" when there is none. It is for stores whose cookies
	// hold the session: each write makes another value, and only the token in it tells whether that was replaced. It
	// knows the cookies of Again's stores as well, and may be called by many goroutines at once. Nil when the value
	// is the token.
	Sealed func(t testing.TB, value string) string
	// Dump returns every value that is stored of these people and of sessions, as somebody who stole the
	// disk would find it. Nil when there is no looking into it: the cases that need it are skipped.
	Dump func(t testing.TB, owners ...string) [][]byte
}
