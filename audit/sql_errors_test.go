package audit

import (
	"errors"
	"fmt"
	"testing"
)

// state is an error with a code of PostgreSQL's.
type state string

func (s state) Error() string    { return "code " + string(s) }
func (s state) SQLState() string { return string(s) }

// TestRefused: what may come after a commit leaves the outcome open; every other answer says that there is no record.
func TestRefused(t *testing.T) {
	for code, want := range map[state]bool{
		"23505": true, "42P01": true, "25006": true,
		"57P03": true, // the server does not take connections yet
		"57P01": false, "57P02": false, "08006": false,
		"40003": false, // statement_completion_unknown
	} {
		if got := postgresRefused(fmt.Errorf("here: %w", code)); got != want {
			t.Errorf("%s: got %v, want %v", code, got, want)
		}
	}
	for text, want := range map[string]bool{
		"Error 1146 (42S02): no such table": true, "Error 1205: Lock wait timeout exceeded": true,
		"Error 1053 (08S01): Server shutdown in progress": false, "Error 1927 (70100): Connection was killed": false,
		"Error 1180 (HY000): Got error 5 during COMMIT": false,
		"invalid connection":                            false,
	} {
		if got := mysqlRefused(fmt.Errorf("here: %w", errors.New(text))); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}
