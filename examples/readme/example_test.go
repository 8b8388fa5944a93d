package readme

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// people stands for the program's users table. examples/adminpanel has one in SQL.
var people = guardtest.NewUsers(
	nguard.User{ID: "ann", Name: "Ann", Email: "ann@example.com", Role: "admin"},
	nguard.User{ID: "bob", Name: "Bob", Email: "bob@example.com", Role: "editor"},
)

// Post is a resource of the program.
type Post struct{ AuthorID string }

const EditPost policy.Permission = "posts:edit"

var (
	Reader = policy.NewRole("reader")
	Editor = policy.NewRole("editor", "posts:*").Inherits(Reader)
	Admin  = policy.NewRole("admin", "*").Inherits(Editor)
)

var CanEdit = policy.Any(EditPost, policy.On("author", func(a nguard.Access, p *Post) bool {
	return p.AuthorID == a.Subject.UserID
}))

var (
	Theme = &nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser}
	Role  = &nguard.Field[string]{Name: "role", Write: policy.All(Admin, policy.Fresh(5*time.Minute)), Scope: nguard.InUser, Rotate: true}
	Views = &nguard.Field[int]{Name: "views"}
)

func account(w http.ResponseWriter, r *http.Request) {
	session, err := httpguard.From(r).Session()
	if err != nil {
		httpguard.Fail(w, r, err)
		return
	}
	fmt.Fprintf(w, "signed in as %s", session.User().Name)
}

// editPost asks a policy about a resource that it has loaded.
func editPost(w http.ResponseWriter, r *http.Request) {
	post := &Post{AuthorID: r.PathValue("author")}
	if err := httpguard.From(r).Authorize(r.Context(), CanEdit, post); err != nil {
		httpguard.Fail(w, r, err)
		return
	}
	fmt.Fprint(w, "edited")
}

// view counts in the session: of 1000 concurrent requests none is lost.
func view(w http.ResponseWriter, r *http.Request) {
	session, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
		return Views.Modify(d, func(n int) int { return n + 1 })
	})
	if err != nil {
		httpguard.Fail(w, r, err)
		return
	}
	fmt.Fprint(w, Views.Get(session))
}

// Sessions in front of net/http handlers: routes stay as they are.
func Example_middleware() {
	mux := http.NewServeMux()

	guard, err := nguard.New(nguard.Config{Store: memstore.New(), Users: people, Limits: ratelimit.Defaults()})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("GET /account", httpguard.Require(guard, policy.SignedIn)(http.HandlerFunc(account)))
	handler := httpguard.Sessions(guard)(httpguard.Endpoints(guard)(mux))

	fmt.Println(send(handler, "GET", "/account", "", nil))
	login := send(handler, "POST", "/api/auth/login", `{"email":"ann@example.com","password":"guardtest-password"}`, nil)
	fmt.Println(login.Code)
	fmt.Println(send(handler, "GET", "/account", "", login))
	// Output:
	// 401 {"code":"no_session","error":"You are not signed in.","message":"You are not signed in."}
	// 200
	// 200 signed in as Ann
}

// A sink is one method. Its error refuses the change that it was to record.
func Example_sink() {
	broker := &queue{}

	sink := nguard.SinkFunc(func(ctx context.Context, e nguard.Event) error {
		return broker.Publish(ctx, "audit", audit.AppendJSON(nil, e))
	})
	guard, err := nguard.New(nguard.Config{Store: memstore.New(), Audit: sink})
	if err != nil {
		log.Fatal(err)
	}

	ctx := nguard.WithActor(context.Background(), "job:demo")
	if _, _, err := guard.Login(ctx, "ann", nguard.LoginOptions{}); err != nil {
		log.Fatal(err)
	}
	if err := guard.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	for _, line := range broker.lines {
		if e, err := audit.Decode([]byte(line)); e.Class == nguard.ClassChange {
			fmt.Println(e.Name, e.Outcome, "by", e.Actor, err)
		}
	}
	// Output:
	// session_created attempt by job:demo <nil>
	// session_created success by job:demo <nil>
}

// Roles, permissions and policies are Go values.
func Example_policies() {
	store, limits := memstore.New(), ratelimit.Defaults()
	mux := http.NewServeMux()

	model, err := policy.NewModel(policy.Config{
		Roles:       []*policy.Role{Reader, Editor, Admin},
		Permissions: []policy.Permission{EditPost},
	})
	if err != nil {
		log.Fatal(err)
	}

	guard, err := nguard.New(nguard.Config{
		Store: store, Users: people, Limits: limits,
		Roles:  model,
		Fields: []nguard.AnyField{Theme, Role, Views},
	})
	if err != nil {
		log.Fatal(err)
	}

	mux.Handle("GET /audit", httpguard.Require(guard, Admin)(http.HandlerFunc(account)))
	mux.HandleFunc("POST /posts/{author}", editPost)
	mux.HandleFunc("POST /views", view)
	handler := httpguard.Sessions(guard)(httpguard.Endpoints(guard)(mux))

	bob := send(handler, "POST", "/api/auth/login", `{"email":"bob@example.com","password":"guardtest-password"}`, nil)
	fmt.Println(send(handler, "GET", "/audit", "", bob).Code)
	fmt.Println(send(handler, "POST", "/posts/ann", "", bob))
	fmt.Println(send(handler, "POST", "/views", "", bob))
	fmt.Println(send(handler, "POST", "/api/auth/update", `{"data":{"theme":"dark"}}`, bob).Code)
	fmt.Println(send(handler, "POST", "/api/auth/update", `{"role":"admin"}`, bob).Code)
	// Output:
	// 403
	// 200 edited
	// 200 1
	// 200
	// 403
}

// Sessions, people and records in one database: a change of all three is one transaction.
func Example_store() {
	ctx := context.Background()
	dsn := "file:" + filepath.Join(tempDir, "app.db") + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(1000)"

	db, err := sql.Open("sqlite", dsn) // any driver: sqlstore imports none
	if err != nil {
		log.Fatal(err)
	}
	store := sqlstore.New(db, sqlstore.SQLite)
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	guard, err := nguard.New(nguard.Config{Store: store})
	if err != nil {
		log.Fatal(err)
	}

	token, _, err := guard.Login(nguard.WithActor(ctx, "job:demo"), "ann", nguard.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	session, err := guard.Lookup(ctx, token)
	fmt.Println(session.UserID(), err, db.Close())
	// Output: ann <nil> <nil>
}

// A test of a protected page needs no browser and no login form.
func TestAccountPage(t *testing.T) {
	guard := guardtest.New(t, nguard.Config{}, nguard.User{ID: "ann", Name: "Ann"})
	request := guardtest.SignedIn(t, guard, "ann", httptest.NewRequest("GET", "/account", nil))
	answer := httptest.NewRecorder()
	httpguard.Sessions(guard)(http.HandlerFunc(account)).ServeHTTP(answer, request)
	if got := answer.Body.String(); got != "signed in as Ann" {
		t.Errorf("page says %q", got)
	}
}

// What a server must set itself, since nguard sees a request only when its header has been read.
func TestServer(t *testing.T) {
	handler := http.NotFoundHandler()

	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
	}

	if server.Handler == nil {
		t.Error("no handler")
	}
}

// A logout of the application's own, which also asks the browser to drop what it has kept.
func TestOwnLogout(t *testing.T) {
	guard := guardtest.New(t, nguard.Config{}, nguard.User{ID: "ann"})
	mux := http.NewServeMux()

	mux.HandleFunc("POST /api/auth/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := httpguard.From(r).Logout(r.Context()); err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ok":true,"success":true,"message":"You are signed out."}`)
	})
	handler := httpguard.Sessions(guard)(httpguard.Endpoints(guard, "logout")(mux))

	request := guardtest.SignedIn(t, guard, "ann", httptest.NewRequest("POST", "/api/auth/logout", nil))
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != 200 || !strings.Contains(answer.Header().Get("Set-Cookie"), "Max-Age=0") || answer.Header().Get("Clear-Site-Data") == "" {
		t.Errorf("answer %d %v", answer.Code, answer.Header())
	}
}

// The shortest lifetimes that NIST describes, and how many devices a person may use at once.
func TestLifetime(t *testing.T) {
	store := memstore.New()

	guard, err := nguard.New(nguard.Config{Store: store, Lifetime: nguard.AAL3, MaxSessions: 3})

	if err != nil || guard.CookieName() != "__Host-nguard-session" {
		t.Errorf("guard %v, %v", guard, err)
	}
}

// queue is a message broker in memory.
type queue struct {
	mu    sync.Mutex
	lines []string
}

func (q *queue) Publish(_ context.Context, _ string, message []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines = append(q.lines, string(message))
	return nil
}

// tempDir is for examples, which have no testing.T.
var tempDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "nguard-readme")
	if err != nil {
		log.Fatal(err)
	}
	tempDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// answer is what a request got; it prints as status and body.
type answer struct{ *httptest.ResponseRecorder }

func (a answer) String() string { return fmt.Sprint(a.Code, " ", strings.TrimSpace(a.Body.String())) }

// send makes a request as a page of the application would, with the cookies of an earlier answer.
func send(h http.Handler, method, path, body string, earlier any) answer {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if a, ok := earlier.(answer); ok {
		for _, c := range a.Result().Cookies() {
			r.AddCookie(c)
		}
	}
	w := answer{httptest.NewRecorder()}
	h.ServeHTTP(w, r)
	return w
}
