package sqlstore

import "testing"

// state is an error with a code of PostgreSQL's.
type state string

func (s state) Error() string    { return "code " + string(s) }
func (s state) SQLState() string { return string(s) }

// What may come after a commit leaves the outcome open; every other answer says that there was no effect.
func TestPostgresRefused(t *testing.T) {
	for code, want := range map[state]bool{
		"23505": true, "40001": true, "25006": true, "57014": true, "53300": true,
		"57P03": true, // the server does not take connections yet
		"57P01": false, "57P02": false, "08006": false,
		"40003": false, // statement_completion_unknown
		"":      false,
	} {
		if got := postgresRefused(unavailable(code)); got != want {
			t.Errorf("%s: got %v, want %v", code, got, want)
		}
	}
}
