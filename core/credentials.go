package nguard

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Credentials are the members of a login body, exactly as the person typed them (ASVS 6.2.8). They
// print, log and marshal as "[redacted]". The zero value has no members.
type Credentials struct{ members map[string]json.RawMessage }

// NewCredentials makes credentials of plain strings, for login handlers of the program and for tests.
func NewCredentials(members map[string]string) Credentials {
	c := Credentials{members: make(map[string]json.RawMessage, len(members))}
	for k, v := range members {
		// A string that is not valid UTF-8 cannot come from JSON; Marshal replaces the bad bytes.
		c.members[k], _ = json.Marshal(v)
	}
	return c
}

// NewCredentialsJSON makes credentials of JSON members, as they stood in a body.
func NewCredentialsJSON(members map[string]json.RawMessage) Credentials {
	return Credentials{members: members}
}

// Get returns the string member with this name, or "" when it is absent or not a string.
func (c Credentials) Get(name string) string {
	var s string
	if json.Unmarshal(c.members[name], &s) != nil {
		return ""
	}
	return s
}

// Raw returns the JSON of a member, or nil: for credentials that are not plain strings, such as a
// passkey assertion.
func (c Credentials) Raw(name string) json.RawMessage { return c.members[name] }

// Format prints "[redacted]" for every verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted{}.String()) }

// MarshalJSON writes "[redacted]".
func (c Credentials) MarshalJSON() ([]byte, error) { return json.Marshal(Redacted{}) }

// LogValue logs "[redacted]".
func (c Credentials) LogValue() slog.Value { return slog.StringValue(Redacted{}.String()) }
