package paritytest

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"strings"
)

// difPacked packs a body as a client with Content-Encoding does.
func difPacked(body string, make func(io.Writer) io.WriteCloser) string {
	var b bytes.Buffer
	w := make(&b)
	_, _ = io.WriteString(w, body)
	_ = w.Close()
	return b.String()
}

func difGzip(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

func difDeflate(w io.Writer) io.WriteCloser {
	z, _ := flate.NewWriter(w, flate.BestSpeed) // the level is one of those there are
	return z
}

// difBodies is group E: what a body can hold.
var difBodies = []difEntry{
	{"E: repeated key", difPlain, difUpdateJSON(`{"theme":"dark","theme":"light"}`), difNext},
	{"E: key in another case", difPlain, difUpdateJSON(`{"theme":"dark","THEME":"light"}`), difNext},
	{"E: long s", difPlain, difUpdateJSON(`{"permissionſ":["*"]}`), difNext},
	{"E: byte order mark", difPlain, difUpdateJSON("\ufeff" + difDark), difNext},
	{"E: trailing bytes", difPlain, difUpdateJSON(difDark + "x"), difNext},
	{"E: second document", difPlain, difUpdateJSON(difDark + difDark), difNext},
	{"E: trailing space", difPlain, difUpdateJSON(" " + difDark + "\r\n\t "), difNext},
	{"E: trailing NUL", difPlain, difUpdateJSON(difDark + "\x00"), difNext},
	{"E: null", difPlain, difUpdateJSON(`null`), difNext},
	{"E: array", difPlain, difUpdateJSON(`[{"theme":"dark"}]`), difNext},
	{"E: string", difPlain, difUpdateJSON(`"theme"`), difNext},
	{"E: cut", difPlain, difUpdateJSON(`{"data":{"theme":`), difNext},
	{"E: nested 200 deep", difPlain, difUpdateJSON(strings.Repeat(`{"data":`, 200) + "1" + strings.Repeat("}", 200)), difNext},
	{"E: nested 3000 deep", difPlain, difUpdateJSON(strings.Repeat("[", 3000) + strings.Repeat("]", 3000)), difNext},
	{"E: wrong type", difPlain, difUpdateJSON(`{"theme":["dark"]}`), difNext},
	{"E: number too large", difPlain, difUpdateJSON(`{"theme":1e400}`), difNext},
	{"E: invalid UTF-8", difPlain, difUpdateJSON("{\"draft\":\"\xff\"}"), difNext},
	{"E: lone surrogate", difPlain, difUpdateJSON(`{"draft":"\ud800"}`), difNext},
	{"E: role is no string", difPlain, difPost("/api/auth/update-role", `{"userId":"user","newRole":["admin"]}`, asAdmin, ownSite, asJSON), difNext},
	{"E: user is a number", difPlain, difPost("/api/auth/update-role", `{"userId":7,"newRole":"user"}`, asAdmin, ownSite, asJSON), difNext},
	{"E: field in query and body", difPlain, difPost("/api/auth/update?theme=light&role=admin", difDark, asUser, ownSite, asJSON), difNext},
	{"E: no body", difPlain, difUpdate("", asJSON), difNext},
	{"E: no body, no type", difPlain, difUpdate(""), difNext},
	{"E: Content-Length 0", difPlain, difUpdate("", asJSON, "Content-Length: 0"), difNext},
	{"E: a body where none belongs", difPlain, difSend("DELETE /api/auth/sessions", `{"all":true}`, asUser, ownSite, asJSON), difNext},
	{"E: a body with GET", difPlain, difSend("GET /api/auth/session", difDark, asUser, asJSON), difNext},
	{"E: a body with HEAD", difPlain, difSend("HEAD /api/auth/validate", difDark, asUser, asJSON), difNext},
}

// difTypes is group E: what a body can say it is.
var difTypes = []difEntry{
	{"E: gzip", difPlain, difUpdate(difPacked(difDark, difGzip), asJSON, "Content-Encoding: gzip"), difNext},
	{"E: deflate", difPlain, difUpdate(difPacked(difDark, difDeflate), asJSON, "Content-Encoding: deflate"), difNext},
	{"E: br", difPlain, difUpdate(difDark, asJSON, "Content-Encoding: br"), difNext},
	{"E: identity", difPlain, difUpdate(difDark, asJSON, "Content-Encoding: identity"), difNext},
	{"E: empty encoding", difPlain, difUpdate(difDark, asJSON, "Content-Encoding:"), difNext},
	{"E: gzip without saying so", difPlain, difUpdate(difPacked(difDark, difGzip), asJSON), difNext},
	{"E: gzip to the own handler", difOwn, difPost("/api/auth/login", "x", "Content-Encoding: gzip"), difNext},
	{"E: form", difPlain, difUpdate("theme=dark", "Content-Type: application/x-www-form-urlencoded"), difNext},
	{"E: multipart", difPlain, difUpdate("--b\r\nContent-Disposition: form-data; name=\"theme\"\r\n\r\ndark\r\n--b--\r\n", "Content-Type: multipart/form-data; boundary=b"), difNext},
	{"E: multipart, cross-site", difPlain, difPost("/api/auth/update", "--b\r\nContent-Disposition: form-data; name=\"theme\"\r\n\r\ndark\r\n--b--\r\n", asUser, "Sec-Fetch-Site: cross-site", "Content-Type: multipart/form-data; boundary=b"), difNext},
	{"E: multipart to a DELETE", difPlain, difSend("DELETE /api/auth/sessions", "--b\r\nContent-Disposition: form-data; name=\"all\"\r\n\r\n1\r\n--b--\r\n", asUser, ownSite, "Content-Type: multipart/form-data; boundary=b"), difNext},
	{"E: empty multipart to a DELETE", difPlain, difSend("DELETE /api/auth/sessions", "--b--\r\n", asUser, ownSite, "Content-Type: multipart/form-data; boundary=b"), difNext},
	{"E: multipart to logout", difPlain, difPost("/api/auth/logout", "--b--\r\n", asUser, ownSite, "Content-Type: multipart/form-data; boundary=b"), difNext},
	{"E: multipart that is none", difPlain, difUpdate(difDark, "Content-Type: multipart/form-data; boundary=b"), difNext},
	{"E: multipart without a boundary", difPlain, difUpdate(difDark, "Content-Type: multipart/form-data"), difNext},
	{"E: jsonp", difPlain, difUpdate(difDark, "Content-Type: application/jsonp"), difNext},
	{"E: problem+json", difPlain, difUpdate(difDark, "Content-Type: application/problem+json"), difNext},
	{"E: charset utf-8", difPlain, difUpdate(difDark, "Content-Type: application/json; charset=utf-8"), difNext},
	{"E: charset quoted, in capitals", difPlain, difUpdate(difDark, `Content-Type: APPLICATION/JSON ; CHARSET="UTF-8"`), difNext},
	{"E: charset utf-16", difPlain, difUpdate(difDark, "Content-Type: application/json; charset=utf-16"), difNext},
	{"E: other parameter", difPlain, difUpdate(difDark, "Content-Type: application/json; boundary=x"), difNext},
	{"E: empty type", difPlain, difUpdate(difDark, "Content-Type:"), difNext},
	{"E: two types", difPlain, difUpdate(difDark, "Content-Type: text/html", asJSON), difNext},
	{"E: two types, other order", difPlain, difUpdate(difDark, asJSON, "Content-Type: text/html"), difNext},
	{"E: the same type twice", difPlain, difUpdate(difDark, asJSON, asJSON), difNext},
	{"E: two types in one line", difPlain, difUpdate(difDark, "Content-Type: application/json, text/html"), difNext},
	{"E: type in two cases", difPlain, difUpdate(difDark, "content-type: text/html", "CONTENT-TYPE: application/json"), difNext},
	{"E: login, text/plain", difPlain, difPost("/api/auth/login", difRight, "Content-Type: text/plain"), difNext},
}

var difLarge = `{"data":{"theme":"` + strings.Repeat("x", 11<<10) + `"}}`

// difLengths is group E: how long a body is, and how long it says to be.
var difLengths = []difEntry{
	{"E: 10 KiB exactly", difPlain, difUpdateJSON(difDark + strings.Repeat(" ", 10<<10-len(difDark))), difNext},
	{"E: 10 KiB and a byte", difPlain, difUpdateJSON(difDark + strings.Repeat(" ", 10<<10-len(difDark)+1)), difNext},
	{"E: 11 KiB", difPlain, difUpdateJSON(difLarge), difNext},
	{"E: 11 KiB, nobody", difPlain, difPost("/api/auth/update", difLarge, ownSite, asJSON), difNext},
	{"E: 11 KiB to login", difPlain, difPost("/api/auth/login", difLarge, asJSON), difNext},
	{"E: 11 KiB to logout", difPlain, difPost("/api/auth/logout", difLarge, asUser, ownSite), difNext},
	{"E: 11 KiB to a page", difPlain, difPost("/visits", difLarge, asUser, ownSite), difNext},
	{"E: 11 KiB in chunks", difPlain, difUpdate("", asJSON, "Transfer-Encoding: chunked") + difChunked([]string{difLarge[:5000], difLarge[5000:]}), difNext},
	{"E: 200 KiB", difPlain, difUpdateJSON(strings.Repeat(" ", 200<<10)), difNext},
	{"E: chunked", difPlain, difUpdate("", asJSON, "Transfer-Encoding: chunked") + difChunked([]string{difDark[:7], difDark[7:]}), difNext},
	{"E: chunked and empty", difPlain, difUpdate("", asJSON, "Transfer-Encoding: chunked") + difChunked(nil), difNext},
	{"E: chunked to a DELETE", difPlain, difSend("DELETE /api/auth/sessions", "", asUser, ownSite, "Transfer-Encoding: chunked") + difChunked(nil), difNext},
	{"E: chunk extension", difPlain, difUpdate("", asJSON, "Transfer-Encoding: chunked") + "19;x=y\r\n" + difDark + "\r\n0\r\n\r\n", difNext},
	{"E: chunk size with a sign", difPlain, difUpdate("", asJSON, "Transfer-Encoding: chunked") + "+19\r\n" + difDark + "\r\n0\r\n\r\n", difNext},
	{"E: chunk size that is none", difPlain, difUpdate("", asJSON, "Transfer-Encoding: chunked") + "zz\r\n" + difDark + "\r\n0\r\n\r\n", difNext},
	{"E: chunk longer than its size", difPlain, difUpdate("", asJSON, "Transfer-Encoding: chunked") + "5\r\n" + difDark + "\r\n0\r\n\r\n", difNext},
	{"E: chunks cut", difPlain, difUpdate("", asJSON, "Transfer-Encoding: chunked") + "19\r\n" + difDark, difHalf},
	{"E: Content-Length too large", difPlain, difUpdate("", asJSON, "Content-Length: 400") + difDark, difHalf},
	{"E: Content-Length too small", difPlain, difUpdate("", asJSON, "Content-Length: 9") + difDark, difNext},
	{"E: Content-Length of 5 MB", difPlain, difUpdate("", asJSON, "Content-Length: 5000000") + "{", difWait},
	{"E: Content-Length of 5 MB, nobody", difPlain, difPost("/api/auth/login", "", asJSON, "Content-Length: 5000000") + "{", difWait},
	{"E: Content-Length of 5 MB, cross-site", difPlain, difPost("/api/auth/update", "", asUser, "Sec-Fetch-Site: cross-site", "Content-Length: 5000000") + "{", difWait},
	{"E: Content-Length of 5 MB to a page", difPlain, difPost("/visits", "", asUser, ownSite, "Content-Length: 5000000") + "{", difWait},
}

// difStreamed is group E where fiber streams bodies, and what is left unread must not be the next request.
var difStreamed = []difEntry{
	{"stream: update", difStream, difUpdateJSON(difDark), difNext},
	{"stream: no body", difStream, difPost("/api/auth/logout", "", asUser, ownSite), difNext},
	{"stream: chunked", difStream, difUpdate("", asJSON, "Transfer-Encoding: chunked") + difChunked([]string{difDark[:7], difDark[7:]}), difNext},
	{"stream: 10 KiB and a byte", difStream, difUpdateJSON(difDark + strings.Repeat(" ", 10<<10-len(difDark)+1)), difNext},
	{"stream: 11 KiB in chunks", difStream, difUpdate("", asJSON, "Transfer-Encoding: chunked") + difChunked([]string{difLarge[:5000], difLarge[5000:]}), difNext},
	{"stream: 200 KiB", difStream, difUpdateJSON(strings.Repeat(" ", 200<<10)), difNext},
	{"stream: a request in a body of 11 KiB", difStream, difUpdateJSON(strings.Repeat("\r\n", 5600) + difPost("/api/auth/logout", "", asOther, ownSite)), difNext},
	{"stream: a request in a refused body", difStream, difPost("/api/auth/update", strings.Repeat("\r\n", 5600)+difPost("/api/auth/logout", "", asOther, ownSite), asUser, "Sec-Fetch-Site: cross-site"), difNext},
	{"stream: a request in a body that a page leaves", difStream, difPost("/visits", strings.Repeat("\r\n", 5600)+difFrom(ownSite), asUser, ownSite), difNext},
	{"stream: a request in chunks that a page leaves", difStream, difPost("/visits", "", asUser, ownSite, "Transfer-Encoding: chunked") + difChunked([]string{difFrom(ownSite)}), difNext},
}

// difRefusedEarly is what fiber refuses before any handler, with the handler for it that fiberguard has.
var difRefusedEarly = []difEntry{
	{"errors: body of 5 MB", difErrors, difUpdate("", asJSON, "Content-Length: 5000000") + "{", difWait},
	{"errors: body of 5 MB, nobody", difErrors, difPost("/api/auth/login", "", asJSON, "Content-Length: 5000000") + "{", difWait},
	{"errors: body of 5 MB, cross-site", difErrors, difPost("/api/auth/update", "", asUser, "Sec-Fetch-Site: cross-site", "Content-Length: 5000000") + "{", difWait},
	{"errors: body of 5 MB, encoded path", difErrors, difPost("/api/auth/%75pdate", "", asUser, ownSite, asJSON, "Content-Length: 5000000") + "{", difWait},
	{"errors: body of 5 MB below a mount", difErrors, difPost("/app/api/auth/update", "", asUser, ownSite, asJSON, "Content-Length: 5000000") + "{", difWait},
	{"errors: body of 5 MB to a page", difErrors, difPost("/nowhere", "", asUser, ownSite, "Content-Length: 5000000") + "{", difWait},
	{"errors: body of 5 MB to logout", difErrors, difPost("/api/auth/logout", "", asUser, ownSite, "Content-Length: 5000000") + "{", difWait},
	{"errors: chunk size that is none", difErrors, difUpdate("", asJSON, "Transfer-Encoding: chunked") + "zz\r\n" + difDark + "\r\n0\r\n\r\n", difNext},
	{"errors: chunks cut", difErrors, difUpdate("", asJSON, "Transfer-Encoding: chunked") + "19\r\n" + difDark, difHalf},
	{"errors: Content-Length too large", difErrors, difUpdate("", asJSON, "Content-Length: 400") + difDark, difHalf},
	{"errors: multipart that is none", difErrors, difUpdate(difDark, "Content-Type: multipart/form-data; boundary=b"), difNext},
	{"errors: header of 8 KiB", difErrors, difUpdate(difDark, asJSON, "X-Note: "+strings.Repeat("x", 8<<10)), difWait},
	{"errors: nothing wrong", difErrors, difUpdateJSON(difDark), difNext},
}
