// Package cookietest attacks sealed cookies over HTTP: the cases B8 to B11, C1 to C17 and D1 to D9 of the
// checklist, each in a test of its name, against guards behind real servers. It also runs the suite for
// stores on sealed cookies with a SQL companion, and the largest cookie on every adapter.
//
// Nobody imports it, and that is what it is for: `go mod tidy` makes users download what the tests of the
// packages they import need.
package cookietest
