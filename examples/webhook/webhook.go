package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

// webhook is a sink: one method. The queue, the deadline and the tries are audit.Async's, in front of it.
type webhook struct {
	url    string
	client *http.Client
}

// newWebhook posts to url and nowhere else: a redirect would carry records to wherever an answer says
// (ASVS 15.3.2), so it is taken for a failure.
func newWebhook(url string) *webhook {
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &webhook{url, &http.Client{CheckRedirect: refuse}}
}

// Record returns when the receiver has taken the record, which any 2xx says. One that came too late to be
// heard is posted again: the receiver drops what it has, by the line, which is the same to the byte.
func (w *webhook) Record(ctx context.Context, e nguard.Event) error {
	ctx, cancel := audit.Steady(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(audit.AppendJSON(nil, e)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.client.Do(r)
	if err != nil {
		return fmt.Errorf("webhook: %w: %w: %w", nguard.ErrUnavailable, nguard.ErrOutcomeUnknown, err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // a body that is read lets the connection be used again
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("webhook: %w: the receiver answered %s", nguard.ErrUnavailable, answer.Status)
	}
	return nil
}
