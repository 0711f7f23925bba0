package ask

import (
	"errors"

	"lictrail/cmd/lictrail/internal/rules"
)

// Rules is a file of rules and what to call it.
type Rules struct {
	*rules.File
	Name string
}

// InFile says where in a file something is wrong.
func InFile(file string, line int, err error) error {
	var refused *Error
	if !errors.As(err, &refused) {
		return err
	}
	at := *refused
	at.Message = (&rules.Error{File: file, Line: line, Message: refused.Message}).Error()
	return &at
}
