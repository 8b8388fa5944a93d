// Package historytest checks stores for linearizability: several clients, each with a handle of its own as
// a process would have, work on the sessions of one user at once, and the history of what they asked and
// were told must be one that a store could have produced which does one thing after another.
//
// The clients make random calls of [nguard.Store], [nguard.Lister] and [nguard.Epochs]. What a sequential
// store would answer is written down as a model, and github.com/anishathalye/porcupine searches for an
// order of the calls, each at some moment between its call and its return, that the model agrees with.
//
// A call that failed is part of that. A write that failed with ErrUnavailable alone has promised that it
// had no effect, and is left out of the history: if it had one all the same, the effect comes from nowhere
// and no order explains it. A write that failed with ErrOutcomeUnknown too may take effect at any later
// moment, or never: it returns at the end of all time. So a store that lies about either is caught, and
// connections that are cut in the middle make the lie likely.
//
// A history that no order explains is printed call by call, with the seed. The seed gives the same clients
// the same choices; what the scheduler and the network make of them differs from run to run.
//
//	go test ./stores/historytest -histories 5000 -seed 7
//
// Stores that are broken on purpose, with one classical fault each, show that the check finds such faults.
// Nobody imports this package: it needs every driver.
package historytest
