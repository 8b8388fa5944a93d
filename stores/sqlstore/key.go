package sqlstore

import (
	"fmt"

	nguard "github.com/nguard-go/nguard/core"
)

// longestKey is the length in bytes of the columns of keys. An owner of the engine's has at most 224: a
// namespace, a slash and the ID of a user.
const longestKey = 255

// unstorable says that a key cannot be stored. The engine never makes such a one.
func unstorable(key string) error {
	return fmt.Errorf("%w: a key of %d bytes cannot be stored: at most %d, of UTF-8 without NUL",
		nguard.ErrMalformed, len(key), longestKey)
}
