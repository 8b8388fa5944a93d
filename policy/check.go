package policy

import (
	"errors"
	"fmt"

	nguard "github.com/nguard-go/nguard/core"
)

// Check returns what is wrong with policies under m, all of it, with the remedy: a role or permission
// that m does not list, a nil part, a combination without parts, a rule without name or function. At
// run time each of these denies; call Check at start-up to learn of it before the first request. It
// cannot look into policies of other packages.
func (m *Model) Check(policies ...nguard.Policy) error {
	var problems []error
	for _, p := range policies {
		n := adopt(p)
		n.inspect(m, func(format string, args ...any) {
			problems = append(problems, fmt.Errorf("policy: %s: %s", n.rule(), fmt.Sprintf(format, args...)))
		})
	}
	return errors.Join(problems...)
}
