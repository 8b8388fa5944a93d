// Package browsertest is what the tests of several adapters share.
package browsertest
