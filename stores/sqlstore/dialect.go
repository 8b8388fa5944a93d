package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
)

// Dialect is what differs between databases: the statements, the schema, and what an error means. There
// are [SQLite], [Postgres] and [MySQL].
type Dialect struct {
	dir string
	sql [ops]statement
	// isolation is that of the store's own transactions.
	isolation sql.IsolationLevel
	// deaf says that the driver ends a transaction without heeding the context that it began with.
	deaf bool
	// countsChanges says that an UPDATE which leaves a row as it is does not count that row.
	countsChanges bool
	// returns says that opBump returns the epoch as it now is. Where it does not, opEpoch reads it.
	returns bool
	// holds says whether a key can be stored. Where it cannot, nobody has it.
	holds func(key string) bool

	// alone runs fn where no other process migrates, with what a migration begins with done.
	alone func(ctx context.Context, b *rows, fn migrating) error
	// versions is the last migration that is noted, and note notes one.
	versions, note string

	// busy says that another connection was in the way: nothing has changed, and the same may work in
	// a moment. A transaction is then run again as a whole.
	busy func(error) bool
	// refused says that the database answered with an error, so that the statement had no effect.
	refused func(error) bool
	// unprepared says that the prepared statement is of no use any more, and had no effect.
	unprepared func(error) bool
	// taken says that a row with this key is there already, where opInsert answers that with an error.
	taken func(error) bool
}

// op names a statement.
type op int

const (
	// Insert
	opAdmit    op = iota // the epoch is there and has this revoke mark; it stays locked
	opAdmitted           // whether it has, where the count of opAdmit does not say it
	opPurge              // dead sessions of the owner leave
	opLive               // those that the cap counts
	opInsert
	opStands // the version of the session to be replaced
	// Get, Rows
	opGet
	opGetLocked // opGet inside a transaction, where that takes a lock
	opList
	// Swap, Mark, Delete
	opSwap
	opMark
	opDelete
	opExists
	// Epoch, Bump
	opEpoch
	opEpochLocked // opEpoch inside a transaction, where that takes a lock
	opBump
	// Sweep. Where there is a statement that finds rows, and locks them, the other one takes their keys.
	opDead
	opSweep
	opStale
	opSettle // closes stale opens
	opIdle
	opForget // drops idle epochs
	// Tx: a write without effect, to get the right to write where only one connection has it
	opLock
	ops
)

// locked is o as it reads inside a transaction. What is read there is what the rest of the transaction
// rests on, and where others may write at the same time it has to stay.
func (d *Dialect) locked(o op) op {
	var l op
	switch o {
	case opGet:
		l = opGetLocked
	case opEpoch:
		l = opEpochLocked
	default:
		return o
	}
	if d.sql[l].text == "" {
		return o
	}
	return l
}

// statement is the text of one, and where the arguments of its op stand in it: order lists their indices;
// nil means that they stand as they come, or that the text has numbers itself.
type statement struct {
	text  string
	order []int
}

// args puts arguments in the order of the statement.
func (s statement) args(list []any) []any {
	if s.order == nil {
		return list
	}
	out := make([]any, len(s.order))
	for i, at := range s.order {
		out[i] = list[at]
	}
	return out
}

// texts are statements in which the arguments have numbers, as the database itself understands them.
func texts(list map[op]string) (all [ops]statement) {
	for o, text := range list {
		all[o].text = text
	}
	return all
}

//go:embed migrations
var migrations embed.FS

// Schema returns the files that make the tables, for programs with a migration tool of their own:
// 0001_sessions.sql and so on, to be run in the order of their names, each once. A released file never
// changes.
func (d *Dialect) Schema() fs.FS {
	sub, err := fs.Sub(migrations, d.dir)
	if err != nil {
		panic(err) // an invalid path, and all are constants
	}
	return sub
}
