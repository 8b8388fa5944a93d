package cookiestore

import (
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

var _ nguard.Bounded = (*Store)(nil)

// Fits holds a session against Config.MaxSize. What a job has found is a row, which has room for every session.
// See [nguard.Bounded].
func (s *Store) Fits(f nguard.Found, next *nguard.Record) error {
	sized, tail := *next, tokenRoom+1
	if f.Record == nil {
		sized.ID = strings.Repeat("A", 22)
	} else if r, ok := f.Ref.(*ref); ok {
		tail = len(r.live) + 1
	} else if s.inner != nil {
		return nil
	}
	if s.inner == nil {
		tail = clockLen
	}
	_, err := s.prepare(&sized, tail)
	return err
}
