package endpoints

// events answers with a stream of server-sent events (text/event-stream) about the session of the request:
//
//	event: session.updated   data: {"version": "..."}  at the beginning, and when what session and validate
//	                                                   answer has changed; the value is that of the header
//	                                                   Nguard-Session-Version of their next answer
//	event: session.revoked   data: {"reason": "..."}   ended, revoked or disabled, then the stream ends
//	event: session.expired   data: {"reason": "..."}   idle, absolute or expired, then the stream ends
//
// and a comment as heartbeat. It carries no more than that: who wants to know what has changed, asks. What is
// refused is JSON, as everywhere.
func events(c *call) error {
	if err := c.r.Limit(c.x.Context(), c.guard.Limits().Read); err != nil {
		return err
	}
	return c.r.Events()
}
