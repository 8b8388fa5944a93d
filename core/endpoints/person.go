package endpoints

import (
	"encoding/json"
	"fmt"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/internal/strictjson"
)

// login answers {success, message, session, permissions, expiresIn} and sets the cookie. The body is the credentials as the
// application's Authenticator knows them; "remember": true asks for a persistent session. Nothing else
// in it counts (checklist F5).
func login(c *call) error {
	body, err := c.body(true)
	if err != nil {
		return err
	}
	members, err := strictjson.Object(body, strictjson.Limits{})
	if err != nil {
		return fmt.Errorf("%w: %w", nguard.ErrMalformed, err)
	}
	var o nguard.LoginOptions
	credentials := make(map[string]json.RawMessage, len(members))
	for _, m := range members {
		if m.Name == "remember" {
			if json.Unmarshal(m.Raw, &o.Remember) != nil || string(m.Raw) == "null" {
				return &nguard.FieldError{Field: "remember", Problem: "must be a boolean"}
			}
			continue
		}
		credentials[m.Name] = m.Raw
	}
	s, err := c.r.SignIn(c.x.Context(), nguard.NewCredentialsJSON(credentials), o)
	if err != nil {
		return err
	}
	return c.ok(c.shown(s, map[string]any{"success": true, "message": "You are signed in."}))
}

// logout answers 200 with and without a session, and clears the cookie.
func logout(c *call) error {
	if err := c.r.Logout(c.x.Context()); err != nil {
		return err
	}
	return c.done("You are signed out.", nil)
}

// refresh gives a new token.
func refresh(c *call) error {
	ctx := c.x.Context()
	if _, err := c.r.Session(); err != nil {
		if isNoSession(err) {
			// The text of the contract, in both members: some clients read the one, some the other.
			c.extra = map[string]any{"error": "No session to refresh", "message": "No session to refresh"}
		}
		return err
	}
	if err := c.r.Limit(ctx, c.guard.Limits().Update); err != nil {
		return err
	}
	if _, err := c.r.Refresh(ctx); err != nil {
		return err
	}
	return c.done("The session is renewed.", nil)
}

// update changes declared fields of the caller's own session and user.
func update(c *call) error { return c.apply(nil, "Saved.", func(body []byte) []byte { return body }) }

// profile is update for {name, email}.
func profile(c *call) error {
	return c.apply([]string{"user.name", "user.email"}, "Saved.", func(body []byte) []byte {
		return append(append([]byte(`{"user":`), body...), '}')
	})
}

func (c *call) apply(only []string, message string, form func([]byte) []byte) error {
	c.extra = map[string]any{"success": false}
	ctx := c.x.Context()
	if _, err := c.r.Session(); err != nil {
		return err
	}
	if err := c.r.Limit(ctx, c.guard.Limits().Update); err != nil {
		return err
	}
	body, err := c.body(false)
	if err != nil {
		return err
	}
	if _, err := strictjson.Object(body, strictjson.Limits{}); err != nil {
		return fmt.Errorf("%w: %w", nguard.ErrMalformed, err)
	}
	version, err := c.ifMatch()
	if err != nil {
		return err
	}
	s, err := c.r.Apply(ctx, form(body), nguard.ApplyOptions{Only: only, Version: version})
	if err != nil {
		return err
	}
	return c.ok(c.shown(s, map[string]any{"success": true, "message": message}))
}

// updateRole changes the role or permissions of a user: {userId, newRole?, permissions?}.
func updateRole(c *call) error {
	c.extra = map[string]any{"success": false}
	ctx := c.x.Context()
	if _, err := c.r.Session(); err != nil {
		return err
	}
	if err := c.r.Limit(ctx, c.guard.Limits().Update); err != nil {
		return err
	}
	body, err := c.body(false)
	if err != nil {
		return err
	}
	members, err := strictjson.Object(body, strictjson.Limits{})
	if err != nil {
		return fmt.Errorf("%w: %w", nguard.ErrMalformed, err)
	}
	var userID string
	var to nguard.Authority
	for _, m := range members {
		var target any
		switch m.Name {
		case "userId":
			target = &userID
		case "newRole":
			to.Role = new(string)
			target = to.Role
		case "permissions":
			to.Permissions = new([]string)
			target = to.Permissions
		default:
			return fmt.Errorf("%w: unknown member", nguard.ErrMalformed)
		}
		if string(m.Raw) == "null" || json.Unmarshal(m.Raw, target) != nil {
			return &nguard.FieldError{Field: m.Name, Problem: "has the wrong type"}
		}
	}
	if userID == "" {
		return &nguard.FieldError{Field: "userId", Problem: "is missing"}
	}
	if to.Role == nil && to.Permissions == nil {
		return &nguard.FieldError{Field: "newRole", Problem: "is missing"}
	}
	user, own, err := c.r.ChangeAuthority(ctx, userID, to)
	if err != nil {
		return err
	}
	c.extra = nil
	answer := map[string]any{"user": map[string]any{
		"id": user.ID, "name": user.Name, "email": user.Email, "role": user.Role, "permissions": append([]string{}, user.Permissions...),
	}}
	if own != nil {
		answer = c.shown(own, answer)
	}
	return c.done("The role is changed.", answer)
}
