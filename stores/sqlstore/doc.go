// Package sqlstore keeps sessions in a SQL database that the program has opened.
//
// It takes a *sql.DB and imports no driver, so that the program chooses one:
//
//	db, err := sql.Open("sqlite", "file:app.db?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(1000)")
//	store := sqlstore.New(db, sqlstore.SQLite)
//	if err := store.Migrate(ctx); err != nil { ... } // or run the files of sqlstore.SQLite.Schema with your own tool
//	guard, err := nguard.New(nguard.Config{Store: store})
//
// # Reads and writes
//
// Loading a session is one SELECT by primary key, joined with the epoch of its user. Every write is
// one statement, or one transaction where it takes several. When the context carries a transaction on
// the same handle (see [nguard.WithTx]), everything runs inside it; [Store.Tx] begins one. The program's
// own tables can thus be changed in one step with the sessions of the users they describe.
//
// # SQLite
//
// SQLite 3.37 or later is needed, with any driver. It lets one connection write at a time. The store
// asks for that turn at the start of each transaction, and tries again, with growing random pauses,
// until the context ends; it is therefore correct with any settings. These are advised:
//
//   - journal_mode(WAL): readers do not wait for the writer.
//   - synchronous(NORMAL): in WAL mode a crash of the process loses nothing; a loss of power can lose
//     the last moments. Keep the default FULL where a logout must survive even that.
//   - busy_timeout(1000): for the program's own statements. It bounds how much later than the end of
//     its context a call can return, so keep it below the deadline of requests.
//
// The program's own transactions that write should begin with a write, or with _txlock=immediate
// where the driver has it: SQLite refuses to turn a reading transaction into a writing one when
// another has written since. Store.Tx does so by itself.
package sqlstore
