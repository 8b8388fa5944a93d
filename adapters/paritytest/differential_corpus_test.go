package paritytest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// difCorpus is every request, by group of the checklist.
var difCorpus = slices.Concat(
	difStory, difContract, difIssuance, difSpellings, difCookies, difBodies, difTypes, difLengths, difStreamed, difRefusedEarly, difPrivilege,
	difReferences, difOriginChecks, difOriginVariants, difForwarded, difText, difMethods, difPaths, difTargets, difFraming,
)

// The header lines that most requests need.
const (
	asUser  = "Cookie: {cookie:user}"
	asOther = "Cookie: {cookie:other}"
	asAdmin = "Cookie: {cookie:admin}"
	ownSite = "Sec-Fetch-Site: same-origin"
	asJSON  = "Content-Type: application/json"
)

// The bodies that most requests have.
const (
	difDark  = `{"data":{"theme":"dark"}}`
	difRight = `{"email":"user@example.com","password":"guardtest-password"}`
)

// difGet, difPost and difSend write the well-formed rest of a request around what is odd in it.
func difGet(target string, lines ...string) string { return difSend("GET "+target, "", lines...) }

func difPost(target, body string, lines ...string) string {
	return difSend("POST "+target, body, lines...)
}

func difSend(start, body string, lines ...string) string {
	if body != "" {
		lines = append(slices.Clone(lines), "Content-Length: "+strconv.Itoa(difLength(body)))
	}
	return difBare(start+" HTTP/1.1", body, append([]string{"Host: app.example"}, lines...)...)
}

// difBare writes the lines that it is given and no others.
func difBare(start, body string, lines ...string) string {
	return strings.Join(append([]string{start}, lines...), "\r\n") + "\r\n\r\n" + body
}

var (
	difTokenPlace  = regexp.MustCompile(`\{token:\w+\}`)
	difHandlePlace = regexp.MustCompile(`\{handle:\w+\}`)
)

// difLength is the length of a body when its placeholders are filled.
func difLength(body string) int {
	body = strings.ReplaceAll(strings.ReplaceAll(body, "{cookie:", "{name}={token:"), "{name}", "__Host-nguard-session")
	body = difTokenPlace.ReplaceAllString(body, strings.Repeat("t", 72))
	return len(difHandlePlace.ReplaceAllString(body, strings.Repeat("h", 22)))
}

// difUpdate is an update by a person who may, with a body and header lines that are odd.
func difUpdate(body string, lines ...string) string {
	return difPost("/api/auth/update", body, append([]string{asUser, ownSite}, lines...)...)
}

// difUpdateJSON says that the body is JSON.
func difUpdateJSON(body string) string { return difUpdate(body, asJSON) }

// difChunked writes a body in chunks, and trailer lines after it.
func difChunked(chunks []string, trailer ...string) string {
	var b strings.Builder
	for _, c := range append(slices.Clone(chunks), "") {
		b.WriteString(strconv.FormatInt(int64(len(c)), 16) + "\r\n" + c)
		if c != "" {
			b.WriteString("\r\n")
		}
	}
	for _, line := range trailer {
		b.WriteString(line + "\r\n")
	}
	return b.String() + "\r\n"
}
