package cli

import (
	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
)

// noHistory is for listings that rest on no history.
var noHistory = ask.Tenant(snapshot.Tenant{})

// printer prints what a command answers.
func (e *env) printer(b *ask.Book) show.Printer {
	return show.Printer{Streams: e.Streams, Book: b, Format: e.format, Command: e.command, Aside: e.aside,
		Sort: e.sort, Limit: e.limit}
}
