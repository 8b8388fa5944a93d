package endpoints

import (
	nguard "github.com/nguard-go/nguard/core"
)

// refusals are the words for what others refuse in front of the endpoints.
var refusals = map[int]error{
	401: nguard.ErrNoSession, 403: nguard.ErrDenied, 404: nguard.ErrNotFound, 405: nguard.ErrMethod,
	413: nguard.ErrTooLarge, 415: nguard.ErrMediaType, 429: nguard.ErrLimited, 503: nguard.ErrUnavailable,
}

// Refuse answers in the form of the endpoints what a framework, or other middleware, refuses in front of
// them, such as a body above a limit of its own: browser clients take an answer of another type for success.
// The status is theirs. Nothing is looked up and nothing done. It is for adapters.
func Refuse(x nguard.Exchange, status int) error {
	err := refusals[status]
	if err == nil && status < 500 {
		err = nguard.ErrMalformed
	}
	a := nguard.Status(err)
	if status == 429 || status == 503 {
		x.SetHeader("Retry-After", nguard.RetryAfter)
	}
	return nguard.WriteJSON(x, status, map[string]any{"success": false, "error": a.Message, "message": a.Message, "code": a.Code})
}
