// Package memstore keeps sessions in the memory of one process.
//
// It is the store for tests, for tools, and for a service that runs as a single process and may ask
// everybody to log in again when it restarts:
//
//	guard, err := nguard.New(nguard.Config{Store: memstore.New()})
//
// It keeps every promise of nguard except what memory cannot give: sessions do not survive a restart
// and are not shared between processes. It is no [nguard.Transactor], since there is no database to
// share a transaction with. Two guards may use one store when their Namespace differs.
//
// Records are kept as they are, without encoding, so that a read costs no decoding. Rows are found
// through shards by session ID, each with a lock that readers share, and are tied together per user,
// so that caps, lists and "log out everywhere" cost what the user has, not what the store has.
//
// Memory is given back when sessions end: by logout, by a cap, or by [Store.Sweep], which the guard
// calls from time to time.
package memstore
