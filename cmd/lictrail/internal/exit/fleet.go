package exit

import (
	"errors"
	"slices"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/snapshot/store"
)

// ErrSomeTenants marks the failure of some tenants of several: what the others
// answered stands.
var ErrSomeTenants = errors.New("some tenants failed")

// severity orders exit codes by how much they need a person.
var severity = []int{Interrupted, Damaged, Failed, WrongUse, Auth, Busy, Incomplete, Unavailable, Changed, Done}

// Worst is the one of the codes that most needs a person; Done where there are none.
func Worst(codes ...int) int {
	worst := Done
	for _, code := range codes {
		if slices.Index(severity, code) < slices.Index(severity, worst) {
			worst = code
		}
	}
	return worst
}

// meanings say in a table how a command ended.
var meanings = map[int]string{Done: "done", Failed: "failed", WrongUse: "wrong use", Incomplete: "incomplete read", Auth: "sign-in or permission",
	Unavailable: "throttled or out of reach", Damaged: "database damaged", Busy: "database busy", Changed: "changes found", Interrupted: "interrupted"}

// Meaning says in a table what an exit code means; known is false for a code that
// is none of lictrail's.
func Meaning(code int) (text string, known bool) {
	text, known = meanings[code]
	return text, known
}

// OfHealth is the exit code for what is the matter with a tenant's history: that of
// the error which a question to it ends with, or of the run that is not history.
// What a run could not read is a warning there, and no failure here.
func OfHealth(t *ask.TenantHealth) int {
	switch {
	case t.Err != nil:
		return Explained(t.Err).Code
	case t.Condition == ask.NeverRun:
		return Explained(store.ErrNoRun).Code
	case t.Condition == ask.Failing && t.Last.Status == store.Incomplete:
		return Incomplete
	case t.Condition == ask.Failing, t.Condition == ask.Stale:
		return Failed
	}
	return Done
}
