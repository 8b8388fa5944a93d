// Package paritytest holds the tests that need all adapters at once (promise P10): the suite for adapters,
// adaptertest, on every adapter, and requests as bytes, of which each has one answer and one effect whatever
// the framework. The suite runs whole on each, in memory and with SQLite. To add an adapter, write its Serve in a
// file of its own and name it in the list in parity_test.go.
//
// Nobody imports it, and that is what it is for: `go mod tidy` makes users download what the tests of the
// packages they import need. With these tests beside an adapter, everybody who uses it would download the
// other frameworks and a database driver.
package paritytest
