// Package servertest holds what sqlstore does to one text, whichever database it is: what a program does to it, what
// happens when connections are lost, and what a million rows cost. It is imported by the tests of the dialects only.
package servertest
