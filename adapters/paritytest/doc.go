// Package paritytest runs the suite for adapters, adaptertest, on all adapters and all stores, so that
// net/http, gin and fiber prove one behaviour. To add an adapter, write its Serve in a file of its own and
// name it in the list in parity_test.go.
//
// Nobody imports it, and that is what it is for: `go mod tidy` makes users download what the tests of the
// packages they import need. With these tests beside an adapter, everybody who uses it would download the
// other frameworks and a database driver.
package paritytest
