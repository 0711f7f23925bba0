package cli

import (
	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/snapshot"
)

// names is the history that a command asks, with methods of its own.
type names struct{ *ask.Book }

// nothing is for listings that rest on no history.
var nothing = names{ask.Tenant(snapshot.Tenant{})}
