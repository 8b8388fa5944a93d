// Package cookiestore keeps sessions in the cookie itself, sealed, and next to nothing on the server.
//
//	keys, err := cookiestore.NewRing(secret) // 32 random bytes or more, the same in every process
//	store, err := cookiestore.New(cookiestore.Config{Keys: keys, Companion: rows})
//	guard, err := nguard.New(nguard.Config{Store: store, Waive: []nguard.Promise{nguard.NoLostUpdate}})
//
// A browser can neither read nor change such a cookie, nor use it under another name or for another
// application. It is encrypted and authenticated with XChaCha20-Poly1305, under keys derived from the ring's
// secrets by HKDF; a [Ring] changes its keys while the program runs.
//
// # With a companion
//
// The companion is any other store of nguard. It keeps one small row per session, with everything but the
// values: who, since when, until when, which token, and the epochs of users. So a session that was logged
// out, revoked or stolen is dead at its next request, role changes reach every session of the person, tokens
// rotate, sessions are listed and capped, exactly as with the companion alone. What is saved is the room
// that values take on the server; the read of a row stays.
//
// What it cannot do is promise that no update is lost ([nguard.NoLostUpdate], P1), because each browser
// brings the values along:
//
//   - Of two requests at once that change different fields, the cookie that arrives last wins for both.
//   - Whoever keeps an older cookie of a live session can put its free fields back: a theme, a cart, a
//     counter. Never authority, nor anything else of the users table: the row and the epoch rule there. What
//     must not be put back, such as a count of attempts, does not belong into a session of this kind.
//   - Where a failover or a backup takes the companion back to an earlier moment, cookies of the lost time are still
//     about. One with a later version than its row is looked up again, but its owner can bring the row up to that
//     version first. Give the ring a new secret then and leave the former out ([Ring.Set]): everybody logs in again.
//   - A change whose answer never arrives is lost with it, since the cookie was in it.
//   - A request that works so long that its token is replaced and past its grace cannot save values any more:
//     503, and the next try, which has the newer cookie, can.
//   - A cookie cannot be rolled back: inside a transaction of the program ([nguard.WithTx]) a request's own
//     session cannot be changed, errors.ErrUnsupported. Change it after the commit.
//   - Jobs ([nguard.Guard.Update]) can end sessions and change users, whom they see as the users table has them, but
//     neither see nor change the values of somebody's session: errors.ErrUnsupported. [nguard.Guard.Sessions] lists
//     devices and times, and of the person the ID.
//
// # Without one
//
// With a nil Companion nothing is kept on the server, and next to nothing can be promised: a cookie is
// valid until it expires, whatever happens in between. Logout clears the browser's cookie; a copy of it
// lives on. Nobody can log out everywhere: RevokeUser, EndOthers and Sessions are errors that wrap
// errors.ErrUnsupported, never a silent success. There are no lists and no caps, and a stolen cookie is not
// noticed. What holds is that roles, permissions and whether the person is disabled are looked up in
// Config.Users once a minute ([Config].Recheck), and that nobody can forge or read a cookie. nguard.New
// wants every one of these promises waived by name. Use it for what is short-lived and harmless.
//
// # Size
//
// Browsers keep 4096 bytes of a cookie. A session that does not fit into Config.MaxSize is
// [nguard.ErrTooLarge], before anything is written, and the one before stays in force. What is in the users table
// is part of each session of the person, so that it is held against the same bound before it is written there,
// by whomever: a change is refused after which this session, or a login of the person, would not fit. What
// statements of the program's own have written is not; such a person is looked up at each request, and logs in
// when there is less of them. Up to 12 KiB can be had by a larger MaxSize: the value is then spread over several
// cookies, which count or fall together.
//
// Two guards may use one store when their Namespace differs and their cookie has the same name.
package cookiestore
