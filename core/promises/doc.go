// Package promises holds the tests of what nguard promises, P1 to P12, and of the attacks in its
// security checklist, each over real HTTP and on each store. It has nothing but tests: they need a
// database driver, which packages that others import must not (see docs/architecture.md).
package promises
