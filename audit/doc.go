// Package audit has the sinks that nguard's audit records go to, and the wrappers that combine them.
//
// A sink is anything with one method, [nguard.Sink]; the guard calls it with each record:
//
//	trail, err := audit.OpenFile("/var/log/app/audit.jsonl", audit.FileOptions{})
//	// ...
//	guard, err := nguard.New(nguard.Config{Store: store, Audit: trail})
//
// What each sink promises when Record has returned nil:
//
//	sink           the record is            loses records                      in the change's transaction
//	[File]         on the disk, synced      never silently                     no
//	[SQL]          in the table             never silently                     yes
//	[Memory]       in this process          the oldest when full, at exit      no
//	[Slog]         handed to the handler    whenever the handler does          no
//	your own       as durable as you say    audit/audittest checks the rest    by nguard.Transactional
//
//	wrapper        what it adds
//	[Fanout]       several sinks at once, a deadline for each; one durable success is enough
//	[Redact]       masks or drops parts of a record before the sink inside sees it
//	[Async]        queues observations, retries them, writes down what it had to drop; the rest goes
//	               straight through, or for a copy beside a durable sink is queued too
//
// A program that changes users and sessions in one database gives [SQL] alone, or a [Fanout] of sinks
// in that database, so that a change and its record are one transaction (promise P2). Anything else
// is recorded before the change as an attempt. A usual set is a durable one, a copy for the console,
// and less about persons in the copy (ASVS 16.4.3):
//
//	audit.NewFanout(audit.FanoutOptions{OnError: alarm},
//		audit.Durable(trail),
//		audit.BestEffort(audit.NewRedact(audit.NewSlog(logger), audit.MaskIP(24, 48), audit.DropUserAgent)))
//
// # Text
//
// Every sink here that renders text renders it in one place, [AppendJSON] and its kin: one line per
// record, with each control character, escape sequence, bidirectional override, line separator and
// invisible character written as an escape, bytes that are not UTF-8 written as \xff, and long values
// cut with a mark that says how much is missing. Nothing interprets the text, so that %s, braces and
// spreadsheet formulas stay what they are (ASVS 16.4.1). Whoever imports records into a spreadsheet
// imports them as text.
//
// # Contexts
//
// A cancelled context is no reason to lose a record: the sinks here keep a context's values and its
// deadline, and ignore its cancellation; [Steady] does that for yours. Their errors match [nguard.ErrUnavailable], and
// [nguard.ErrOutcomeUnknown] too where the record may have been written all the same.
package audit
