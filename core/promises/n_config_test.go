package promises

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/memstore"
)

// What is wrong in a Config does not start, and the error names the field (checklist N10, O4, H11).
func TestN10_BadConfig(t *testing.T) {
	users := guardtest.NewUsers()
	limits := nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited}
	known, unknown := policy.NewRole("admin"), policy.NewRole("ghost")
	roles, err := policy.NewModel(policy.Config{Roles: []*policy.Role{known}})
	if err != nil {
		t.Fatal(err)
	}
	theme := &nguard.Field[string]{Name: "theme", Write: policy.Self, Scope: nguard.InUser}
	role := &nguard.Field[string]{Name: "role", Write: known, Scope: nguard.InUser}
	tests := map[string]struct {
		c    nguard.Config
		want string
	}{
		"no store":                 {nguard.Config{}, "Config.Store"},
		"a promise not waived":     {nguard.Config{Store: partial{memstore.New()}, Waive: []nguard.Promise{nguard.StaysDead}}, "Config.Waive"},
		"no login limit":           {nguard.Config{Users: users, Limits: nguard.Limits{Update: nguard.Unlimited}}, "Config.Limits.Login"},
		"no update limit":          {nguard.Config{Users: users, Limits: nguard.Limits{Login: nguard.Unlimited}}, "Config.Limits.Update"},
		"SameSite None, no reason": {nguard.Config{Cookie: nguard.Cookie{SameSite: nguard.SameSiteNone}}, "Config.Cookie.SameSite"},
		"SameSite None, insecure":  {nguard.Config{Cookie: nguard.Cookie{SameSite: nguard.SameSiteNone, CrossSite: "embedded", Insecure: true}}, "Config.Cookie.SameSite"},
		"SameSite out of range":    {nguard.Config{Cookie: nguard.Cookie{SameSite: 9}}, "Config.Cookie.SameSite"},
		"cookie name with prefix":  {nguard.Config{Cookie: nguard.Cookie{Name: "__Host-x"}}, "Config.Cookie.Name"},
		"cookie name with CRLF":    {nguard.Config{Cookie: nguard.Cookie{Name: "a\r\nSet-Cookie: b"}}, "Config.Cookie.Name"},
		"cookie domain with ;":     {nguard.Config{Cookie: nguard.Cookie{Domain: "a.example; Path=/x"}}, "Config.Cookie.Domain"},
		"proxies: all of IPv4":     {nguard.Config{Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, "Config.Proxies"},
		"proxies: all of IPv6":     {nguard.Config{Proxies: []netip.Prefix{netip.MustParsePrefix("::/0")}}, "Config.Proxies"},
		"proxies: invalid":         {nguard.Config{Proxies: []netip.Prefix{{}}}, "Config.Proxies"},
		"origin: any":              {nguard.Config{Origins: []string{"*"}}, "Config.Origins"},
		"origin: wildcard":         {nguard.Config{Origins: []string{"https://*.example.com"}}, "Config.Origins"},
		"origin: null":             {nguard.Config{Origins: []string{"null"}}, "Config.Origins"},
		"origin: http twin":        {nguard.Config{Origins: []string{"https://a.example", "http://a.example"}}, "Config.Origins"},
		"origin: with path":        {nguard.Config{Origins: []string{"https://a.example/"}}, "Config.Origins"},
		"origin: user info":        {nguard.Config{Origins: []string{"https://a@b.example"}}, "Config.Origins"},
		"idle negative":            {nguard.Config{Lifetime: nguard.Lifetime{Idle: -1}}, "Config.Lifetime.Idle"},
		"idle enormous":            {nguard.Config{Lifetime: nguard.Lifetime{Idle: math.MaxInt64}}, "Config.Lifetime.Idle"},
		"idle above absolute":      {nguard.Config{Lifetime: nguard.Lifetime{Idle: 2 * time.Hour, Absolute: time.Hour}}, "Config.Lifetime.Idle"},
		"absolute negative":        {nguard.Config{Lifetime: nguard.Lifetime{Absolute: -time.Second}}, "Config.Lifetime.Absolute"},
		"absolute enormous":        {nguard.Config{Lifetime: nguard.Lifetime{Absolute: math.MaxInt64}}, "Config.Lifetime.Absolute"},
		"remember enormous":        {nguard.Config{Lifetime: nguard.Lifetime{Remember: math.MaxInt64}}, "Config.Lifetime.Remember"},
		"remember below absolute":  {nguard.Config{Lifetime: nguard.Lifetime{Remember: time.Hour}}, "Config.Lifetime.Remember"},
		"rotation in the grace":    {nguard.Config{Lifetime: nguard.Lifetime{RotateEvery: time.Second}}, "Config.Lifetime.RotateEvery"},
		"rotation negative":        {nguard.Config{Lifetime: nguard.Lifetime{RotateEvery: -1}}, "Config.Lifetime.RotateEvery"},
		"streams negative":         {nguard.Config{Streams: nguard.Streams{Poll: -1}}, "Config.Streams"},
		"timeout negative":         {nguard.Config{Timeout: -1}, "Config.Timeout"},
		"timeout enormous":         {nguard.Config{Timeout: math.MaxInt64}, "Config.Timeout"},
		"namespace with slash":     {nguard.Config{Namespace: "a/b"}, "Config.Namespace"},
		"sessions negative":        {nguard.Config{MaxSessions: -1}, "Config.MaxSessions"},
		"login page elsewhere":     {nguard.Config{LoginPage: "//evil.example"}, "Config.LoginPage"},
		"login page backslash":     {nguard.Config{LoginPage: `/\evil.example`}, "Config.LoginPage"},
		"login page absolute":      {nguard.Config{LoginPage: "https://evil.example"}, "Config.LoginPage"},
		"field nil":                {nguard.Config{Fields: []nguard.AnyField{nil}}, "Config.Fields[0]"},
		"field twice":              {nguard.Config{Fields: []nguard.AnyField{&nguard.Field[int]{Name: "a"}, &nguard.Field[int]{Name: "a"}}}, `"a"`},
		"fields fold":              {nguard.Config{Fields: []nguard.AnyField{&nguard.Field[int]{Name: "a"}, &nguard.Field[int]{Name: "A"}}}, `"A"`},
		"field of user.id":         {nguard.Config{Fields: []nguard.AnyField{&nguard.Field[string]{Name: "user.id"}}}, "Config.Fields[0]"},
		"field without name":       {nguard.Config{Fields: []nguard.AnyField{&nguard.Field[string]{}}}, "Config.Fields[0]"},
		"role in the session":      {nguard.Config{Fields: []nguard.AnyField{&nguard.Field[string]{Name: "role"}}}, `"role"`},
		"role without roles":       {nguard.Config{Users: users, Limits: limits, Fields: []nguard.AnyField{role}}, "Config.Roles"},
		"user field, no updater":   {nguard.Config{Users: readOnly{users}, Limits: limits, Fields: []nguard.AnyField{theme}}, "UserUpdater"},
		"policy of an unknown role": {nguard.Config{Users: users, Limits: limits, Roles: roles,
			Fields: []nguard.AnyField{&nguard.Field[string]{Name: "role", Scope: nguard.InUser, Write: unknown}}}, `"role"`},
		"admin of an unknown role": {nguard.Config{Users: users, Limits: limits, Roles: roles, Admin: unknown}, "Config.Admin"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.c.Store == nil && name != "no store" {
				test.c.Store = memstore.New()
			}
			g, err := nguard.New(test.c)
			if err == nil || g != nil {
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error does not name %s: %v", test.want, err)
			}
		})
	}
	g, err := nguard.New(nguard.Config{Store: memstore.New()}) // the table proves nothing if nothing starts
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// readOnly is Users without the rest.
type readOnly struct{ nguard.Users }

// partial is a store that says what it lacks.
type partial struct{ *memstore.Store }

func (partial) Lacks() []nguard.Promise {
	return []nguard.Promise{nguard.StaysDead, nguard.NoLostUpdate}
}

func TestWaive(t *testing.T) {
	_, err := nguard.New(nguard.Config{Store: partial{memstore.New()}})
	if err == nil || !strings.Contains(err.Error(), "nguard.StaysDead") {
		t.Errorf("the error is %v, which names no promise to waive", err)
	}
	if _, err := nguard.New(nguard.Config{Store: partial{memstore.New()}, Waive: []nguard.Promise{nguard.NoLostUpdate, nguard.StaysDead}}); err != nil {
		t.Error(err)
	}
}
