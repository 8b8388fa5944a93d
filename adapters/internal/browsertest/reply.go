package browsertest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Reply is an answer, read to its end.
type Reply struct {
	Status int
	Header http.Header
	Body   string

	t    testing.TB
	what string
}

func read(t testing.TB, what string, resp *http.Response) Reply {
	t.Helper()
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return Reply{resp.StatusCode, resp.Header, string(raw), t, what}
}

// Expect ends the test if the answer has another status.
func (a Reply) Expect(status int) Reply {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s: got status %d, want %d: %s", a.what, a.Status, status, a.Body)
	}
	return a
}

// Says expects this body.
func (a Reply) Says(body string) Reply {
	a.t.Helper()
	if a.Body != body {
		a.t.Errorf("%s: says %q, want %q", a.what, a.Body, body)
	}
	return a
}

// Code is the member of that name, after a look at what every refusal of nguard has in common.
func (a Reply) Code() string {
	a.t.Helper()
	var body struct{ Error, Message, Code string }
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil || body.Error == "" || body.Error != body.Message {
		a.t.Errorf("%s: body %q", a.what, a.Body)
	}
	if got := a.Header.Values("Content-Type"); len(got) != 1 || got[0] != "application/json" {
		a.t.Errorf("%s: type %q", a.what, got)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		a.t.Errorf("%s: headers %v", a.what, a.Header)
	}
	return body.Code
}

// Refused expects a refusal of nguard with this status and code.
func (a Reply) Refused(status int, code string) Reply {
	a.t.Helper()
	if got := a.Expect(status).Code(); got != code {
		a.t.Errorf("%s: code %q, want %q", a.what, got, code)
	}
	return a
}

// Names are the cookies that an answer sets, by line.
func (a Reply) Names() (list []string) {
	for _, line := range a.Header.Values("Set-Cookie") {
		name, _, _ := strings.Cut(line, "=")
		list = append(list, name)
	}
	return list
}
