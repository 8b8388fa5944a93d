// Package sqlstore keeps sessions in a SQL database that the program has opened.
//
// It takes a *sql.DB and imports no driver, so that the program chooses one:
//
//	db, err := sql.Open("sqlite", "file:app.db?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(1000)")
//	store := sqlstore.New(db, sqlstore.SQLite)
//	if err := store.Migrate(ctx); err != nil { ... } // or run the files of sqlstore.SQLite.Schema with your own tool
//	guard, err := nguard.New(nguard.Config{Store: store})
//
// With [Postgres] and [MySQL] in the place of [SQLite], the same lines keep them in PostgreSQL, MariaDB or MySQL.
//
// # Reads and writes
//
// Loading a session is one SELECT by primary key, joined with the epoch of its user. Every write is
// one statement, or one transaction where it takes several. When the context carries a transaction on
// the same handle (see [nguard.WithTx]), everything runs inside it; [Store.Tx] begins one. The program's
// own tables can thus be changed in one step with the sessions of the users they describe.
//
// No statement reads a table from end to end, whatever the number of sessions. Ending all sessions of a user
// changes one row.
//
// # Failures
//
// An error that wraps [nguard.ErrUnavailable] says that nothing has changed, unless it wraps
// [nguard.ErrOutcomeUnknown] too: a write was sent and its answer was lost. What is tried again, until the
// context ends, is what surely had no effect: a statement that the database refused because another was in
// its way (a lock, a deadlock, a serialization failure), with the whole transaction if the store began it; a
// read outside of transactions whose connection broke; and the beginning of a transaction. A write that may
// have been committed is never repeated, and a server that takes no connections is reported at once. Inside a
// transaction that the program began, all of this is for the program to decide.
//
// After a failover or a restart, a pool holds connections that lead nowhere. Reads go through them without an
// error; a write that meets one may be reported as unknown. Statements are prepared again by themselves on
// each new connection, and when a table was altered.
//
// A deadline comes with the context: the engine sets one for each of its calls.
//
// # Time to live
//
// Rows do not vanish by themselves. The guard removes dead ones about once a minute while there are requests,
// a few hundred at a time, and [nguard.Guard.Sweep] does so on a schedule of the program's. A dead row that has
// not been removed yet is not accepted: the end of a session is judged when it is loaded. Any number of
// processes may sweep at once.
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
//
// # PostgreSQL
//
// PostgreSQL 12 or later is needed, in a database whose encoding is UTF8. The tests run on 15, with the driver pgx/v5
// by way of database/sql:
//
//	db, err := sql.Open("pgx", "postgres://app@db.internal:5432/app?sslmode=verify-full&target_session_attrs=read-write")
//	store := sqlstore.New(db, sqlstore.Postgres)
//
// Another driver will do if its errors have a method SQLState, as those of lib/pq have; with errors that have
// none, the store takes every failed write as one of unknown outcome and repeats nothing but reads.
//
//   - target_session_attrs=read-write, with all hosts in the list, leads to the primary after a failover. A
//     connection that refuses to write gives ErrUnavailable (SQLSTATE 25006), for as long as it stays in the pool.
//   - SetMaxOpenConns keeps the pool below the server's max_connections, all processes together. SetMaxIdleConns
//     should be the same number: the default of 2 opens and closes connections, and prepares statements, all
//     the time under load. SetConnMaxLifetime of some minutes spreads the load after a failover.
//   - lock_timeout, statement_timeout and idle_in_transaction_session_timeout may be set as the program likes.
//   - synchronous_commit=off loses the last moments in a crash of the server: a logout may come undone.
//
// Transactions that the store begins, those of Store.Tx included, are READ COMMITTED. Loading a session inside a
// transaction locks its row and that of its user's epoch until the end (SELECT FOR UPDATE), so that two transactions
// which read and then change one session wait for each other. Such a transaction has to be one that may write.
// The store works in the program's transactions of any level; at REPEATABLE READ and SERIALIZABLE, errors
// of class 40 are the program's to handle, by running its transaction again.
//
// Through PgBouncer in transaction mode, prepared statements need PgBouncer 1.21 or later with
// max_prepared_statements above 0. The store prepares its statements by name whatever default_query_exec_mode
// is set to; that setting of pgx only concerns what it runs as a text, which are statements first needed inside a
// transaction, and migrations. Without that support, use session mode. A statement that a pooler has lost is prepared
// again when the server says so. Migrations take their lock for a transaction only, and so work in both modes.
//
// # MariaDB and MySQL
//
// MariaDB 10.6 or later, or MySQL 8.0 or later, is needed, with InnoDB. The tests run on MariaDB 10.11, with the driver
// github.com/go-sql-driver/mysql:
//
//	db, err := sql.Open("mysql", "app@tcp(db.internal:3306)/app?tls=true&rejectReadOnly=true")
//	store := sqlstore.New(db, sqlstore.MySQL)
//
// What an error means is read from its number, which is where the text of the driver's errors begins: "Error
// 1213 (40001)". With a driver that writes otherwise, the store takes every failed write as one of unknown outcome
// and repeats nothing but reads.
//
//   - rejectReadOnly=true makes the driver give up a connection to a server that has become a replica, and take
//     another. Without it, such a connection gives ErrUnavailable for as long as it stays in the pool.
//   - SetConnMaxLifetime should be below the server's wait_timeout, as the driver advises, and SetMaxIdleConns the
//     same as SetMaxOpenConns. Each connection has about twenty statements prepared, and the server's
//     max_prepared_stmt_count is for all connections together.
//   - innodb_lock_wait_timeout, 50 seconds by default, is best set to a few seconds: when a context ends while a
//     statement waits for a lock, the driver closes the connection, and the server notices only when it is done.
//   - innodb_flush_log_at_trx_commit other than 1 loses the last moments in a crash: a logout may come undone.
//   - clientFoundRows, interpolateParams, parseTime, the collation and sql_mode make no difference.
//   - max_allowed_packet must be above the size of a session, which the engine limits.
//
// Transactions that the store begins, those of Store.Tx included, are READ COMMITTED, which needs binlog_format ROW or
// MIXED where there is a binary log. What the store reads inside a transaction, it reads with a lock (SELECT FOR
// UPDATE), the epoch of a user and a session by its ID: two transactions which read and then change one session wait for
// each other, and the snapshot of a transaction at REPEATABLE READ never hides what others have ended. Such a transaction
// has to be one that may write, and deadlocks in it (1213) are the program's to handle, by running it again.
//
// MySQL commits each statement about tables. Migrate therefore takes a lock by name, and can be run again where it was
// cut off; through a pooler that shares connections between statements, run the files of Schema instead.
package sqlstore
