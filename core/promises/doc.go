// Package promises holds the tests of the engine that need no request: the model, which plays random
// interleavings of several guards against a reference of plain maps, fuzzing of what clients send, and
// what New refuses. The promises P1 to P12 and the attacks of the security checklist are rules of
// adapters/adaptertest, asked over real HTTP of each adapter with each kind of store.
//
// It has nothing but tests: they need a database driver, which packages that others import must not (see
// docs/architecture.md).
package promises
