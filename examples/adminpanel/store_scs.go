package main

import (
	"context"
	"fmt"

	"github.com/alexedwards/scs/postgresstore"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/scsstore"
)

// openSCS keeps sessions in scs's own PostgreSQL store, as a program does that has one already. People and
// records are in the file of -users.
func openSCS(ctx context.Context, o options) (*place, error) {
	remote, err := postgres(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := scsTable(ctx, remote); err != nil {
		_ = remote.Close()
		return nil, fmt.Errorf("%s: table sessions: %w", remote.where, err)
	}
	db, err := sqliteFile(o.users)
	if err != nil {
		_ = remote.Close()
		return nil, err
	}
	sweeping := postgresstore.New(remote.DB)
	p := newPlace(db)
	p.closers = append(p.closers, func() { _ = remote.Close() }, sweeping.StopCleanup)
	p.sessions, p.where = scsstore.New(sweeping), "scs's store in "+remote.where
	// What a backend of scs cannot promise when several processes use it. One process keeps all of it.
	p.waive = []nguard.Promise{
		nguard.NoLostUpdate, nguard.ReachesAll, nguard.CatchesThieves,
		nguard.StaysDead, nguard.ListsSessions, nguard.CapsSessions,
	}
	return p, nil
}

// scsTable makes the table that scs asks its users to make, with the lock that this kind has against another
// process that starts now.
func scsTable(ctx context.Context, db *database) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // without effect after a commit
	for _, statement := range []string{
		db.kind.hold,
		`CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)`,
		`CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions (expiry)`,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}
