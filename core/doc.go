// Package nguard is the engine of nguard: sessions that can be updated safely, role policies, audit
// and rate limits for any Go web service, whatever its framework. It lives in the folder core:
//
//	nguard "github.com/nguard-go/nguard/core"
//
// # Start
//
// A [Guard] is made once, of a store and what else is wanted, and an adapter puts it in front of the
// handlers. Here the adapter is httpguard, for net/http:
//
//	guard, err := nguard.New(nguard.Config{Store: memstore.New(), Users: people, Limits: ratelimit.Defaults()})
//	if err != nil {
//		log.Fatal(err)
//	}
//	mux.Handle("GET /account", httpguard.Require(guard, policy.SignedIn)(http.HandlerFunc(account)))
//	handler := httpguard.Sessions(guard)(httpguard.Endpoints(guard)(mux))
//
// Config.Users is the program's own users table. [Users] is one method, which reads a person; with the
// two of [Authenticator] people can log in, with that of [UserUpdater] they can be changed. Endpoints
// answers /api/auth/*, login and logout among them. Every mistake in a [Config] is an error of [New]
// that names the field and the remedy.
//
// # In a handler
//
// The adapter's From gives the [Request]. Its methods are all that a handler needs: Session, Subject,
// Authorize, Login, Logout, Update, Apply, Record. A [Session] is immutable; after a change,
// Request.Session gives the new one.
//
//	session, err := httpguard.From(r).Session()
//	if err != nil {
//		httpguard.Fail(w, r, err)
//		return
//	}
//
// Errors are told apart by [errors.Is]: [ErrNoSession] is nobody, [ErrUnavailable] an outage in which
// nobody is signed out. [Status] maps each to a status, a code and a sentence; the adapter's Fail
// answers with it.
//
// # Values in sessions
//
// Values are declared once, as a [Field] with a type, and listed in Config.Fields. Its Scope says
// whether it belongs to the session or to the person, on all their devices; its Write policy says who
// may change it from outside. What is not declared does not get in.
//
//	Theme = &nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser}
//
// The program changes a session by a function of a [Draft]. It is written only if the session is still
// as the function saw it; otherwise the function runs again on the newer one, so that no change gets
// lost. It must therefore have no effect but on the draft.
//
//	session, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
//		return Views.Modify(d, func(n int) int { return n + 1 })
//	})
//
// Get reads a value from a session: Views.Get(session).
//
// # People and authority
//
// Role, permissions and the other fields with the scope [InUser] live in the users table. Whoever
// changes them through nguard, in a handler, by update-role or by [Guard.ChangeUser], changes every
// session of the person: each looks the person up again at its next request, on every process.
// [Guard.RevokeUser] ends all their sessions by one small write.
//
// A [Policy] decides one access. Package policy has roles, permissions and ways to combine them; any
// type with the method Decide is one. Nothing allowed means denied.
//
// # Records and limits
//
// Config.Audit is a [Sink], which gets an [Event] for each decision: who did what to whom, from what to
// what, with which outcome and by which rule. A change whose record cannot be written is refused;
// the end of a session never is. Config.Limits are [Limiter] values, asked before a login is verified
// and before a change.
//
// # Without a request
//
// Jobs and commands call the Guard: Login, Lookup, Sessions, Update, Revoke, RevokeUser, ChangeUser. The
// context of a change says who makes it:
//
//	ctx := nguard.WithActor(context.Background(), "job:demo")
//
// Call [Guard.Shutdown] when the server has stopped, so that no record is lost, and [Guard.EndStreams] before it
// stops, where pages listen to events.
//
// # For implementers
//
// A store implements [Backend], [Epochs] and [RowLister], and [Keyed] makes it a [Store]; the suite
// stores/storetest checks it. An adapter implements [Exchange] and calls [Guard.Begin] and
// [Request.End]. A sink implements [Sink]; the suite audit/audittest checks it. Rules stand in the
// comments of these interfaces.
//
// How it works is told in docs/architecture.md, what it promises and what not in docs/security.md.
package nguard
