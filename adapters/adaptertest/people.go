package adaptertest

import (
	"context"

	nguard "github.com/nguard-go/nguard/core"
)

// byJob is what a job of the program acts with.
var byJob = nguard.WithActor(context.Background(), "job:test")

// give gives a person a role and permissions, as a job does.
func give(w *world, id, role string, permissions ...string) {
	w.t.Helper()
	_, err := w.guard.ChangeUser(byJob, id, func(u *nguard.User) error {
		u.Role, u.Permissions = role, permissions
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// devices are the live sessions of a person, the newest first.
func (w *world) devices(userID string) []*nguard.Session {
	w.t.Helper()
	list, err := w.guard.Sessions(context.Background(), userID)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// handles are the public handles of a person's live sessions, the newest first.
func handles(w *world, userID string) []string {
	w.t.Helper()
	list := w.devices(userID)
	ids := make([]string, len(list))
	for i, s := range list {
		ids[i] = s.ID()
	}
	return ids
}

// handle is the public handle of a person's only session.
func (w *world) handle(userID string) string {
	w.t.Helper()
	list := w.devices(userID)
	if len(list) != 1 {
		w.t.Fatalf("%d sessions of %s", len(list), userID)
	}
	return list[0].ID()
}
