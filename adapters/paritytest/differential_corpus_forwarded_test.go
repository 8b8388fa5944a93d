package paritytest

import "strings"

// difSeen is a refusal that leaves a record with the client's address, with header lines that speak of it.
func difSeen(lines ...string) string { return difGet("/admin", append([]string{asUser}, lines...)...) }

// difForwarded is group I: who the client is said to be.
var difForwarded = []difEntry{
	{"I: X-Forwarded-For from nobody's proxy", difPlain, difSeen("X-Forwarded-For: 203.0.113.9"), difNext},
	{"I: all other headers from nobody's proxy", difPlain, difSeen("X-Real-IP: 203.0.113.9", "Forwarded: for=203.0.113.9;proto=https", "CF-Connecting-IP: 203.0.113.9", "True-Client-IP: 203.0.113.9", "X-Client-IP: 203.0.113.9"), difNext},
	{"I: X-Request-Id from nobody's proxy", difPlain, difSeen("X-Request-Id: from-proxy-1"), difNext},
	{"I: limit, two addresses claimed", difPlain, difGet("/limited", "X-Forwarded-For: 203.0.113.1") + difGet("/limited", "X-Forwarded-For: 203.0.113.2"), difNext},
	{"I: limit, two addresses by a proxy", difProxied, difGet("/limited", "X-Forwarded-For: 203.0.113.1") + difGet("/limited", "X-Forwarded-For: 203.0.113.2"), difNext},
	{"I: limit, left side turned", difProxied, difGet("/limited", "X-Forwarded-For: 1.1.1.1, 203.0.113.1") + difGet("/limited", "X-Forwarded-For: 2.2.2.2, 203.0.113.1"), difNext},
	{"I: one hop", difProxied, difSeen("X-Forwarded-For: 203.0.113.9"), difNext},
	{"I: proxies in between", difProxied, difSeen("X-Forwarded-For: 198.51.100.1, 203.0.113.9, 10.0.0.1, 10.1.1.1"), difNext},
	{"I: lower-case header", difProxied, difSeen("x-forwarded-for: 203.0.113.9"), difNext},
	{"I: two lines", difProxied, difSeen("X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 203.0.113.9"), difNext},
	{"I: two lines in two cases", difProxied, difSeen("X-FORWARDED-FOR: 203.0.113.9", "x-forwarded-for: 10.0.0.7"), difNext},
	{"I: empty line after it", difProxied, difSeen("X-Forwarded-For: 203.0.113.9", "X-Forwarded-For:"), difNext},
	{"I: underscores", difProxied, difSeen("X_Forwarded_For: 203.0.113.9"), difNext},
	{"I: port", difProxied, difSeen("X-Forwarded-For: 203.0.113.9:4711"), difNext},
	{"I: IPv6", difProxied, difSeen("X-Forwarded-For: 2001:db8::9"), difNext},
	{"I: IPv6 with port", difProxied, difSeen("X-Forwarded-For: [2001:db8::9]:4711"), difNext},
	{"I: IPv6 with zone", difProxied, difSeen("X-Forwarded-For: fe80::1%eth0"), difNext},
	{"I: mapped IPv4", difProxied, difSeen("X-Forwarded-For: ::ffff:203.0.113.9"), difNext},
	{"I: octal", difProxied, difSeen("X-Forwarded-For: 203.0.113.011"), difNext},
	{"I: junk on the right", difProxied, difSeen("X-Forwarded-For: 203.0.113.9, junk"), difNext},
	{"I: junk on the left", difProxied, difSeen("X-Forwarded-For: junk, 203.0.113.9"), difNext},
	{"I: empty elements", difProxied, difSeen("X-Forwarded-For: 203.0.113.9,,"), difNext},
	{"I: loopback claimed", difProxied, difSeen("X-Forwarded-For: 127.0.0.1"), difNext},
	{"I: proxies only", difProxied, difSeen("X-Forwarded-For: 10.0.0.1, 10.0.0.2"), difNext},
	{"I: quoted", difProxied, difSeen(`X-Forwarded-For: "203.0.113.9"`), difNext},
	{"I: not UTF-8", difProxied, difSeen("X-Forwarded-For: 203.0.113.9\xff"), difNext},
	{"I: a long list", difProxied, difSeen("X-Forwarded-For: " + strings.Repeat("10.0.0.1, ", 200) + "203.0.113.9"), difNext},
	{"I: X-Request-Id of a proxy", difProxied, difSeen("X-Request-Id: from-proxy-1"), difNext},
	{"I: X-Request-Id of a proxy, a fault", difProxied, difGet("/fault", "X-Request-Id: from-proxy-1"), difNext},
	{"I: two X-Request-Ids", difProxied, difSeen("X-Request-Id: from-proxy-1", "X-Request-Id: from-proxy-2"), difNext},
	{"I: login from afar", difProxied, difPost("/api/auth/login", difRight, asJSON, "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "User-Agent: Browser/1.0"), difNext},
}

// difText is group L: text that would be something else in a log, a page or a header.
var difText = []difEntry{
	{"L: markup in an agent", difPlain, difSeen("User-Agent: <script>alert(1)</script>"), difNext},
	{"L: escape codes in an agent", difPlain, difSeen("User-Agent: \x1b[31mred"), difNext},
	{"L: encoded line end in an agent", difPlain, difSeen("User-Agent: a%0d%0aSet-Cookie: x=1"), difNext},
	{"L: bidi in an agent", difPlain, difSeen("User-Agent: a\u202eb\u2066c"), difNext},
	{"L: line separators in an agent", difPlain, difSeen("User-Agent: a\u2028b\u0085c"), difNext},
	{"L: agent that is not UTF-8", difPlain, difSeen("User-Agent: a\xffb\xc3"), difNext},
	{"L: long agent", difPlain, difSeen("User-Agent: " + strings.Repeat("long ", 300)), difNext},
	{"L: two agents", difPlain, difSeen("User-Agent: first", "User-Agent: second"), difNext},
	{"L: empty agent", difPlain, difSeen("User-Agent:"), difNext},
	{"L: tab in an agent", difPlain, difSeen("User-Agent: a\tb"), difNext},
	{"L: markup in a path", difPlain, difGet("/api/auth/%3Cscript%3Ealert(1)%3C/script%3E", asUser), difNext},
	{"L: line end in a path", difPlain, difGet("/api/auth/x%0d%0aSet-Cookie:%20a=b", asUser), difNext},
	{"L: bidi in a path", difPlain, difGet("/api/auth/users/%e2%80%ae/sessions", asUser), difNext},
	{"L: escape codes in a path", difPlain, difGet("/api/auth/users/%1b[31m/sessions", asUser), difNext},
	{"L: long path", difPlain, difGet("/api/auth/users/"+strings.Repeat("a", 1000)+"/sessions", asUser), difNext},
	{"L: percent signs in a path", difPlain, difGet("/api/auth/users/%25s%25n/sessions", asUser), difNext},
	{"L: quotes and semicolons in a path", difPlain, difGet("/api/auth/users/x';drop%20table%20users;--/sessions", asAdmin), difNext},
	{"L: markup in a value", difPlain, difUpdateJSON(`{"theme":"<img src=x onerror=alert(1)>"}`), difNext},
	{"L: markup that is stored", difPlain, difUpdateJSON(`{"draft":"<b>\u2028</b>&"}`), difNext},
	{"L: line ends in a value", difPlain, difUpdateJSON(`{"draft":"a\r\nSet-Cookie: x=1"}`), difNext},
	{"L: bidi in a value", difPlain, difUpdateJSON(`{"draft":"a\u202eb"}`), difNext},
	{"L: NUL in a value", difPlain, difUpdateJSON(`{"draft":"a\u0000b"}`), difNext},
	{"L: markup in an unknown key", difPlain, difUpdateJSON(`{"<script>":1}`), difNext},
	{"L: line end in an account", difPlain, difPost("/api/auth/login", `{"email":"a\r\nb","password":"x"}`, asJSON), difNext},
	{"L: line end in a person", difPlain, difPost("/api/auth/update-role", `{"userId":"a\r\nb","newRole":"user"}`, asAdmin, ownSite, asJSON), difNext},
	{"L: canary password", difPlain, difPost("/api/auth/login", `{"email":"user@example.com","password":"canary-password"}`, asJSON), difNext},
	{"L: no markup in a page that Accept asks for", difPlain, difGet("/api/auth/nothing", "Accept: text/html"), difNext},
	{"L: problem document asked for", difPlain, difGet("/who", "Accept: application/problem+json"), difNext},
}
