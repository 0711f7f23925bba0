package cli

import (
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/exit"
)

// What nearly every command uses of package exit, by shorter names.
const (
	exitDone        = exit.Done
	exitFailed      = exit.Failed
	exitUsage       = exit.WrongUse
	exitIncomplete  = exit.Incomplete
	exitAuth        = exit.Auth
	exitUnavailable = exit.Unavailable
	exitDamaged     = exit.Damaged
	exitBusy        = exit.Busy
	exitChanged     = exit.Changed
	exitInterrupted = exit.Interrupted
)

var (
	usage       = exit.Usage
	explain     = exit.Explain
	sentence    = exit.Sentence
	errChanged  = exit.ErrChanged
	errRecorded = exit.ErrRecorded
	errRefused  = exit.ErrRefused
)

// Tests elsewhere read simulated tenants with these.
var (
	SimulatedReader  = connect.SimulatedReader
	SimulatedSources = connect.SimulatedSources
)

// host is what a connection needs of this execution.
func (e *env) host() connect.Host {
	return connect.Host{Getenv: e.getenv, Ask: e.Ask, Version: version()}
}
