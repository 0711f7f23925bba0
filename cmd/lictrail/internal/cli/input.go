package cli

import (
	"cmp"
	"errors"
	"os"

	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/out"
)

// openInput opens a file that somebody named. what says what it is there, such
// as "the rules"; hint serves where the refusal itself has none.
func openInput(what, path string, care input.Care, hint string) (*os.File, error) {
	f, err := input.Open(path, care)
	return f, inputError(what, hint, err)
}

// readInput reads such a file whole.
func readInput(what, path string, care input.Care, limit int64, hint string) ([]byte, error) {
	data, err := input.Read(path, care, limit)
	return data, inputError(what, hint, err)
}

// inputError makes a refusal wrong use.
func inputError(what, hint string, err error) error {
	var refused *input.Error
	if !errors.As(err, &refused) {
		return err
	}
	message := refused.Error()
	if what != "" {
		message = what + " " + message
	}
	return &out.Error{Code: exitUsage, Message: message, Hint: cmp.Or(refused.Hint, hint), Err: err}
}
