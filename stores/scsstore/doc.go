// Package scsstore keeps sessions in any store of github.com/alexedwards/scs/v2, so that a program which
// has one of its backends, or runs a database that nguard has no store for, can stay with it:
//
//	store := scsstore.New(postgresstore.New(db))
//	guard, err := nguard.New(nguard.Config{Store: store, Waive: store.Lacks()})
//
// # What it cannot promise
//
// A backend of scs finds, overwrites and deletes values. It cannot compare before it writes, so a step of
// several reads and writes is one step only under a lock, and a lock of this package holds in one process.
// As long as one process at a time uses a backend, through one Store, everything is kept that nguard
// promises. Two processes, or two Stores, overwrite each other's writes now and then:
//
//   - [nguard.NoLostUpdate]: two updates of one session at once, one of them is lost.
//   - [nguard.CatchesThieves]: a rotation is lost with the update that it was part of, and the successor
//     that it gave out looks like a spent token.
//   - [nguard.StaysDead]: a touch or an update that has read a session before its logout, and writes after
//     it, brings it back.
//   - [nguard.ReachesAll]: of two changes of one person at once, one may not reach their sessions; nor may
//     a "log out everywhere".
//   - [nguard.ListsSessions], [nguard.CapsSessions]: of two logins of one person at once, one is missing in
//     the list, and is not counted.
//
// In one process the same can happen when a call fails in its middle and its write arrives later, such as
// one that is still in the buffers of a broken connection. The store cannot know how many processes there
// are, so [Store.Lacks] always names all six, and a guard must be told to do without. Where sessions carry
// authority and more than one process serves them, take a store of nguard's own.
//
// # How it is kept
//
// A session is one value, and each person has two more: their epoch, and the list of their sessions. Reading
// a session takes two calls of Find. Keys are 43 characters of base64url, which is what the tables of scs
// have room for, and are digests: they tell nothing of whose value it is. Values say for which key they were
// written, and are refused under another ([nguard.ErrCorrupt]). Large lists and records need a column that
// takes them: a BLOB of MySQL ends at 64 KiB.
//
// Give nguard a table, or a prefix of keys, of its own. In one that a SessionManager of scs uses too, its
// cookie could name a value of nguard's, which scs would not be able to read.
//
// Values expire in the backend, by its own clock, and [nguard.Skew] later than the session they belong to.
// Removing them is the backend's affair: those of scs on SQL or in memory run a goroutine for it, unless it
// is switched off with a clean-up interval of 0; Redis does it by itself. There is no [nguard.Sweeper].
//
// # Outages
//
// Every call returns when its context ends, also on the backends that take none: what they still do is left
// to itself, at most 256 calls at a time. The owner's turn lasts until such a write has ended, so that it
// cannot overwrite a newer one; other owners are not held up. A backend that takes a context has ten seconds
// for that. One that takes none goes on until its connection breaks: give the driver timeouts of its own, such
// as readTimeout and writeTimeout of the one for MySQL, or a server that vanishes without a word occupies
// those owners, and up to 256 calls, for as long as the operating system takes to notice.
package scsstore
