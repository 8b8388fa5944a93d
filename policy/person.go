package policy

import (
	"context"

	nguard "github.com/nguard-go/nguard/core"
)

// person is a question about who asks. The two are constants, so that no package can replace them.
type person uint8

const (
	// SignedIn is a policy that allows everybody who is signed in.
	SignedIn person = iota
	// Self is a policy that allows people what concerns themselves: Access.Target is their own user ID.
	// It says nothing about resources of the program; see [On].
	Self
)

var people = [...]leaf{
	SignedIn: newLeaf("signed-in", "the person is signed in", notSignedIn),
	Self:     newLeaf("self", "the person acts on their own account", "the account is another person's"),
}

// Decide answers the question from the access alone.
func (p person) Decide(_ context.Context, a nguard.Access) nguard.Decision {
	l := &people[p]
	switch {
	case a.Subject == nil:
		return l.deny(noSubject)
	case a.Subject.UserID == "":
		return l.abstain(notSignedIn)
	case p == Self && a.Target != a.Subject.UserID:
		return l.no
	}
	return l.yes
}

func (p person) rule() string             { return people[p].name }
func (p person) inspect(*Model, reporter) {}
