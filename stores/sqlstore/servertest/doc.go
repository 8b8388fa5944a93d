// Package servertest holds what sqlstore does on a database server to one text, whichever server that is:
// the suite for stores, what happens when connections are lost, and what a million rows cost. It is imported
// by the tests of the dialects only.
package servertest
