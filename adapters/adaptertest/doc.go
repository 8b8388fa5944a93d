// Package adaptertest is the conformance suite for adapters: an adapter that passes it behaves, to the
// status, body and header, like the others, with every store that it is run on. Everybody who writes an
// adapter can run it:
//
//	func TestAdapter(t *testing.T) {
//		adaptertest.Run(t, adaptertest.Harness{
//			Serve: serve, // builds an application of the framework from an adaptertest.App
//			Open:  func(t testing.TB) adaptertest.Backing { return adaptertest.Memory(t) },
//		})
//	}
//
// Serve is all that an adapter has to add. The suite describes applications as an [App], in terms that
// every framework has, starts them on a real listener, and talks to them over HTTP, as browsers and
// attackers do. Nothing is called past the framework: what its router, parser and buffers do is part of
// what is tested.
//
// The other half is where a service keeps its things, a [Backing]. [Memory], [SQL] and [Split] make the
// three ways in which sessions, people and records can live together; an adapter is to pass with each of
// them, since they differ in what a change of a user is: one step in memory, one transaction, or a change
// that is marked while it runs.
//
// Each case starts a service of its own, is named for the promise, the entry of the security checklist or
// the section of the HTTP contract that it is about, and says the rule that it checks when it fails. Run it
// with -race: a good part of the suite is about what happens at the same time. Limits of time are the
// guard's, whose clock the suite moves by hand.
package adaptertest
