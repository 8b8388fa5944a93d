package peers

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/alexedwards/scs/v2"
)

// checkPassword stands for the application's own.
func checkPassword(_, password string) (userID string, ok bool) { return "ann", password == "right" }

func TestSCS(t *testing.T) {
	sessions := scs.New()
	mux := http.NewServeMux()

	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		id, ok := checkPassword(r.FormValue("email"), r.FormValue("password"))
		if !ok {
			http.Error(w, "not you", http.StatusUnauthorized)
			return
		}
		if err := sessions.RenewToken(r.Context()); err != nil {
			http.Error(w, "try again", http.StatusInternalServerError)
			return
		}
		sessions.Put(r.Context(), "userID", id)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /views", func(w http.ResponseWriter, r *http.Request) {
		if sessions.GetString(r.Context(), "userID") == "" {
			http.Error(w, "log in", http.StatusUnauthorized)
			return
		}
		n := sessions.GetInt(r.Context(), "views") + 1
		sessions.Put(r.Context(), "views", n)
		fmt.Fprint(w, n)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(r.Context()); err != nil {
			http.Error(w, "try again", http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	handler := sessions.LoadAndSave(mux)

	visits(t, handler)
}
