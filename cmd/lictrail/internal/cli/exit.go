package cli

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/tracker"
	"lictrail/graph"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// Exit codes. A result code is never a failure code.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitIncomplete  = 3
	exitAuth        = 4
	exitUnavailable = 5
	exitDamaged     = 6
	exitBusy        = 7
	exitChanged     = 10
	exitInterrupted = 130
)

// errUsage marks wrong use: flags, arguments, unknown users and SKUs.
var errUsage = errors.New("wrong use")

// usage is an error of wrong use with what to do about it.
func usage(message, hint string) error {
	return &out.Error{Code: exitUsage, Message: message, Hint: hint, Err: errUsage}
}

// wrongUse is usage with a cause.
func wrongUse(cause error, hint string) error {
	return &out.Error{Code: exitUsage, Hint: hint, Err: cause}
}

// errChanged is the result of sync --exit-code when there are changes.
var errChanged = errors.New("changes found")

// errRecorded marks what failed when the run was history already: what it
// printed stands.
var errRecorded = errors.New("the run is recorded")

const roomHint = "make room on that disk; lictrail doctor tells how much a run may need"

const (
	restoreHint = "keep the file as it is, and restore a backup (docs/integrity.md)"
	damagedHint = restoreHint + "; lictrail verify tells what is damaged"
)

// exits maps each kind of error to its code and what to do about it. The first
// that matches counts.
var exits = []struct {
	kind error
	code int
	hint string
}{
	{context.Canceled, exitInterrupted, ""},
	{tracker.ErrImplausible, exitIncomplete, "nothing was recorded; run sync again, and look at the tenant if it stays so"},
	{tracker.ErrShrunk, exitIncomplete, "nothing was recorded; if the users really left, run sync again with --accept-shrink"},
	{tracker.ErrVanished, exitIncomplete, "nothing was recorded; run sync again in an hour, since Microsoft's count may lag; if users really lost the licenses, add --accept-shrink"},
	{tracker.ErrBlank, exitIncomplete, "nothing was recorded; run sync again later; if the tenant really answers so, add --accept-shrink"},
	{tracker.ErrWrongTenant, exitUsage, "check --tenant and the credentials: they belong to different tenants"},
	{graph.ErrIncomplete, exitIncomplete, "nothing was recorded; run sync again later"},
	{graph.ErrAuth, exitAuth, "check how you sign in: --auth, --tenant and the variables it reads (docs/sign-in.md)"},
	{graph.ErrUnavailable, exitUnavailable, "nothing was recorded; run sync again later, or give it more --patience"},
	{context.DeadlineExceeded, exitUnavailable, "nothing was recorded; run sync again later"},
	{store.ErrNoDatabase, exitUsage, "create it with lictrail sync, look at a made-up tenant with lictrail demo, or name another file with --db"},
	{store.ErrNoRun, exitUsage, "run lictrail sync first"},
	{store.ErrNotPlainFile, exitUsage, "name the file itself with --db, not a link or a folder"},
	{store.ErrNotPrivate, exitUsage, "make the file its owner's alone: chmod 600 FILE (and FILE-wal, FILE-shm beside it)"},
	{store.ErrNotOwner, exitUsage, "run lictrail as the file's owner, or make it yours: chown USER FILE (and FILE-wal, FILE-shm beside it)"},
	{store.ErrMayNotWrite, exitFailed, "let this user write to the file and its folder, which SQLite needs for reading too; or, while no lictrail runs, copy the file (and FILE-wal beside it) to a folder of your own and name the copy with --db"},
	{store.ErrNoRoom, exitFailed, roomHint},
	{syscall.ENOSPC, exitFailed, roomHint}, // of a file beside it, such as the lock's
	{syscall.EDQUOT, exitFailed, roomHint},
	{store.ErrPresent, exitUsage, "delete the account first: the next run would record the person anew"},
	{store.ErrExists, exitUsage, "name a new file: a backup replaces nothing"},
	{store.ErrOtherTenant, exitBusy, "keep one database per tenant: name another file with --db"},
	{lock.ErrHeld, exitBusy, "wait until it has finished: lictrail runs tells how it ended"},
	{lock.ErrPlace, exitUsage, "FILE.lock beside the database must be a file of your own: remove what is there, if no run is at work"},
	{store.ErrBusy, exitBusy, "wait until the other lictrail has finished, then try again"},
	{store.ErrOvertaken, exitBusy, "run sync again; two runs on one database gain nothing"},
	{store.ErrUnrecovered, exitBusy, "run lictrail sync once: it takes back what was cut off, and the history before it stands"},
	{migrations.ErrNewer, exitBusy, "use the newer lictrail that wrote it"},
	{migrations.ErrOlder, exitBusy, "run lictrail sync once to bring the database up to date"},
	{migrations.ErrForeign, exitBusy, "name lictrail's own file with --db"},
	{migrations.ErrPlanted, exitDamaged, "do not use the file: it holds SQL that somebody else put there; restore a backup"},
	{migrations.ErrEmpty, exitUsage, "run lictrail sync first"},
	{errRefused, exitFailed, "each is told with its line and the reason; the same import again takes nothing twice"},
	{store.ErrNotSQLite, exitDamaged, "name lictrail's own file with --db; if this is it, " + restoreHint},
	{store.ErrTooLong, exitDamaged, "lictrail verify finds it where it stands in the database; one that is only to be taken in, cut it before"},
	{store.ErrDamaged, exitDamaged, damagedHint},
}

// explain gives an error its exit code and a hint, in one place.
func explain(err error) error {
	var known *out.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	for _, e := range exits {
		if errors.Is(err, e.kind) {
			return &out.Error{Code: e.code, Message: sentence(err), Hint: hintOf(err, e.hint), Err: err}
		}
	}
	return &out.Error{Code: exitFailed, Message: sentence(err), Hint: hintOf(err, ""), Err: err}
}

// sentence is what an error says, on one line: those that were joined stand on
// several.
func sentence(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// hintOf prefers the hint that came with the error: it knows the permission, or
// whom an erasing was of.
func hintOf(err error, general string) string {
	var g *graph.Error
	if errors.As(err, &g) && g.Hint != "" {
		return g.Hint
	}
	var residue *store.ResidueError
	if errors.As(err, &residue) {
		return againHint(residue, general)
	}
	return general
}

// againHint tells how to erase what an erasing has left behind. A person is no
// longer found by the name that they were forgotten by.
func againHint(e *store.ResidueError, general string) string {
	again := "run the same prune again"
	if e.Name != "" {
		again = "run: lictrail forget " + e.Name
	}
	if errors.Is(e, store.ErrBusy) {
		general = "close what has the database open" // a reader need not be a lictrail
	}
	if general == "" {
		return again
	}
	return general + ", then " + again
}
