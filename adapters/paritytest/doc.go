// Package paritytest holds the tests that need all adapters at once: that one request has one answer and
// one effect, whatever the framework (promise P10). Nobody imports it, so that the frameworks it needs are
// nobody else's download.
package paritytest
