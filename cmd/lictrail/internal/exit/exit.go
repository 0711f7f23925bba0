// Package exit gives every error its exit code and a hint, in one place.
package exit

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"syscall"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/lake"
	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/internal/private"
	"lictrail/migrations"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// Exit codes. A result code is never a failure code.
const (
	Done        = 0
	Failed      = 1
	WrongUse    = 2
	Incomplete  = 3
	Auth        = 4
	Unavailable = 5
	Damaged     = 6
	Busy        = 7
	Changed     = 10
	Interrupted = 130
)

// ErrUsage marks wrong use: flags, arguments, unknown users and SKUs.
var ErrUsage = errors.New("wrong use")

// Usage is an error of wrong use with what to do about it.
func Usage(message, hint string) error {
	return &out.Error{Code: WrongUse, Message: message, Hint: hint, Err: ErrUsage}
}

// ErrChanged is the result of sync --exit-code when there are changes.
var ErrChanged = errors.New("changes found")

// ErrRecorded marks what failed when the run was history already: what it
// printed stands.
var ErrRecorded = errors.New("the run is recorded")

// ErrRefused marks an import that took some of what it was given, and not all.
var ErrRefused = errors.New("not all was taken")

const roomHint = "make room on that disk; lictrail doctor shows how much a run may need"

// Hints for a damaged database.
const (
	RestoreHint = "keep the file as it is, and restore a backup (docs/integrity.md)"
	DamagedHint = RestoreHint + "; lictrail verify shows what is damaged"
)

// exits maps each kind of error to its code and what to do about it. The first
// that matches counts.
var exits = []struct {
	kind error
	code int
	hint string
}{
	{context.Canceled, Interrupted, ""},
	{track.ErrImplausible, Incomplete, "nothing was recorded; run sync again, and look at the tenant if it stays so"},
	{track.ErrShrunk, Incomplete, "nothing was recorded; if the users really left, run sync again with --accept-shrink"},
	{track.ErrVanished, Incomplete, "nothing was recorded; run sync again in an hour, since Microsoft's count may lag; if users really lost the licenses, add --accept-shrink"},
	{track.ErrBlank, Incomplete, "nothing was recorded; run sync again later; if the tenant really answers so, add --accept-shrink"},
	{track.ErrWrongTenant, WrongUse, "check --tenant and the credentials: they belong to different tenants"},
	{graph.ErrIncomplete, Incomplete, "nothing was recorded; run sync again later"},
	{graph.ErrAuth, Auth, "check how you sign in: --auth, --tenant and the variables it reads (docs/sign-in.md)"},
	{graph.ErrUnavailable, Unavailable, "nothing was recorded; run sync again later, or give it more --patience"},
	{context.DeadlineExceeded, Unavailable, "nothing was recorded; run sync again later"},
	{store.ErrNoDatabase, WrongUse, "create it with lictrail sync, look at a made-up tenant with lictrail demo, or name another file with --db"},
	{store.ErrNoRun, WrongUse, "run lictrail sync first"},
	{store.ErrNotPlainFile, WrongUse, "name the file itself with --db, not a link or a folder"},
	{store.ErrNotPrivate, WrongUse, "make the file its owner's alone: " + private.Command("FILE") + " (and FILE-wal, FILE-shm beside it)"},
	{store.ErrNotOwner, WrongUse, "run lictrail as the file's owner, or make it yours: chown USER FILE (and FILE-wal, FILE-shm beside it); a group may ask where sync runs with --group-readable"},
	{store.ErrFolderNotOpen, WrongUse, "chmod 750 FOLDER, with nothing else in it that the group must not read"},
	{engine.ErrMayNotWrite, Failed, "let this user write to the file and its folder, which SQLite needs for reading too; or, while no lictrail runs, copy the file (and FILE-wal beside it) to a folder of your own and name the copy with --db"},
	{engine.ErrNoRoom, Failed, roomHint},
	{syscall.ENOSPC, Failed, roomHint}, // of a file beside it, such as the lock's
	{syscall.EDQUOT, Failed, roomHint},
	{ledger.ErrPresent, WrongUse, "delete the account first: the next run would record the person anew"},
	{ledger.ErrNamed, Failed, "nothing was erased; change what is called so where it comes from, such as the tenant's name or an imported list, run sync or the import again, and then forget"},
	{store.ErrExists, WrongUse, "name a new file: a backup replaces nothing"},
	{store.ErrOtherTenant, Busy, "keep one database per tenant: name another file with --db"},
	{lake.ErrNoLake, WrongUse, "lictrail export DIR makes one"},
	{lake.ErrNotOurs, WrongUse, "name an empty or a new folder, or one that lictrail export has made; nothing was written"},
	{lake.ErrNamesLeftOut, WrongUse, "give --pseudonymize once more, or name another folder"},
	{lake.ErrNewer, Busy, "use the newer lictrail that wrote it"},
	{lake.ErrNoRoom, Failed, "make room on that disk, or name a folder on another; nothing was written"},
	{lake.ErrOtherHistory, Damaged, "the database was restored from a backup or is another one: export to a new folder, and remove this one"},
	{lake.ErrDamaged, Damaged, "lictrail export --verify DIR shows what is wrong; a new folder can be exported from the databases at any time"},
	{lock.ErrHeld, Busy, "wait until it has finished: lictrail runs shows how it ended"},
	{lock.ErrPlace, WrongUse, "FILE.lock beside the database must be a file of your own: remove what is there, if no run is at work"},
	{engine.ErrBusy, Busy, "wait until the other lictrail has finished, then try again"},
	{store.ErrOvertaken, Busy, "run sync again; two runs on one database gain nothing"},
	{engine.ErrUnrecovered, Busy, "run lictrail sync once: it takes back what was cut off, and the history before it stands"},
	{migrations.ErrNewer, Busy, "use the newer lictrail that wrote it"},
	{migrations.ErrOlder, Busy, "run lictrail sync once to bring the database up to date"},
	{migrations.ErrForeign, Busy, "name lictrail's own file with --db"},
	{migrations.ErrPlanted, Damaged, "do not use the file: it holds SQL that somebody else put there; restore a backup"},
	{migrations.ErrEmpty, WrongUse, "run lictrail sync first"},
	{ErrRefused, Failed, "each is listed with its line and the reason; the same import again adds nothing twice"},
	{store.ErrNotSQLite, Damaged, "name lictrail's own file with --db; if this is it, " + RestoreHint},
	{engine.ErrTooLong, Damaged, "lictrail verify finds it where it stands in the database; one that is only to be taken in, cut it before"},
	{engine.ErrDamaged, Damaged, DamagedHint},
}

// Explain gives an error its exit code and a hint. What has both stays as it is.
func Explain(err error) error {
	var known *out.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var refused *ask.Error
	if errors.As(err, &refused) {
		shown := &out.Error{Code: WrongUse, Message: Sentence(err), Hint: refused.Hint, Err: err}
		for _, c := range refused.Choices {
			shown.Choices = append(shown.Choices, out.Choice(c))
		}
		return shown
	}
	for _, e := range exits {
		if errors.Is(err, e.kind) {
			return &out.Error{Code: e.code, Message: Sentence(err), Hint: hintOf(err, e.hint), Err: err}
		}
	}
	return &out.Error{Code: Failed, Message: Sentence(err), Hint: hintOf(err, ""), Err: err}
}

// Input makes the refusal of a file wrong use. what says what the file is there,
// such as "the rules"; hint serves where the refusal itself has none.
func Input(what, hint string, err error) error {
	var refused *input.Error
	if !errors.As(err, &refused) {
		return err
	}
	message := refused.Error()
	if what != "" {
		message = what + " " + message
	}
	return &out.Error{Code: WrongUse, Message: message, Hint: cmp.Or(refused.Hint, hint), Err: err}
}

// Explained is Explain of an error that is not nil, as what it is.
func Explained(err error) *out.Error {
	known := &out.Error{Code: Failed, Err: err}
	errors.As(Explain(err), &known) // Explain makes no other
	return known
}

// Stands reports whether what a command has printed stands, with the error that it
// ended with: a result code, or a failure of something else.
func Stands(err error) bool {
	var residue *ledger.ResidueError
	return errors.Is(err, ErrChanged) || errors.Is(err, ErrSomeTenants) || errors.Is(err, ErrRecorded) || errors.As(err, &residue)
}

// Code is the exit code that an error leads to; ctx ends with the signal to stop.
func Code(ctx context.Context, err error) int {
	switch {
	case errors.Is(err, ErrChanged):
		return Changed
	case err == nil:
		return Done
	case ctx.Err() != nil && !Stands(err):
		return Interrupted
	}
	return max(Explained(err).Code, Failed)
}

// JSON is an error as documents in JSON have it.
func JSON(err error) *out.ErrorJSON { return out.NewErrorJSON(*Explained(err)) }

// Sentence is what an error says, on one line: those that were joined stand on
// several.
func Sentence(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// hintOf prefers the hint that came with the error: it knows the permission, or
// whom an erasing was of.
func hintOf(err error, general string) string {
	var g *graph.Error
	if errors.As(err, &g) && g.Hint != "" {
		return g.Hint
	}
	var residue *ledger.ResidueError
	if errors.As(err, &residue) {
		return againHint(residue, general)
	}
	return general
}

// againHint says how to erase what an erasing has left behind. A person is no
// longer found by the name that they were forgotten by.
func againHint(e *ledger.ResidueError, general string) string {
	again := "run the same prune again"
	if e.Name != "" {
		again = "run: lictrail forget " + e.Name
	}
	if errors.Is(e, engine.ErrBusy) {
		general = "close what has the database open" // a reader need not be a lictrail
	}
	if general == "" {
		return again
	}
	return general + ", then " + again
}
