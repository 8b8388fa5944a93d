package browsertest

import (
	"context"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// TwoGuards asks one application of two guards, each with its endpoints below "/staff" or "/shop" and an "admin" page
// there that says whom that guard knows. In a post to "/both" the application calls both. The guards have cookies and
// sessions of their own, also for the same person, in one answer.
func TwoGuards(t *testing.T, serve func(staff, shop *nguard.Guard, both func(context.Context)) *Client) {
	guard := func(name string) *nguard.Guard {
		return NewGuard(t, func(c *nguard.Config) { c.Namespace, c.Cookie.Name = name, name })
	}
	staff, shop := guard("staff"), guard("shop")
	c := serve(staff, shop, func(ctx context.Context) {
		for g, id := range map[*nguard.Guard]string{staff: "ann", shop: "bob"} {
			r, ok := g.Of(ctx)
			if !ok {
				t.Error("not installed")
			}
			if _, err := r.Login(ctx, id, nguard.LoginOptions{}); err != nil {
				t.Errorf("login: %v", err)
			}
		}
	})
	c.Do("POST", "/staff/api/auth/login", Credentials("ann")).Expect(200)
	c.Get("/staff/admin").Expect(200).Says("ann")
	c.Get("/shop/admin").Refused(401, "no_session")
	c.Cookies[shop.CookieName()] = c.Cookies[staff.CookieName()]
	c.Get("/shop/admin").Refused(401, "no_session")
	c = c.Other()
	if a := c.Do("POST", "/both", "").Expect(200); len(a.Names()) != 2 {
		t.Errorf("cookies %q", a.Names())
	}
	c.Get("/staff/admin").Expect(200).Says("ann")
	c.Get("/shop/admin").Refused(403, "forbidden")
	c.Do("POST", "/staff/api/auth/logout", "").Expect(200)
	c.Get("/staff/admin").Refused(401, "no_session")
	c.Get("/shop/admin").Refused(403, "forbidden")
}
