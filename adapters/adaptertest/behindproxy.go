package adaptertest

import (
	"net/netip"

	nguard "github.com/nguard-go/nguard/core"
)

// behindProxy trusts the suite's own client as a proxy, so that it can be anybody by X-Forwarded-For.
func behindProxy(c *nguard.Config) {
	c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
}
