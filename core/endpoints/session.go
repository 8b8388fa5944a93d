package endpoints

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/internal/strictjson"
)

// session answers {session, permissions, expiresIn}, or 401 {session: null}. permissions are all that the
// person holds, by role or otherwise; expiresIn is in milliseconds.
func session(c *call) error {
	if err := c.r.Limit(c.x.Context(), c.guard.Limits().Read); err != nil {
		return err
	}
	s, err := c.r.Session()
	if err != nil {
		if isNoSession(err) {
			c.extra = map[string]any{"session": nil}
		}
		return err
	}
	if unchanged, err := c.tag(s); unchanged || err != nil {
		return err
	}
	return c.ok(c.shown(s, nil))
}

// shown is what a client is told of a session, beside other members of the answer.
func (c *call) shown(s *nguard.Session, others map[string]any) map[string]any {
	body := map[string]any{"session": s, "permissions": c.guard.Permissions(s), "expiresIn": c.expiresIn(s)}
	maps.Copy(body, others)
	return body
}

// expiresIn is in milliseconds.
func (c *call) expiresIn(s *nguard.Session) int64 {
	return s.Expires().Sub(c.guard.Now()).Milliseconds()
}

// validate answers 200 {valid, session, permissions, expiresIn} with and without a session: clients take another
// status for "not signed in" too, but existing ones parse this one.
func validate(c *call) error {
	c.extra = map[string]any{"valid": false}
	if err := c.r.Limit(c.x.Context(), c.guard.Limits().Read); err != nil {
		return err
	}
	s, err := c.r.Session()
	if isNoSession(err) {
		return c.invalid(err)
	}
	if err != nil {
		return err
	}
	if unchanged, err := c.tag(s); unchanged || err != nil {
		return err
	}
	return c.valid(s)
}

func (c *call) valid(s *nguard.Session) error {
	return c.ok(c.shown(s, map[string]any{"valid": true}))
}

func (c *call) invalid(err error) error {
	a := nguard.Status(err)
	return c.ok(map[string]any{"valid": false, "error": a.Message, "message": a.Message, "code": a.Code})
}

// validateHead answers 200 or 401 with no body.
func validateHead(c *call) error {
	if err := c.r.Limit(c.x.Context(), c.guard.Limits().Read); err != nil {
		return err
	}
	if _, err := c.r.Session(); err != nil {
		return err
	}
	return nguard.WriteJSON(c.x, http.StatusOK, nil)
}

// validateToken judges the token in {token} instead of the cookie's. It sets nothing for it.
func validateToken(c *call) error {
	c.extra = map[string]any{"valid": false}
	if err := c.r.Limit(c.x.Context(), c.guard.Limits().Read); err != nil {
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
	var token string
	for _, m := range members {
		if m.Name == "token" && json.Unmarshal(m.Raw, &token) != nil {
			return &nguard.FieldError{Field: "token", Problem: "must be a string"}
		}
	}
	s, err := c.guard.Lookup(c.x.Context(), token)
	if isNoSession(err) {
		return c.invalid(nguard.ErrNoSession)
	}
	if err != nil {
		return err
	}
	return c.valid(s)
}

// tag sets the ETag of a session and answers 304 when the caller has it. The tag is the version, for
// If-Match, and a digest of what is shown, which a hook, or a program that gives a role other permissions,
// can change without a version. The end of the session, which moves with every request, is no part of it, and
// stands in a header that a 304 has as well.
func (c *call) tag(s *nguard.Session) (unchanged bool, err error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return false, err
	}
	var shown map[string]json.RawMessage
	if err := json.Unmarshal(raw, &shown); err != nil {
		return false, err
	}
	delete(shown, "expires")
	if raw, err = json.Marshal([]any{shown, c.guard.Permissions(s)}); err != nil {
		return false, err
	}
	sum := sha256.Sum256(raw)
	tag := fmt.Sprintf(`"%s.%d.%s"`, s.ID(), s.Version(), hex.EncodeToString(sum[:8]))
	c.x.SetHeader("Etag", tag)
	c.x.SetHeader(nguard.ExpiresInHeader, strconv.FormatInt(c.expiresIn(s), 10))
	for _, line := range c.x.Header("If-None-Match") {
		for _, candidate := range strings.Split(line, ",") {
			if strings.TrimPrefix(strings.TrimSpace(candidate), "W/") == tag {
				return true, nguard.WriteJSON(c.x, http.StatusNotModified, nil)
			}
		}
	}
	return false, nil
}

// ifMatch returns the version that If-Match asks for: a tag of session or validate, or the value of the
// version header in quotes. 0 means any.
func (c *call) ifMatch() (int64, error) {
	lines := c.x.Header("If-Match")
	if len(lines) == 0 || len(lines) == 1 && strings.TrimSpace(lines[0]) == "*" {
		return 0, nil
	}
	s, err := c.r.Session()
	if err != nil {
		return 0, err
	}
	parts := strings.Split(strings.Trim(strings.TrimSpace(lines[0]), `"`), ".")
	if len(lines) > 1 || len(parts) < 2 {
		return 0, fmt.Errorf("%w: If-Match", nguard.ErrMalformed)
	}
	version, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || version <= 0 {
		return 0, fmt.Errorf("%w: If-Match", nguard.ErrMalformed)
	}
	if parts[0] != s.ID() {
		return 0, fmt.Errorf("%w: If-Match names another session", nguard.ErrConflict)
	}
	return version, nil
}
