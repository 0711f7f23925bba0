package cli

import (
	"lictrail/cmd/lictrail/internal/show"
)

// printer prints what a command answers.
func (e *env) printer(n names) show.Printer {
	return show.Printer{Streams: e.Streams, Book: n.Book, Format: e.format, Command: e.command, Aside: e.aside,
		Sort: e.sort, Limit: e.limit}
}
