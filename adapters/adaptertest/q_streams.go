package adaptertest

import "time"

// The rules of the stream of events. Where a case gives Poll a minute, what it sees cannot come from looking
// from time to time.
var liveStreams = []rule{
	{"live: opens", "A stream opens for who is signed in, with the headers of a stream that nobody keeps, and begins with the version that the next answer has.", liveOpens},
	{"live: refused", "Without a live session, with the store down, from another origin and with another method the answer is JSON.", liveRefused},
	{"live: own changes", "What the person changes, in this tab or on another device, is told at once, under the version that the next answer has.", liveOwnChanges},
	{"live: a role changes", "A change of role by an admin reaches the person's streams within a second, and the admin's own is told nothing.", liveRole},
	{"live: another process", "What another process on the same store changes is told.", liveElsewhere},
	{"live: heard", "Where the store tells of changes, what another process does reaches a page within a second.", liveHeard},
	{"live: ends", "However a session ends, its streams say so and end; those of others go on.", liveEnds},
	{"live: renewed", "A step-up ends the streams of the session before it, and the same browser may open another at once.", liveRenewed},
	{"live: expires", "A session that expires is told of when it does, without a request.", liveExpires},
	{"live: expires by the clock", "The guard's clock decides, also after the row is swept.", liveExpiresByClock},
	{"live: only reads", "A stream writes nothing, however it is opened and however long it lives: it keeps no session alive.", liveOnlyReads},
	{"live: an outage", "While the store or the users table is down the stream lives on, and what has changed meanwhile is told afterwards.", liveOutage},
	{"live: bounds", "One user has as many streams as is configured, all together have as many, and what is refused says when to come back.", liveBounds},
	{"live: a storm", "Many changes at once are few looks and few events, the last of which is right.", liveStorm},
	{"live: shutdown", "EndStreams ends all streams and lets none begin, so that a server stops at once.", liveShutdown},
	{"live: leaves nothing", "Streams whose clients have left leave no goroutine and no count behind.", liveLeavesNothing},
	{"live: limits of the server", "The time that the server gives a request to arrive does not end its stream.", liveServerLimits},
	{"live: a transaction of the program", "A change that the program makes in its own transaction is told when that is committed.", liveTransaction},
	{"live: permissions", "session and validate say what the person may do and how long the session lasts, and a tag covers it.", livePermissions},
	{"live: asked by nobody", "What a page asks by itself, with Nguard-Passive, is answered like anything else, and is no use of the session: pages that ask in turn keep none alive.", livePassive},
}

var never = streams(time.Minute, time.Minute)
