// Package policy is where a program writes down who may do what: roles and permissions as Go values,
// small rules beside them, and combinators that put them together. Each of these is an
// [nguard.Policy], so that a misspelt role does not compile and a policy is tested by calling it,
// without a request. Declare the words once, compile them at start-up, use them everywhere:
//
//	const (
//		EditPost   policy.Permission = "posts:edit"
//		DeletePost policy.Permission = "posts:delete"
//	)
//
//	var (
//		User      = policy.NewRole("user")
//		Moderator = policy.NewRole("moderator", "posts:*").Inherits(User)
//		Admin     = policy.NewRole("admin", "*").Inherits(Moderator)
//	)
//
//	var Author = policy.On("author", func(a nguard.Access, p *Post) bool {
//		return p.AuthorID == a.Subject.UserID
//	})
//
//	// Authors and moderators edit; to change a role takes an admin who proved it lately.
//	var (
//		CanEdit    = policy.Any(EditPost, Author)
//		ChangeRole = policy.All(Admin, policy.Fresh(5*time.Minute))
//	)
//
//	model, err := policy.NewModel(policy.Config{
//		Roles:       []*policy.Role{User, Moderator, Admin},
//		Permissions: []policy.Permission{EditPost, DeletePost},
//	})
//
// The model goes into nguard.Config.Roles; the policies go into a route (Require), a handler
// (Authorize) or a field (Write). [Model.Check] finds at start-up what the compiler cannot see, and
// [Model.Matrix] prints who may do what for a golden file, so that a change of authority shows up in
// review.
//
// # The algebra
//
// A policy answers Allow, Abstain ("this does not speak for it"), Deny ("this forbids it") or Err
// ("what I need to know cannot be reached"). Only Allow allows: nothing allowed means denied
// (ASVS 8.2.1). Deny beats Err, and Err beats the rest, at every level, whatever stands around it:
//
//	All      Allow    Abstain  Err   Deny        Any      Allow    Abstain  Err   Deny
//	Allow    Allow    Abstain  Err   Deny        Allow    Allow    Allow    Err   Deny
//	Abstain  Abstain  Abstain  Err   Deny        Abstain  Allow    Abstain  Err   Deny
//	Err      Err      Err      Err   Deny        Err      Err      Err      Err   Deny
//	Deny     Deny     Deny     Deny  Deny        Deny     Deny     Deny     Deny  Deny
//
//	p        Not(p)   Forbid(p)
//	Allow    Abstain  Deny
//	Abstain  Allow    Abstain
//	Err      Err      Err
//	Deny     Deny     Deny
//
// From these tables follows what matters: the order of the parts never changes the effect; a Deny
// anywhere denies the whole; an Err anywhere never allows, so a ban list that is down lets nobody
// in. To keep that true every part is asked until one denies.
//
// [Forbid] never allows, so in [All] it counts as a veto and not as a demand: All(Admin,
// Forbid(Banned)) allows an admin who is not banned. Whatever consists of nothing but vetoes is one.
//
// What is broken denies and never panics: a nil part, a combinator without parts, a resource of an
// unexpected type, an access without subject or time, a role or permission that the model does not
// list. They deny rather than abstain so that Not and Forbid around them stay shut. A panic in a
// function of the program becomes Err; see [PanicError].
//
// # Names
//
// Each decision names its rule: "role:admin", "permission:posts:edit", "self",
// "all(role:admin, fresh(5m0s))". A combinator keeps the reason and the code of the part that
// decided: one refusal may say "step_up_required" and another not. In All that code is given only if
// nothing else is missing, in Any as soon as one way is open to it. Names and reasons are built when
// the policy is: deciding allocates nothing.
//
// All policies and the model are immutable and safe for concurrent use.
package policy
