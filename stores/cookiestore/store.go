package cookiestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Config is what a [Store] is made of. Only Keys is required.
type Config struct {
	// Keys seal and open the cookies.
	Keys *Ring
	// Companion keeps a row without values for each session, and the epochs of users: any other store of
	// nguard. It is what makes logout, revocation, rotation, lists and caps hold. Its tokens have at most 127
	// bytes. Nil does without all of that; see the package comment.
	Companion nguard.Store
	// Cookie is the name of the session cookie with its prefix, which every value is bound to; nguard.New
	// refuses a guard whose cookie has another. Defaults to "__Host-nguard-session", which is a guard's
	// default too.
	Cookie string
	// Audience is the name of the application and environment, such as "shop/production": another one that
	// has the same keys cannot use its cookies (checklist B8). Defaults to none.
	Audience string
	// MaxSize bounds the cookie's value in bytes, from 512 to nguard.MaxCookieToken (12 KiB): what does not
	// fit is nguard.ErrTooLarge, and the session stays as it was. Defaults to 3072, which passes servers that
	// take 4096 bytes of headers in all, as fiber does. Above 3800 the value is spread over several cookies;
	// the server must take as many bytes of headers, and some proxies do not.
	MaxSize int
	// Recheck is for stores without a companion: how old a person's role, permissions and other values of
	// the users table may be before they are looked up again. Defaults to one minute, and is at least a second.
	Recheck time.Duration
	// Codec gives the cookie another form, for others to read. Nil seals it as a whole.
	Codec Codec
}

// Store keeps sessions in sealed cookies. [New] makes it; it is safe for concurrent use.
type Store struct {
	inner   nguard.Store // nil: bare
	box     box
	codec   Codec
	cookie  string
	max     int
	recheck time.Duration
}

var (
	_ nguard.Store       = (*Store)(nil)
	_ nguard.CookieStore = (*Store)(nil)
	_ nguard.Partial     = (*Store)(nil)
)

// tokenRoom is how long the token of a companion may be.
const tokenRoom = 127

// New checks c and makes a Store. It does no I/O. Each error names the field and the remedy.
func New(c Config) (*Store, error) {
	if c.Keys == nil || c.Keys.keys.Load() == nil {
		return nil, errors.New("cookiestore: Config.Keys is missing: give cookiestore.NewRing(secret)")
	}
	if c.Cookie == "" {
		c.Cookie = "__Host-nguard-session"
	}
	if len(c.Audience) > 256 {
		return nil, errors.New("cookiestore: Config.Audience is longer than 256 bytes: use a short name")
	}
	if c.MaxSize == 0 {
		c.MaxSize = 3072
	}
	if c.MaxSize < 512 || c.MaxSize > nguard.MaxCookieToken {
		return nil, fmt.Errorf("cookiestore: Config.MaxSize: use 512 to %d bytes, or 0 for 3072", nguard.MaxCookieToken)
	}
	if c.Recheck == 0 {
		c.Recheck = time.Minute
	}
	if c.Recheck < time.Second {
		return nil, errors.New("cookiestore: Config.Recheck: use a second or more, or 0 for a minute")
	}
	if _, ok := nguard.Ability[nguard.CookieStore](c.Companion); ok {
		return nil, errors.New("cookiestore: Config.Companion keeps sessions in cookies itself: give a store that keeps rows, or nil")
	}
	p := forRow
	if c.Companion == nil {
		p = forBare
	}
	if c.Codec != nil {
		p += forRowClaim - forRow
	}
	return &Store{
		inner: c.Companion, codec: c.Codec, cookie: strings.Clone(c.Cookie), max: c.MaxSize, recheck: c.Recheck,
		box: newBox(c.Keys, p, c.Audience, c.Cookie),
	}, nil
}

// CookieName is Config.Cookie. See [nguard.CookieStore].
func (s *Store) CookieName() string { return s.cookie }

// MaxToken is Config.MaxSize. See [nguard.CookieStore].
func (s *Store) MaxToken() int { return s.max }

// Unwrap returns the companion, in which the epochs of users, lists, sweeping and transactions are found.
func (s *Store) Unwrap() any {
	if s.inner == nil {
		return bare{s}
	}
	return s.inner
}

// Lacks names what sealed cookies cannot promise: with a companion that no update is lost, and what the
// companion lacks itself; without one nearly everything. See [nguard.Partial].
func (s *Store) Lacks() []nguard.Promise {
	lacks := []nguard.Promise{nguard.NoLostUpdate}
	if s.inner == nil {
		return append(lacks, nguard.ReachesAll, nguard.CatchesThieves, nguard.StaysDead, nguard.ListsSessions, nguard.CapsSessions)
	}
	if p, ok := nguard.Ability[nguard.Partial](s.inner); ok {
		for _, lack := range p.Lacks() {
			if !slices.Contains(lacks, lack) {
				lacks = append(lacks, lack)
			}
		}
	}
	return lacks
}

// Create makes a row and seals the session together with the row's token. See [nguard.Store].
func (s *Store) Create(ctx context.Context, r *nguard.Record, c nguard.Cap) (nguard.Created, error) {
	if s.inner == nil {
		return s.createBare(r)
	}
	sized := *r
	sized.ID = strings.Repeat("A", 22) // as long as the one that the companion will make
	p, err := s.prepare(&sized, tokenRoom+1)
	if err != nil {
		return nguard.Created{}, err
	}
	made, err := s.inner.Create(ctx, strip(r), c)
	if err != nil {
		return nguard.Created{}, err
	}
	record := sized
	record.ID, record.Owner = made.ID, made.Owner
	var f nguard.Found
	if len(made.Live) > tokenRoom || len(made.ID) != len(sized.ID) {
		err = fmt.Errorf("cookiestore: the companion makes tokens of %d bytes and IDs of %d: give a store with at most %d and %d", len(made.Live), len(made.ID), tokenRoom, len(sized.ID))
	} else {
		p.raw = s.body(p.raw[:headLen], &record)
		f, err = s.found(made.Found, &record, p)
	}
	if err != nil {
		_ = s.inner.Delete(ctx, made.Owner, made.ID) // nobody holds its token: if it stays, it only counts for the cap until it expires
		return nguard.Created{}, err
	}
	return nguard.Created{Found: f, Ended: made.Ended}, nil
}

// ref is what a Found of this store refers to: the parts of what the companion found that are its own.
type ref struct {
	live string
	ref  any
}

// below is a Found as the companion knows it. Everything else is as the engine has it now, which may have
// lowered the match, or put the epoch after its own bump in.
func (r *ref) below(f nguard.Found) nguard.Found {
	if f.Live != "" {
		f.Live = r.live
	}
	f.Ref = r.ref
	return f
}

// found is a session as the companion has it, with its values, sealed together with the row's live token.
func (s *Store) found(in nguard.Found, whole *nguard.Record, p prepared) (f nguard.Found, err error) {
	f = in
	f.Record, f.Ref = whole, &ref{in.Live, in.Ref}
	if in.Live != "" {
		f.Live, err = s.finish(p, content{token: in.Live, record: whole})
	}
	return f, err
}

// Load opens the cookie and reads its row. See [nguard.Store].
//
// Rows, epochs, rotation and theft are judged on what the companion answers for the token in the cookie; the
// values are the cookie's own. Live is what was shown, unless the row's token has been replaced or the
// cookie was sealed with an older key, and a value with the newer one is short enough.
func (s *Store) Load(ctx context.Context, value string) (nguard.Found, error) {
	c, old, err := s.decode(value)
	if err != nil {
		return nguard.Found{}, err
	}
	if s.inner == nil {
		return s.loadBare(value, c, old)
	}
	in, err := s.inner.Load(ctx, c.token)
	if err != nil {
		return nguard.Found{}, err
	}
	if in.Record == nil || in.ID != c.record.ID || in.Owner != c.record.Owner {
		return nguard.Found{}, fmt.Errorf("%w: cookie and row are of different sessions", nguard.ErrCorrupt)
	}
	record := over(in, c.record)
	f := in
	f.Record, f.Ref = record, &ref{in.Live, in.Ref}
	if in.Live == "" {
		return f, nil
	}
	if f.Live = value; in.Live != c.token || old {
		f.Live = s.remade(value, content{token: in.Live, record: record})
	}
	return f, nil
}

// Replace stores the row if its version is still the one that was loaded, and seals next. Every Replace
// gives a new Live. See [nguard.Store].
//
// The row says which of two writers is the first, and the other one loads again; but it has no values, so
// what the second writes over is what its own browser has shown (P1 is not promised).
func (s *Store) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	if s.inner == nil {
		return s.replaceBare(f, next)
	}
	r, ok := f.Ref.(*ref)
	if !ok {
		return s.replaceRow(ctx, f, next, rotate)
	}
	if f.Live == "" && !sameData(f.Data, next.Data) {
		// The token that this request has shown was replaced twice while it ran. No value can carry what it
		// changes to a browser that holds a newer one.
		return nguard.Found{}, fmt.Errorf("%w: the cookie was replaced while the request ran", nguard.ErrUnavailable)
	}
	p, err := s.prepare(next, len(r.live)+1)
	if err != nil {
		return nguard.Found{}, err
	}
	got, err := s.inner.Replace(ctx, r.below(f), strip(next), rotate)
	if err != nil {
		return nguard.Found{}, err
	}
	return s.found(got, next, p)
}

// replaceRow replaces a row that no cookie led to: a job has found it. It can do what the row is for. Values
// of the users table reach the browser by their epoch; those of the session itself are in the cookie, which
// nobody but the browser's own requests can change.
func (s *Store) replaceRow(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	if !sameData(f.Data, next.Data) {
		return nguard.Found{}, fmt.Errorf("cookiestore: a session's values are in its cookie: only requests of its own browser can change them: %w", errors.ErrUnsupported)
	}
	got, err := s.inner.Replace(ctx, f, strip(next), rotate)
	if err == nil {
		got.Record = next // what the row does not hold is known all the same: nobody loses their role by being written
	}
	return got, err
}

func sameData(a, b map[string]any) bool {
	return string((&nguard.Record{Data: a}).Encode()) == string((&nguard.Record{Data: b}).Encode())
}

// Touch moves the idle clock, which the companion keeps. See [nguard.Store].
func (s *Store) Touch(ctx context.Context, f nguard.Found, at time.Time) (nguard.Found, error) {
	if s.inner == nil {
		return s.touchBare(f, at)
	}
	r, ok := f.Ref.(*ref)
	if !ok {
		return s.inner.Touch(ctx, f, at)
	}
	in, err := s.inner.Touch(ctx, r.below(f), at)
	if err != nil {
		return nguard.Found{}, err
	}
	f.LastSeen, f.SeenAt, f.Ref = in.LastSeen, in.SeenAt, &ref{r.live, in.Ref}
	return f, nil
}

// Delete removes the row. Without a companion there is none: ErrNoSession, and all that a logout does is to
// clear the cookie. See [nguard.Store].
func (s *Store) Delete(ctx context.Context, owner, id string) error {
	if s.inner == nil {
		return fmt.Errorf("%w: without a companion nothing is kept that could be removed", nguard.ErrNoSession)
	}
	return s.inner.Delete(ctx, owner, id)
}
