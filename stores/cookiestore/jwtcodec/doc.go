// Package jwtcodec lets cookiestore write its cookies as JSON Web Tokens, which others can verify and read.
//
//	codec, err := jwtcodec.New(jwtcodec.Config{Secret: shared, Fields: fields})
//	store, err := cookiestore.New(cookiestore.Config{Keys: keys, Companion: rows, Codec: codec})
//
// It is for a front end or another service that knows nguard's JWT sessions: signed with HMAC-SHA-256 by a
// secret that both share, with the claims sessionId, user, iat, exp and data. What such a program verifies
// here it understands, and without a companion ([cookiestore.Config]) the tokens that it makes are sessions
// here: whoever has the secret can sign anybody in. Use the sealed form, which is cookiestore's own, unless
// somebody needs to read.
//
// A token from elsewhere lives no longer than the guard's Lifetime allows, whatever its exp says. Its iat is all
// that is known of when the person was there, so both limits count from it: with the default Lifetime it is
// refused an hour after it was signed. A guard that is to take tokens which lay longer has an Idle as long as its
// Absolute. The first request makes it one of the guard's own, whose idle clock moves with each request and whose
// absolute end stays that of the token. The token itself can be shown again until its own limits, as every cookie
// without a companion.
//
// A token is signed and not encrypted: whoever holds the cookie can read it. The readable claims hold what
// [nguard.Session.MarshalJSON] shows and nothing else. All that nguard needs beside it (private fields,
// undeclared values, the token of the row, stamps) is in one more claim, "sealed", which cookiestore has
// encrypted and bound to sessionId; and of a token that has this claim nothing else counts. So a role
// that somebody with the secret writes into one is not believed, and the store decides whether the session
// still lives.
//
// Reading is strict: the header is exactly {"alg":"HS256","typ":"JWT"}, so that no other algorithm, key
// reference or extension has to be refused one by one, and each token has one spelling.
package jwtcodec
