// Package browsertest is what the tests of the adapters share: a guard, a browser and a bare connection, and the
// cases that are the same for every framework but for its handlers.
package browsertest
