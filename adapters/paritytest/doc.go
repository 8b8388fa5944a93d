// Package paritytest holds the tests that need all adapters at once (promise P10): the suite for adapters,
// adaptertest, on every adapter, and requests as bytes, of which each has one answer and one effect whatever
// the framework. The suite runs whole in memory on each, and with SQLite and with people elsewhere on net/http;
// on the others with SQLite only the rules in which adapter and store could both have a part. To add an adapter,
// write its Serve in a file of its own and name it in the list in parity_test.go.
//
// Nobody imports it, and that is what it is for: `go mod tidy` makes users download what the tests of the
// packages they import need. With these tests beside an adapter, everybody who uses it would download the
// other frameworks and a database driver.
package paritytest
