// Package cli is lictrail's command line: one file a command, each turning
// flags into a question to the history or into a run, and an answer into text,
// JSON or CSV. It holds no rule about licenses.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
)

// env is what commands work with.
type env struct {
	*out.Streams
	getenv  func(string) string
	now     func() time.Time
	db      string
	format  string
	output  string
	command string // what was asked for, such as "audit events"
	verbose bool

	pseudonymize bool
}

// Run executes the command line and returns the exit code.
func Run(args []string, in io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	defer stop()
	e := &env{Streams: out.NewStreams(in, stdout, stderr, getenv), getenv: getenv, now: time.Now}
	root := newRoot(e)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if errors.Is(err, errChanged) {
		return exitChanged
	}
	if err != nil && ctx.Err() != nil {
		err = &out.Error{Code: exitInterrupted, Message: "interrupted; nothing of this run was recorded as history", Err: err}
	}
	return e.Fail(explain(err), e.format == "json")
}

// stopSignals are those that end a run: also that of a terminal that closes,
// unless the program was started to outlive it, as by nohup.
func stopSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// Root is the command with all below it, for what is written about them. It is
// not to be executed: that is for [Run].
func Root() *cobra.Command { return newRoot(&env{Streams: &out.Streams{}}) }

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "lictrail",
		Short: "Keep the history of Microsoft 365 license assignments, and answer from it",
		Long: `lictrail reads who holds which Microsoft 365 license, every week, compares with
the week before and keeps the truth: since when, by which path, and who did it.
It reads tenants and never writes to one.`,
		Example: `  lictrail demo
  lictrail sync --auth default
  lictrail assignments --user ann@contoso.com
  lictrail who removed ann@contoso.com`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&e.db, "db", "", "database `file` (default $LICTRAIL_DB, or lictrail.db in your data directory)")
	flags.StringVar(&e.format, "format", "text", "`form` of the results: text, json or csv; for tables xlsx as well")
	flags.StringVar(&e.output, "output", "", "write the results to this `file` instead of stdout")
	flags.BoolVar(&e.Quiet, "quiet", false, "no notes and no progress on stderr")
	flags.BoolVar(&e.verbose, "verbose", false, "say more on stderr")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return e.prepare(cmd) }
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(err.Error(), fmt.Sprintf("%s --help", cmd.CommandPath()))
	})
	root.AddCommand(newDemo(e), newSync(e), newWho(e), newAssignments(e), newChanges(e), newHistory(e), newSKUs(e), newGroups(e),
		newReclaim(e), newReport(e), newNotify(e), newWatch(e), newSeatDays(e), newImport(e),
		newRuns(e), newVerify(e), newBackup(e), newForget(e), newPrune(e), newAudit(e), newCatalog(e), newBench(e), newBenchServer(e), newVersion(e), newExitCodes())
	for _, name := range []string{"assignments", "changes", "groups", "history", "seat-days", "skus", "who"} {
		report, _, _ := root.Find([]string{name}) // it was added above
		report.Flags().BoolVar(&e.pseudonymize, "pseudonymize", false, "call people by pseudonyms, the same in every report\nfrom this database")
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	completeFlags(e, root)
	for _, c := range root.Commands() {
		wrap(e, c)
	}
	return root
}

// tabular are the commands whose answer is one table, which a workbook can hold.
var tabular = []string{"assignments", "audit coverage", "audit events", "changes", "groups", "history", "reclaim", "runs", "runs show",
	"seat-days", "skus", "watch", "who"}

// Annotations of commands that know other formats than the usual ones.
const (
	extraFormat = "format"     // one more
	noFormats   = "no-formats" // not these
)

// prepare settles the global flags. A flag beats its variable.
func (e *env) prepare(cmd *cobra.Command) error {
	if e.db == "" {
		e.db = e.getenv("LICTRAIL_DB")
	}
	if e.db == "" {
		dir, err := dataDir(e.getenv)
		if err != nil {
			return usage("no place for the database: "+err.Error(), "name a file with --db")
		}
		e.db = filepath.Join(dir, "lictrail.db")
	}
	e.command = commandName(cmd)
	known := formatsOf(cmd)
	if !slices.Contains(known, e.format) {
		wrong := e.format
		e.format = "text"
		return usage(fmt.Sprintf("unknown format %q", wrong), "--format "+strings.Join(known, ", --format "))
	}
	if e.format == formatWorkbook && e.output == "" {
		e.format = "text"
		return usage("a workbook needs a file", "--output "+strings.ReplaceAll(e.command, " ", "-")+".xlsx")
	}
	return nil
}

// commandName is what was asked for, such as "audit events".
func commandName(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// formatsOf are the formats that a command knows.
func formatsOf(cmd *cobra.Command) []string {
	known := []string{"text", "json", "csv"}
	if slices.Contains(tabular, commandName(cmd)) {
		known = append(known, formatWorkbook)
	}
	if extra := cmd.Annotations[extraFormat]; extra != "" {
		known = append(known, extra)
	}
	no := strings.Split(cmd.Annotations[noFormats], ",")
	return slices.DeleteFunc(known, func(f string) bool { return slices.Contains(no, f) })
}

// dataDir is where the user's programs keep their data on this system.
func dataDir(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "lictrail"), nil
	}
	if dir := getenv("LOCALAPPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "lictrail"), nil
	}
	home := getenv("HOME")
	if home == "" {
		home, _ = os.UserHomeDir()
	}
	switch {
	case home == "":
		return "", errors.New("neither XDG_DATA_HOME nor HOME is set")
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", "lictrail"), nil
	}
	return filepath.Join(home, ".local", "share", "lictrail"), nil
}

// wrap sends the results of a command, and of those below it, to --output.
func wrap(e *env, c *cobra.Command) {
	for _, sub := range c.Commands() {
		wrap(e, sub)
	}
	if c.RunE == nil {
		return
	}
	run := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if e.output == "" {
			return run(cmd, args)
		}
		if err := e.mayWriteTo(e.output); err != nil {
			return err
		}
		var result error // a result code is no failure: the report stands
		err := out.WriteFile(e.output, func(w io.Writer) error {
			e.Out, e.OutTTY, e.Color = w, false, false
			if err := run(cmd, args); !errors.Is(err, errChanged) {
				return err
			}
			result = errChanged
			return nil
		})
		return cmp.Or(err, result)
	}
}

// mayWriteTo refuses to put a report in the place of a database: this one, what
// SQLite keeps beside it, or any other.
func (e *env) mayWriteTo(path string) error {
	refused := usage(fmt.Sprintf("%q is a database", path), "name another file")
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		a, errA := filepath.Abs(path)
		b, errB := filepath.Abs(e.db + suffix)
		if errA == nil && errB == nil && a == b || sameFile(path, e.db+suffix) {
			return refused
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil // WriteFile says what is wrong with it, if anything is
	}
	defer f.Close()
	magic := make([]byte, len(sqliteMagic))
	if _, err := io.ReadFull(f, magic); err == nil && string(magic) == sqliteMagic {
		return refused
	}
	return nil
}

// sqliteMagic is how every SQLite file begins.
const sqliteMagic = "SQLite format 3\x00"

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// noArgs refuses arguments in the words of the other messages.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasParent() || cmd.HasSubCommands() {
		hint := cmd.CommandPath() + " --help"
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = cmd.CommandPath() + " " + near[0]
		}
		return usage(fmt.Sprintf("unknown command %q", args[0]), hint)
	}
	return usage(fmt.Sprintf("%s takes no arguments", cmd.CommandPath()), cmd.CommandPath()+" --help")
}

// argsBetween asks for at least low and at most high arguments; high < 0: any number.
func argsBetween(low, high int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < low || high >= 0 && len(args) > high {
			return usage(fmt.Sprintf("%s needs %s", cmd.CommandPath(), what), cmd.CommandPath()+" --help")
		}
		return nil
	}
}
