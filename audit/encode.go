package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	nguard "github.com/nguard-go/nguard/core"
)

// SchemaVersion is the member "v" of each JSON record. It grows when a member changes its meaning;
// new members do not change it.
const SchemaVersion = 1

const timeLayout = "2006-01-02T15:04:05.000000000Z07:00"

// AppendJSON appends e as one JSON object on one line, without the line's end, and returns the
// extended buffer. It is what [File] and [SQL] write, offered for sinks of your own. The members are
// those of the struct tags of [nguard.Event] after "v", [SchemaVersion]; empty ones are left out; the
// time is RFC 3339 in UTC with nine digits of fraction (ASVS 16.2.2, 16.2.4).
//
// Everything that could break a line, a terminal or a reader's eye is escaped, invalid UTF-8 shows as
// \xff, a text of more than 1024 bytes (4096 for a value of a change) is cut and ends in the mark
// "…[+N bytes]" (ASVS 16.4.1). Values of changes are written as encoding/json does; one that
// has no JSON form is replaced by a note with its type, and one that is a [Masker], or holds one, is
// masked (ASVS 16.2.5). AppendJSON never fails and never panics.
func AppendJSON(dst []byte, e nguard.Event) []byte {
	dst = append(dst, `{"v":`...)
	dst = strconv.AppendInt(dst, SchemaVersion, 10)
	dst = appendMember(dst, "id", e.ID, true)
	dst = append(dst, `,"time":"`...)
	dst = e.Time.UTC().AppendFormat(dst, timeLayout)
	dst = append(dst, '"')
	dst = appendMember(dst, "event", e.Name, true)
	dst = appendMember(dst, "outcome", string(e.Outcome), true)
	dst = appendMember(dst, "class", string(e.Class), true)
	dst = appendMember(dst, "actor", e.Actor, false)
	dst = appendMember(dst, "target", e.Target, false)
	dst = appendMember(dst, "session", e.Session, false)
	dst = appendMember(dst, "action", e.Action, false)
	dst = appendChanges(dst, e.Changes)
	dst = appendMember(dst, "rule", e.Rule, false)
	dst = appendMember(dst, "reason", e.Reason, false)
	if e.Count != 0 {
		dst = append(dst, `,"count":`...)
		dst = strconv.AppendInt(dst, int64(e.Count), 10)
	}
	dst = appendMember(dst, "request_id", e.RequestID, false)
	dst = appendMember(dst, "ip", e.IP, false)
	dst = appendMember(dst, "user_agent", e.UserAgent, false)
	dst = appendMember(dst, "method", e.Method, false)
	dst = appendMember(dst, "path", e.Path, false)
	dst = appendMember(dst, "namespace", e.Namespace, false)
	return append(dst, '}')
}

// Decode reads one record that [AppendJSON] wrote. Numbers in changes come back as [json.Number], and
// masked values as the text "[redacted]". A line cut short by a crash is an error, as is a record of a
// later [SchemaVersion].
func Decode(line []byte) (nguard.Event, error) {
	var record struct {
		V int `json:"v"`
		nguard.Event
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&record); err != nil {
		return nguard.Event{}, fmt.Errorf("audit: not a record: %w", err)
	}
	if record.V > SchemaVersion {
		return nguard.Event{}, fmt.Errorf("audit: record of version %d, this program reads up to %d", record.V, SchemaVersion)
	}
	return record.Event, nil
}

func appendMember(dst []byte, name, value string, always bool) []byte {
	if value == "" && !always {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, `":`...)
	return appendQuoted(dst, value, maxText)
}

func appendQuoted(dst []byte, s string, max int) []byte {
	dst = append(dst, '"')
	dst = appendText(dst, s, max, true)
	return append(dst, '"')
}

func appendChanges(dst []byte, changes []nguard.Change) []byte {
	if len(changes) == 0 {
		return dst
	}
	dst = append(dst, `,"changes":[`...)
	for i, c := range changes {
		if i > 0 {
			dst = append(dst, ',')
		}
		if i == maxChanges {
			c = nguard.Change{Field: "…", To: strconv.Itoa(len(changes)-i) + " more changes"}
		}
		dst = append(dst, `{"field":`...)
		dst = appendQuoted(dst, c.Field, maxText)
		dst = append(dst, `,"from":`...)
		dst = appendValue(dst, c.From)
		dst = append(dst, `,"to":`...)
		dst = appendValue(dst, c.To)
		dst = append(dst, '}')
		if i == maxChanges {
			break
		}
	}
	return append(dst, ']')
}

// appendValue appends v as JSON: text by our own rules, the rest as encoding/json has it.
func appendValue(dst []byte, v any) []byte {
	v = mask(v)
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return appendQuoted(dst, v, maxValue)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case nguard.Redacted:
		return appendQuoted(dst, v.String(), maxValue)
	case time.Time:
		return appendQuoted(dst, v.UTC().Format(timeLayout), maxValue)
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.String && !marshals(rv.Type()) {
		return appendQuoted(dst, rv.String(), maxValue)
	}
	raw, err := marshal(v)
	if err != nil {
		return appendQuoted(dst, fmt.Sprintf("[no JSON form: %T]", v), maxValue)
	}
	if len(raw) > maxValue {
		return appendQuoted(dst, string(raw), maxValue)
	}
	return appendEscaped(dst, raw)
}

// marshals reports whether a value of type t chooses its own JSON form.
func marshals(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Marshaler]()) ||
		t.Implements(reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]())
}

// marshal is json.Marshal with panics of foreign methods as errors.
func marshal(v any) (raw []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return json.Marshal(v)
}

// appendEscaped appends JSON that encoding/json made, with the characters escaped that it leaves as
// they are, and with its sign for an invalid byte, which is \ufffd and else never written so, told
// from a real U+FFFD.
func appendEscaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		switch b := raw[i]; {
		case b == '\\' && i+1 < len(raw):
			if bytes.HasPrefix(raw[i:], []byte(`\ufffd`)) {
				dst = append(dst, `\\x??`...)
				i += 6
				continue
			}
			dst = append(dst, b, raw[i+1])
			i += 2
		case b == 0x7f:
			dst = appendUnit(dst, uint16(b))
			i++
		case b < utf8.RuneSelf:
			dst = append(dst, b)
			i++
		default:
			r, size := utf8.DecodeRune(raw[i:])
			if invisible(r) {
				dst = appendRune(dst, r)
			} else {
				dst = append(dst, raw[i:i+size]...)
			}
			i += size
		}
	}
	return dst
}
