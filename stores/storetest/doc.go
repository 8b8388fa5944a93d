// Package storetest is the conformance suite for implementations of [nguard.Store]: a store that passes
// it can carry a guard. Everybody who writes a store can run it:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Harness {
//			return storetest.Harness{Store: mystore.New(...)}
//		})
//	}
//
// Each case opens a store of its own, is named for what it is about, and says the rule that it checks
// when it fails. Cases for abilities that the store does not offer are skipped; [nguard.Epochs] is not
// among those, since a guard needs it. Run it with -race: a good part of the suite is about what happens
// at the same time.
//
// Times are arguments, never waited for. Two are the store's own: bumps and first logins are dated by
// time.Now, which is why cases about epochs give Sweep a time in the future.
//
// What only your store can do wrong is for tests of its own: [Record], [Login] and [Next] make what it stores, and
// [Watch] hears what it tells of. [BenchmarkWrite], [BenchmarkRevoke] and [Compare] measure it.
package storetest
