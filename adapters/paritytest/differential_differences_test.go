package paritytest

// frameworkDifferences is all that differs: entries, what net/http, gin and fiber answer, in what gin and fiber
// differ from net/http, the plain request that it is taken for where one takes what another refuses, and why.
var frameworkDifferences = []difDifference{
	{[]string{
		"C: control byte in a value", "C: DEL in a value", "C: NUL in a value", "C: bare CR in a value", "H: value with two CRs",
		"L: escape codes in an agent", "P4: method that is none", "P4: no method", "P5: absolute target with an encoded host",
		"P5: absolute target with a backslash", "P5: Host with a backslash", "P5: no Host", "P5: no Host, a write",
		"P5: two Hosts", "P5: the same Host twice", "P5: Host with a path", "P5: Host with a space", "P5: HTTP/0.9",
		"P5: protocol in lower case", "P5: two spaces in the request line", "P5: space in the target",
		"P5: target without a slash", "P2: first line folded", "P2: space before the colon", "P2: line without a colon",
		"P2: line without a name", "P2: name that is not ASCII", "P2: NUL in a name", "P2: two lengths", "P2: list of lengths",
		"P2: length with a sign", "P2: negative length", "P2: hexadecimal length", "P2: empty length",
	}, "400 plain", "400 plain", "400 plain", "fiber: body", "", difWhyWords},
	{[]string{"E: Content-Length too small"}, "400 json + 400 plain", "400 json + 400 plain", "400 json + 400 plain", "fiber: body", "", difWhyWords},
	{[]string{
		"E: chunk size with a sign", "E: chunk size that is none", "E: chunk longer than its size", "E: chunks cut",
		"E: Content-Length too large", "P2: chunks over HTTP/1.0",
	}, "400 json", "400 json", "400 plain", "fiber: body, Content-Type, Nguard-Session-Version, Vary, records, security headers", "", difWhyBody},
	{[]string{"E: Content-Length of 5 MB"}, "413 json", "413 json", "413 plain", "fiber: body, Content-Type, Nguard-Session-Version, Vary, records, security headers", "", difWhyLimit},
	{[]string{"E: Content-Length of 5 MB, nobody"}, "413 json", "413 json", "413 plain", "fiber: body, Content-Type, Vary, records, security headers", "", difWhyLimit},
	{[]string{"E: Content-Length of 5 MB, cross-site"}, "403 json", "403 json", "413 plain", "fiber: status, body, Content-Type, Vary, records, security headers", "", difWhyLimit},
	{[]string{"E: Content-Length of 5 MB to a page"}, "200 plain", "200 plain", "413 plain", "fiber: status, body, Cache-Control, Nguard-Session-Version, Set-Cookie, Vary, records, state", "story: visits", difWhyLimit},
	{[]string{"errors: body of 5 MB", "errors: body of 5 MB, encoded path"}, "413 json", "413 json", "413 json", "fiber: Nguard-Session-Version, Vary, records", "", difWhyErrors},
	{[]string{"errors: body of 5 MB, nobody"}, "413 json", "413 json", "413 json", "fiber: body, Vary, records", "", difWhyErrors},
	{[]string{"errors: body of 5 MB, cross-site"}, "403 json", "403 json", "413 json", "fiber: status, body, Vary, records", "", difWhyErrors},
	{[]string{"errors: body of 5 MB below a mount"}, "404 plain", "404 plain", "413 json", "fiber: status, body, Content-Type, Nguard-Session-Version, Vary, security headers", "", difWhyErrors},
	{[]string{"errors: body of 5 MB to a page"}, "404 plain", "404 plain", "413 plain", "fiber: status, body, Nguard-Session-Version, Vary", "", difWhyErrors},
	{[]string{"errors: body of 5 MB to logout"}, "200 json", "200 json", "413 json", "fiber: status, body, Nguard-Session-Version, Set-Cookie, Vary, records, state", "logout", difWhyErrors},
	{[]string{"errors: chunk size that is none", "errors: chunks cut", "errors: Content-Length too large"}, "400 json", "400 json", "400 json", "fiber: Nguard-Session-Version, Vary, records", "", difWhyErrors},
	{[]string{"errors: multipart that is none"}, "415 json", "415 json", "400 json", "fiber: status, body, Nguard-Session-Version, Vary, records", "", difWhyErrors},
	{[]string{"errors: header of 8 KiB"}, "200 json", "200 json", "431 json", "fiber: status, body, Nguard-Session-Version, Set-Cookie, Vary, records, state", "update, nested", difWhyErrors},
	{[]string{"C: 8 KiB"}, "200 plain", "200 plain", "431 plain", "fiber: status, body, Nguard-Session-Version, Vary", "story: who", difWhyHeader},
	{[]string{"E: multipart that is none"}, "415 json", "415 json", "400 plain", "fiber: status, body, Content-Type, Nguard-Session-Version, Vary, records, security headers", "", difWhyMultipart},
	{[]string{"A: token in a trailer"}, "401 json", "401 json", "400 plain", "fiber: status, body, Content-Type, Vary, security headers", "", difWhyTrailer},
	{[]string{"P2: trailer that was not announced"}, "200 json", "200 json", "400 plain", "fiber: status, body, Content-Type, Nguard-Session-Version, Set-Cookie, Vary, records, state, security headers", "update, nested", difWhyTrailer},
	{[]string{"P4: PROPFIND an endpoint", "P4: get in lower case", "P4: post in lower case"}, "405 json", "405 json", "400 plain", "fiber: status, body, Allow, Content-Type, Nguard-Session-Version, Vary, records, security headers", "", difWhyMethod},
	{[]string{"P4: PROPFIND a page", "P4: Get a page"}, "404 plain", "404 plain", "400 plain", "fiber: status, body, Nguard-Session-Version, Vary", "", difWhyMethod},
	{[]string{"P4: PROPFIND from elsewhere"}, "403 json", "403 json", "400 plain", "fiber: status, body, Content-Type, Vary, records, security headers", "", difWhyMethod},
	{[]string{"H: host in the path, own Origin"}, "307", "404 plain", "404 plain", "gin: status, body, Content-Type, Location; fiber: status, body, Content-Type, Location", "", difWhyClean},
	{[]string{
		"P3: two slashes at the start", "P3: two slashes inside", "P3: dot segment", "P3: dot segments up",
		"P3: page with two slashes", "P3: page behind a host", "P3: page behind a host, admin", "P3: endpoint behind a host",
		"P3: page with dots", "P5: absolute target without a path",
	}, "307 html", "404 plain", "404 plain", "gin: status, body, Content-Type, Location; fiber: status, body, Content-Type, Location", "", difWhyClean},
	{[]string{"H: host in the path, a scheme in the query", "H: host in the path, a scheme in the query, an endpoint"}, "403 json", "403 json", "403 json", "fiber: records", "", difWhyTwoSlashes},
	{[]string{"H: host in the path, a scheme in the query, own Origin"}, "307", "404 plain", "200 plain", "gin: status, body, Content-Type, Location; fiber: status, body, Cache-Control, Content-Type, Location, Nguard-Session-Version, Set-Cookie, records, state", "H: own Origin", difWhyTwoSlashes},
	{[]string{"P3: page behind a host, a scheme in the query"}, "307 html", "404 plain", "403 json", "gin: status, body, Content-Type, Location; fiber: status, body, Content-Type, Location, records, security headers", "", difWhyTwoSlashes},
	{[]string{"P3: page behind a host, a scheme in the query, admin"}, "307 html", "404 plain", "200 plain", "gin: status, body, Content-Type, Location; fiber: status, body, Content-Type, Location", "story: admin page, admin", difWhyTwoSlashes},
	{[]string{"P3: endpoint behind a host, a scheme in the query"}, "307 html", "404 plain", "200 json", "gin: status, body, Content-Type, Location; fiber: status, body, Content-Type, Etag, Location, Nguard-Session-Expires-In, security headers", "session", difWhyTwoSlashes},
	{[]string{"P3: mount, two slashes", "P3: mount, dots"}, "307 html", "404 plain", "404 plain", "gin: status, body, Content-Type, Location; fiber: status, body, Content-Type, Location, Nguard-Session-Version, Vary", "", difWhyClean},
	{[]string{"P3: page with a slash at the end", "P3: param with a slash at the end"}, "404 plain", "301 html", "403 json", "gin: status, body, Content-Type, Location, Nguard-Session-Version, Vary; fiber: status, body, Content-Type, records, security headers", "", difWhySlash},
	{[]string{"own: login with a slash"}, "404 json", "307", "404 json", "gin: status, body, Content-Type, Location, Vary, records, security headers", "", difWhyOwnslash},
	{[]string{"own: login in capitals"}, "404 plain", "404 plain", "200 plain", "fiber: status, body, Cache-Control, Nguard-Session-Version, Set-Cookie, records, state", "own: login", difWhyCase},
	{[]string{"P3: page in capitals"}, "404 plain", "404 plain", "403 json", "fiber: status, body, Content-Type, records, security headers", "", difWhyCase},
	{[]string{"P3: page in capitals, admin"}, "404 plain", "404 plain", "200 plain", "fiber: status, body", "story: admin page, admin", difWhyCase},
	{[]string{"P3: mount in capitals"}, "404 plain", "404 plain", "200 json", "fiber: status, body, Content-Type, Etag, Nguard-Session-Expires-In, Nguard-Session-Version, Vary, security headers", "mount: session", difWhyCase},
	{[]string{"own: login, a letter encoded"}, "200 plain", "200 plain", "404 plain", "fiber: status, body, Cache-Control, Nguard-Session-Version, Set-Cookie, records, state", "own: login", difWhyDecode},
	{[]string{"P3: page with an encoded letter"}, "403 json", "403 json", "404 plain", "fiber: status, body, Content-Type, records, security headers", "", difWhyDecode},
	{[]string{"P3: mount, encoded letter"}, "404 plain", "200 json", "404 plain", "gin: status, body, Cache-Control, Content-Security-Policy, Content-Type, Cross-Origin-Resource-Policy, Etag, Nguard-Session-Expires-In, Nguard-Session-Version, Referrer-Policy, Vary; fiber: body, X-Content-Type-Options", "mount: session", difWhyDecode},
	{[]string{"P3: param with an encoded slash"}, "403 json", "404 plain", "403 json", "gin: status, body, Content-Type, records, security headers", "", difWhySlashenc},
	{[]string{"P3: encoding cut", "P3: encoding that is none"}, "400 plain", "400 plain", "404 json", "fiber: status, body, Content-Type, Nguard-Session-Version, Vary, records, security headers", "", difWhyInvalid},
	{[]string{"P3: encoding that is none, a page"}, "400 plain", "400 plain", "404 plain", "fiber: status, body, Nguard-Session-Version, Vary", "", difWhyInvalid},
	{[]string{"P3: fragment"}, "404 json", "404 json", "200 json", "fiber: status, body, Etag, Nguard-Session-Expires-In, records", "session", difWhyFragment},
	{[]string{"mount: admin page, user", "mount: visits, cross-site"}, "403 json", "403 json", "403 json", "gin: records; fiber: records", "", difWhyStrip},
	{[]string{"mount: visits"}, "200 plain", "200 plain", "200 plain", "gin: records; fiber: records", "", difWhyStrip},
	{[]string{"story: stream, HEAD"}, "200 event-stream", "200 event-stream", "200 event-stream", "fiber: Transfer-Encoding", "", difWhyStream},
	{[]string{"P4: OPTIONS *"}, "200", "200", "404 plain", "fiber: status, body, Content-Type, Nguard-Session-Version, Vary", "", difWhyStar},
	{[]string{"P4: CONNECT a host"}, "404 plain", "404 plain", "404 plain", "gin: body, X-Content-Type-Options; fiber: body, X-Content-Type-Options", "", difWhyConnect},
	{[]string{"P4: CONNECT a host from elsewhere"}, "403 json", "403 json", "403 json", "fiber: records", "", difWhyAuthority},
	{[]string{"H: Kelvin sign in Host", "P5: Host with userinfo"}, "400 plain", "400 plain", "403 json", "fiber: status, body, Content-Type, Vary, records, security headers", "", difWhyHost},
	{[]string{"P5: Host that is not ASCII", "P5: Host with a quote"}, "400 plain", "400 plain", "200 plain", "fiber: status, body, Nguard-Session-Version, Vary", "story: who", difWhyHostRead},
	{[]string{"P5: Host with a port that is none"}, "200 plain", "200 plain", "400 plain", "fiber: status, body, Nguard-Session-Version, Vary", "story: who", difWhyHostPort},
	{[]string{"P5: absolute target without a path, from elsewhere"}, "403 json", "403 json", "403 json", "fiber: records", "", difWhyNoPath},
	{[]string{"P5: Host with a percent sign"}, "403 json", "403 json", "400 plain", "fiber: status, body, Content-Type, Vary, records, security headers", "", difWhyHostpct},
	{[]string{"P5: empty Host"}, "200 plain", "200 plain", "400 plain", "fiber: status, body, Cache-Control, Nguard-Session-Version, Set-Cookie, Vary, records, state", "story: visits", difWhyHostempty},
	{[]string{"P5: absolute target with no host"}, "200 plain", "200 plain", "403 json", "fiber: status, body, Content-Security-Policy, Content-Type, Cross-Origin-Resource-Policy, Nguard-Session-Version, Referrer-Policy, Set-Cookie, Vary, X-Content-Type-Options, records, state", "story: visits", difWhyNohost},
	{[]string{"P5: absolute target with one slash"}, "404 plain", "404 plain", "400 plain", "fiber: status, body, Nguard-Session-Version, Vary", "", difWhyTarget},
	{[]string{"P5: HTTP/2.0 by name"}, "505 plain", "505 plain", "200 plain", "fiber: status, body, Nguard-Session-Version, Vary", "story: who", difWhyVersion},
	{[]string{"P2: space in a name"}, "400 plain", "400 plain", "200 plain", "fiber: status, body, Nguard-Session-Version, Vary", "story: public page, signed in", difWhyName},
	{[]string{"P2: empty line first"}, "400 plain", "400 plain", "200 plain", "fiber: status, body, Nguard-Session-Version, Vary", "story: who", difWhyEmpty},
	{[]string{"P2: the same length twice"}, "200 json", "200 json", "400 plain", "fiber: status, body, Content-Type, Nguard-Session-Version, Set-Cookie, Vary, records, state, security headers", "update, nested", difWhyLengths},
	{[]string{"P2: unknown transfer encoding", "P2: two transfer encodings"}, "501 plain", "501 plain", "400 plain", "fiber: status, body", "", difWhyTe},
	{[]string{"P2: identity transfer encoding"}, "501 plain", "501 plain", "200 json", "fiber: status, body, Content-Type, Nguard-Session-Version, Set-Cookie, Vary, records, state, security headers", "update, nested", difWhyIdentity},
	{[]string{"P2: unknown Expect"}, "417", "417", "200 json", "fiber: status, body, Content-Type, Nguard-Session-Version, Set-Cookie, Vary, records, state, security headers", "update, nested", difWhyExpect},
	{[]string{"P2: unknown Expect of a page"}, "417", "417", "200 plain", "fiber: status, body, Content-Type, Nguard-Session-Version, Vary", "story: who", difWhyExpect},
}

// The reasons.
const (
	difWhyWords      = "Bytes that are no request: each server refuses them in words of its own, before any handler."
	difWhyBody       = "fasthttp reads a body before any handler, and refuses a broken one itself, as text. fiberguard.ErrorHandler makes it JSON."
	difWhyLimit      = "fiber.Config.BodyLimit, 4 MiB, refuses before any handler, as text. fiberguard.ErrorHandler makes it JSON. The 10 KiB of nguard are the same everywhere."
	difWhyErrors     = "With fiberguard.ErrorHandler: refused before any handler, so that nobody is looked up and nothing recorded."
	difWhyHeader     = "fiber.Config.ReadBufferSize holds 4096 bytes of header, net/http takes 1 MiB."
	difWhyMultipart  = "fasthttp takes multipart bodies apart before any handler, and refuses what is none, as text. fiberguard.ErrorHandler makes it JSON."
	difWhyTrailer    = "fasthttp refuses trailers that must not be one, net/http leaves them out."
	difWhyMethod     = "fiber refuses methods that fiber.Config.RequestMethods does not list, and lower-case ones, before any handler and without its ErrorHandler."
	difWhyClean      = "ServeMux redirects to the path as it cleans it. gin and fiber look for the path as it is."
	difWhyTwoSlashes = "fasthttp takes what stands behind two slashes for a host, if there is a :// further on, and fiber routes what is left of the path. nguard compares the Origin with Host, and the rule of the matched route holds."
	difWhySlash      = "gin redirects to the path without the slash before any middleware. fiber takes both for one route unless StrictRouting is set, and that route's rule holds."
	difWhyOwnslash   = "gin redirects to the route without the slash before any middleware."
	difWhyCase       = "fiber routes without regard to case unless CaseSensitive is set. The rule of the matched route holds."
	difWhyDecode     = "fiber routes the path as it was sent unless UnescapePath is set; the others route the decoded path. The rule of the matched route holds."
	difWhySlashenc   = "gin routes the decoded path, in which %2f is a slash. The others keep it inside of the parameter."
	difWhyInvalid    = "net/http refuses a target that cannot be decoded. fiber takes it as it is, and nothing has that name."
	difWhyFragment   = "fasthttp cuts a fragment off the target. For net/http it is part of the path, since no request has one."
	difWhyStrip      = "http.StripPrefix has taken the mount away before nguard looks: records have the path without it."
	difWhyStream     = "fasthttp says to HEAD how the stream would be encoded."
	difWhyStar       = "http.Server answers OPTIONS * itself, before any handler."
	difWhyConnect    = "ServeMux has an answer of its own to CONNECT."
	difWhyAuthority  = "The target of CONNECT is no path. Records have an empty one with net/http, the target with fasthttp."
	difWhyHost       = "net/http refuses a Host that cannot be one. fasthttp hands it on, and nguard refuses: it is not the Origin's."
	difWhyHostRead   = "net/http refuses a Host that cannot be one. fasthttp hands it on. nguard looks at it for the Origin of a write only, which it cannot match."
	difWhyHostPort   = "fasthttp refuses a port that is no number, net/http hands it on."
	difWhyNoPath     = "Where an absolute target has no path, records have an empty one with net/http, and / with fasthttp."
	difWhyHostpct    = "fasthttp refuses a percent sign in Host. net/http hands it on, and nguard refuses: it is not the Origin's."
	difWhyHostempty  = "fasthttp refuses an empty Host, net/http takes it."
	difWhyNohost     = "net/http takes the Host line when the target names no host. With fasthttp the host is empty then, and no Origin is its own."
	difWhyTarget     = "fasthttp refuses a scheme without a host, net/http takes it for a path that nothing has."
	difWhyVersion    = "fasthttp takes HTTP/2.0 in a request line for HTTP/1.1."
	difWhyName       = "fasthttp lets a space pass in the name of a header. nguard reads names to the byte."
	difWhyEmpty      = "fasthttp skips empty lines in front of a request, as RFC 9112 advises."
	difWhyLengths    = "net/http takes lengths that agree for one, fasthttp refuses them."
	difWhyTe         = "net/http answers 501 to encodings that it does not know, fasthttp 400."
	difWhyIdentity   = "fasthttp takes identity for no encoding, and the length counts. net/http refuses it."
	difWhyExpect     = "net/http refuses an expectation that it does not know, fasthttp passes over it."
)
