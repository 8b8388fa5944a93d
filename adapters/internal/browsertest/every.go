package browsertest

import (
	"context"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

func second[T any](_ T, err error) error { return err }

// Every is what each method of a Request that can fail says, where all of them must: no function of an update runs.
func Every(t testing.TB, r *nguard.Request, ctx context.Context, userID string) map[string]error {
	return map[string]error{
		"Session":         second(r.Session()),
		"Update":          second(r.Update(ctx, func(d *nguard.Draft) error { t.Error("the function of an update ran"); return Visits.Set(d, 99) })),
		"Apply":           second(r.Apply(ctx, []byte(`{"theme":"dark"}`), nguard.ApplyOptions{})),
		"Refresh":         second(r.Refresh(ctx)),
		"Login":           second(r.Login(ctx, userID, nguard.LoginOptions{})),
		"SignIn":          second(r.SignIn(ctx, nguard.NewCredentials(map[string]string{"id": userID}), nguard.LoginOptions{})),
		"Reauthenticated": second(r.Reauthenticated(ctx, nguard.LoginOptions{})),
		"EndOthers":       second(r.EndOthers(ctx)),
		"Authorize":       r.Authorize(ctx, policy.SignedIn, nil),
		"Manage":          r.Manage(ctx, "bob"),
		"ChangeAuthority": func() error { _, _, err := r.ChangeAuthority(ctx, "bob", nguard.Authority{}); return err }(),
		"Revoke":          r.Revoke(ctx, "bob", "AAAAAAAAAAAAAAAAAAAAAA"),
		"Limit":           r.Limit(ctx, nguard.Unlimited),
		"Events":          r.Events(),
		"Logout":          r.Logout(ctx),
	}
}
