package cli

import (
	"os"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/input"
)

// openInput opens a file that somebody named. what says what it is there, such
// as "the rules"; hint serves where the refusal itself has none.
func openInput(what, path string, care input.Care, hint string) (*os.File, error) {
	f, err := input.Open(path, care)
	return f, exit.Input(what, hint, err)
}

// readInput reads such a file whole.
func readInput(what, path string, care input.Care, limit int64, hint string) ([]byte, error) {
	data, err := input.Read(path, care, limit)
	return data, exit.Input(what, hint, err)
}
