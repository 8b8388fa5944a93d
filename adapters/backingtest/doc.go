// Package backingtest asks everything that adaptertest asks of a service on net/http, with each store that needs
// more than this machine: adapters/paritytest has those that do not, on every adapter.
package backingtest
