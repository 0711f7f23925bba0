// Package private keeps a file to its owner: on Unix by its mode, on Windows by
// its access control list, which a mode does not show.
package private

import (
	"errors"
	"fmt"
	"os"
)

// WriteFile writes a file that only its owner, the system and administrators may
// read. It replaces one that is there.
func WriteFile(path string, data []byte) error {
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = Restrict(temp) // before there is anything to read in it
	if err == nil {
		_, err = f.Write(data)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(temp)))
	}
	return nil
}
