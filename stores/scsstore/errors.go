package scsstore

import (
	"fmt"

	nguard "github.com/nguard-go/nguard/core"
)

// unavailable says that something failed and nothing was written.
func unavailable(err error) error { return fmt.Errorf("%w: %w", nguard.ErrUnavailable, err) }

// unknown says that a write failed and may have had its effect all the same, now or later. Backends of scs
// do not tell one that was never sent from one whose answer was lost.
func unknown(err error) error {
	return fmt.Errorf("%w: %w: %w", nguard.ErrUnavailable, nguard.ErrOutcomeUnknown, err)
}
