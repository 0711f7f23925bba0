package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
)

// Unsent is the file of messages that could not be sent. It is beside the database
// and not in it, because a run that has ended is sealed: the next run has them among
// its warnings.
type Unsent struct{ path string }

// UnsentSuffix is what the file's name ends in, after that of the database.
const UnsentSuffix = "-notify"

// UnsentBeside is the file that belongs to a database.
func UnsentBeside(database string) Unsent { return Unsent{database + UnsentSuffix} }

// unsent is one message that could not be sent.
type unsent struct {
	Run   snapshot.RunID `json:"run"`
	At    time.Time      `json:"at"`
	Error string         `json:"error"`
}

const (
	maxUnsent      = 20 // messages that the file keeps
	maxUnsentBytes = 1 << 20
)

// read returns nothing where there is no file, or none that can be read.
func (u Unsent) read() []unsent {
	text, err := input.Read(u.path, input.Plain, maxUnsentBytes)
	var list []unsent
	if err != nil || json.Unmarshal(text, &list) != nil {
		return nil
	}
	return list
}

// Warnings are those of the next run.
func (u Unsent) Warnings() []snapshot.Warning {
	var list []snapshot.Warning
	for _, m := range u.read() {
		list = append(list, snapshot.Warning{Code: "notify", Message: fmt.Sprintf("%s could not be sent: %s", m.about(), m.Error)})
	}
	return list
}

// about says what the message was about: a sync that failed early has no run.
func (m unsent) about() string {
	if m.Run == 0 {
		return "that sync failed on " + m.At.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	return fmt.Sprintf("what run %d found", m.Run)
}

// Clear removes the file once its messages are among the warnings of a run.
func (u Unsent) Clear() error {
	if err := os.Remove(u.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Add keeps the messages about a run that failed, the newest where there are many.
func (u Unsent) Add(run snapshot.RunID, at time.Time, failed []Outcome) error {
	if len(failed) == 0 {
		return nil
	}
	list := u.read()
	for _, o := range failed {
		list = append(list, unsent{run, at.UTC(), o.Err.Error()})
	}
	list = list[max(0, len(list)-maxUnsent):]
	return out.WriteFile(u.path, func(w io.Writer) error { return json.NewEncoder(w).Encode(list) })
}
