package endpoints

import (
	nguard "github.com/nguard-go/nguard/core"
)

// listOwn answers {sessions: [{id, device, ip, created, lastSeen, expires, current}]}, newest first.
// Times are milliseconds since 1970.
func listOwn(c *call) error {
	s, err := c.r.Session()
	if err != nil {
		return err
	}
	return c.list(s.UserID())
}

// endOthers ends all sessions of the person but this one, which gets a new token.
func endOthers(c *call) error {
	if _, err := c.r.Session(); err != nil {
		return err
	}
	if err := c.empty(); err != nil {
		return err
	}
	s, err := c.r.EndOthers(c.x.Context())
	if err != nil {
		return err
	}
	return c.done("All other devices are signed out.", c.shown(s, nil))
}

// endOne ends one session of the person. A handle of somebody else's is as unknown as one that never
// was (checklist G1).
func endOne(c *call) error {
	s, err := c.r.Session()
	if err != nil {
		return err
	}
	if err := c.empty(); err != nil {
		return err
	}
	if c.session == s.ID() {
		return logout(c)
	}
	if err := c.r.Revoke(c.x.Context(), s.UserID(), c.session); err != nil {
		return err
	}
	return c.done("The device is signed out.", nil)
}

// listUser, endUser and endUserOne are for those whom Config.Admin allows.
func listUser(c *call) error {
	if err := c.r.Manage(c.x.Context(), c.user); err != nil {
		return err
	}
	return c.list(c.user)
}

func endUser(c *call) error {
	if err := c.empty(); err != nil {
		return err
	}
	if err := c.r.Manage(c.x.Context(), c.user); err != nil {
		return err
	}
	if err := c.guard.RevokeUser(c.x.Context(), c.user); err != nil {
		return err
	}
	return c.done("All devices of this person are signed out.", nil)
}

func endUserOne(c *call) error {
	if err := c.empty(); err != nil {
		return err
	}
	if err := c.r.Manage(c.x.Context(), c.user); err != nil {
		return err
	}
	if err := c.r.Revoke(c.x.Context(), c.user, c.session); err != nil {
		return err
	}
	return c.done("The device is signed out.", nil)
}

func (c *call) list(userID string) error {
	if err := c.empty(); err != nil {
		return err
	}
	ctx := c.x.Context()
	if err := c.r.Limit(ctx, c.guard.Limits().Read); err != nil {
		return err
	}
	sessions, err := c.guard.Sessions(ctx, userID)
	if err != nil {
		return err
	}
	current := ""
	if s, err := c.r.Session(); err == nil {
		current = s.ID()
	}
	list := make([]map[string]any, len(sessions))
	for i, s := range sessions {
		list[i] = device(s, current)
	}
	return c.ok(map[string]any{"sessions": list})
}

// device is what is shown of a session in a list: a handle, never a token.
func device(s *nguard.Session, current string) map[string]any {
	return map[string]any{
		"id": s.ID(), "device": s.Device(), "ip": s.IP(), "created": s.Created().UnixMilli(),
		"lastSeen": s.LastSeen().UnixMilli(), "expires": s.Expires().UnixMilli(), "current": s.ID() == current,
	}
}
