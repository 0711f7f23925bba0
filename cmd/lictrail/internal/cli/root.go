// Package cli is lictrail's command line: one file a command, each turning
// flags into a question to the history or into a run, and an answer into text,
// JSON or CSV. It holds no rule about licenses.
package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/near"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/process"
	"lictrail/cmd/lictrail/internal/settings"
	"lictrail/cmd/lictrail/internal/show"
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
	sort    string // the column by which a table is sorted
	limit   int    // rows of a table; 0: all
	noPager bool
	utc     bool
	zone    string

	aside        bool // what is not known goes to stderr: the text is for programs
	pseudonymize bool
	partNumbers  bool  // text calls SKUs by part numbers
	unknown      error // help was asked for on a command that there is not

	logFormat string // text or json
	runID     string // of this execution, in its log and its lock

	config     string                     // the file of settings that --config names
	envFile    string                     // the file of variables
	tenantName string                     // which tenant of the file
	allTenants bool                       // every tenant of the file
	parallel   int                        // how many of them at a time
	shard      string                     // which share of them; "": all
	settings   *settings.Settings         // set by prepare
	origins    map[string]settings.Origin // of the flags of this command
}

// Run executes the command line and returns the exit code.
func Run(args []string, in io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	ctx, stop := process.Interruptible()
	defer stop()
	e := &env{Streams: out.NewStreams(in, stdout, stderr, getenv), getenv: getenv, now: time.Now, runID: process.NewID()}
	root := newRoot(e)
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		completeFlags(e, root) // cobra keeps what is registered, and all that it refers to, for ever
	}
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(e.Out)
	root.SetErr(e.Err)
	err := cmp.Or(root.ExecuteContext(ctx), e.unknown)
	if errors.Is(err, errChanged) {
		return exitChanged
	}
	var said *out.Error
	if err != nil && ctx.Err() != nil && !exit.Stands(err) && !(errors.As(err, &said) && said.Code == exitInterrupted) {
		err = &out.Error{Code: exitInterrupted, Message: "interrupted; nothing of this run was recorded as history", Err: err}
	}
	if err != nil && e.settings == nil && (e.logFormat == "json" || getenv(settings.VariableOf("log-format")) == "json") {
		e.logJSON() // it went wrong before it was settled
	}
	return e.Fail(e.place(explain(err)), e.format == "json")
}

// logJSON makes stderr a log for programs.
func (e *env) logJSON() {
	attrs := []any{"run_id", e.runID}
	if e.tenantName != "" {
		attrs = append(attrs, "tenant", e.tenantName)
	}
	e.LogJSON(attrs...)
}

// place adds to an error of wrong use where the values of the flags in it came from.
func (e *env) place(err error) error {
	var said *out.Error
	if !errors.As(err, &said) || said.Code != exitUsage {
		return err
	}
	from := e.withOrigins(said.Error() + " " + said.Hint)
	if from == "" {
		return err
	}
	return &out.Error{Code: said.Code, Message: said.Error() + "; " + from, Hint: said.Hint, Choices: said.Choices, Err: err}
}

// Root is the command with all below it, for what is written about them. It is
// not to be executed: that is for [Run].
func Root() *cobra.Command { return newRoot(&env{Streams: &out.Streams{}}) }

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "lictrail",
		Short: "Keep the history of Microsoft 365 license assignments, and answer questions from it",
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
	flags.StringVar(&e.format, "format", "text", "`form` of the results: text, json or csv; for tables also xlsx")
	flags.StringVarP(&e.output, "output", "o", "", "write the results to this `file` instead of stdout; its file extension chooses the format")
	flags.BoolVarP(&e.Quiet, "quiet", "q", false, "do not print notes and progress on stderr")
	flags.BoolVarP(&e.verbose, "verbose", "v", false, "print more details on stderr")
	flags.BoolVar(&e.noPager, "no-pager", false, "do not show text with $LICTRAIL_PAGER, $PAGER or less")
	flags.BoolVar(&e.partNumbers, "part-numbers", false, "show SKUs by part number in text, instead of by product name")
	flags.BoolVar(&e.utc, "utc", false, "show times in UTC, overriding --time-zone")
	flags.StringVar(&e.zone, "time-zone", "UTC", "show times in this `zone` in text: UTC, local, or a name such as Europe/Berlin")
	flags.StringVar(&e.logFormat, "log-format", "text", "`form` of messages on stderr: text, or json with one object per line")
	flags.StringVar(&e.config, "config", "", "`file` of settings (default $LICTRAIL_CONFIG, or lictrail/config.toml in your configuration directory, if it is there)")
	flags.StringVar(&e.envFile, settings.EnvFileFlag, "", "`file` of variables such as AZURE_CLIENT_SECRET=..., which only you may read")
	flags.StringVar(&e.tenantName, "tenant-name", "", "use the tenant with this `name` in the configuration")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return e.prepare(cmd) }
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(err.Error(), fmt.Sprintf("%s --help", cmd.CommandPath()))
	})
	for _, group := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Ask", []*cobra.Command{newFind(e), newWho(e), newHistory(e), newAssignments(e), newChanges(e), newActors(e), newSKUs(e), newAllotments(e), newGroups(e), newReclaim(e), newSeats(e), newSeatDays(e), newWhatIf(e), newWatch(e), newReport(e), newServe(e)}},
		{"Collect", []*cobra.Command{newSync(e), newImport(e), newRuns(e), newFleet(e), newNotify(e)}},
		{"Evidence", []*cobra.Command{newAudit(e), newVerify(e)}},
		{"Set up", []*cobra.Command{newDemo(e), newSetup(e), newDoctor(e), newConfig(e), newSchedule(e), newCatalog(e)}},
		{"Keep", []*cobra.Command{newBackup(e), newExport(e), newForget(e), newPrune(e)}},
	} {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title + ":"})
		for _, c := range group.commands {
			c.GroupID = group.title
		}
		root.AddCommand(group.commands...)
	}
	root.SetCompletionCommandGroupID("Set up")
	root.AddCommand(newVersion(e), newExitCodes())
	for _, name := range []string{"actors", "allotments", "assignments", "changes", "find", "groups", "history", "reclaim", "report", "seat-days", "seats flow", "seats first-use", "seats harvest", "serve", "skus", "watch", "what-if", "who"} {
		report, _, _ := root.Find(strings.Fields(name)) // it was added above
		report.Flags().BoolVar(&e.pseudonymize, "pseudonymize", false, "show pseudonyms instead of people's names, the same in every report from this database")
	}
	for _, name := range slices.Concat(tabular, eachTenant) {
		report, _, _ := root.Find(strings.Fields(name))
		report.Flags().BoolVar(&e.allTenants, "all-tenants", false, "run for every tenant of the configuration")
	}
	for _, name := range arranged {
		report, _, _ := root.Find(strings.Fields(name))
		report.Flags().StringVar(&e.sort, "sort", "", "sort by this `column` of CSV; -COLUMN in descending order")
		report.Flags().IntVar(&e.limit, "limit", 0, "show at most this number of `rows`; 0 for all")
	}
	root.Version = version()
	root.SetVersionTemplate("lictrail {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", helpWidth)))
	e.explainUnknown(root)
	for _, c := range root.Commands() {
		wrap(e, c)
	}
	return root
}

// helpWidth is the number of columns that help may take.
const helpWidth = 80

// tabular are the commands whose answer is one table, which a workbook can hold.
var tabular = []string{"actors", "allotments", "assignments", "audit coverage", "audit events", "changes", "find", "groups", "history", "reclaim", "runs", "runs show",
	"seat-days", "seats first-use", "seats flow", "seats harvest", "skus", "watch", "who"}

// eachTenant are further commands that may be run for every tenant of the
// configuration.
var eachTenant = []string{"backup", "doctor", "verify"}

// arranged are the commands whose table can be sorted and limited.
var arranged = []string{"actors", "allotments", "assignments", "audit coverage", "audit events", "audit search", "changes", "groups", "reclaim", "runs", "seat-days", "skus", "watch"}

// Annotations of commands that know other formats than the usual ones.
const (
	extraFormat = "format"     // one more
	noFormats   = "no-formats" // not these
)

// formerly hides a command from help and completion. It keeps its settings.
func formerly(cmd *cobra.Command) *cobra.Command {
	cmd.Hidden, cmd.Annotations = true, map[string]string{settings.Former: "yes"}
	return cmd
}

// prepare settles the flags: those of every command here, where [settings] has
// given them their values.
func (e *env) prepare(cmd *cobra.Command) error {
	if err := e.configure(cmd); err != nil {
		return err
	}
	switch e.logFormat {
	case "json":
		e.logJSON()
	case "text":
	default:
		return usage(fmt.Sprintf("unknown --log-format %q", e.logFormat), "--log-format text, --log-format json")
	}
	if e.db == "" {
		e.db = e.getenv("LICTRAIL_DB")
	}
	if e.db == "" {
		dir, err := process.DataDir(e.getenv)
		if err != nil {
			return usage("no place for the database: "+err.Error(), "name a file with --db")
		}
		e.db = filepath.Join(dir, "lictrail.db")
	}
	if e.utc {
		e.zone = "UTC"
	}
	if err := out.SetZone(e.zone); err != nil {
		return usage(fmt.Sprintf("--time-zone %q is not known here", e.zone), "--time-zone UTC, --time-zone local, --time-zone Europe/Berlin")
	}
	e.command = commandName(cmd)
	if err := e.checkTenant(); err != nil {
		return err
	}
	known := formatsOf(cmd)
	if err := e.chooseFormat(cmd, known); err != nil {
		return err
	}
	if !slices.Contains(known, e.format) {
		if kind := e.origins["format"].Kind; kind == settings.FromFile || kind == settings.FromVariable {
			e.format = cmd.Flag("format").DefValue // said of all commands: this one knows others
			return nil
		}
		wrong := e.format
		e.format = "text"
		return usage(fmt.Sprintf("unknown format %q", wrong), "--format "+strings.Join(known, ", --format "))
	}
	if e.format == show.FormatWorkbook && e.output == "" {
		e.format = "text"
		return usage("a workbook needs a file", "--output "+strings.ReplaceAll(e.command, " ", "-")+".xlsx")
	}
	return nil
}

// chooseFormat takes the form from the ending of --output, unless --format says it.
func (e *env) chooseFormat(cmd *cobra.Command, known []string) error {
	ending := strings.ToLower(strings.TrimPrefix(filepath.Ext(e.output), "."))
	if cmd.Flags().Changed("format") || !slices.Contains([]string{"xlsx", "csv", "json", "html"}, ending) {
		return nil
	}
	if !slices.Contains(known, ending) {
		return usage(fmt.Sprintf("%s has no form %q, as which --output %s ends", e.command, ending, e.output), "--format "+strings.Join(known, ", --format "))
	}
	e.format = ending
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
		known = append(known, show.FormatWorkbook)
	}
	if extra := cmd.Annotations[extraFormat]; extra != "" {
		known = append(known, extra)
	}
	no := strings.Split(cmd.Annotations[noFormats], ",")
	return slices.DeleteFunc(known, func(f string) bool { return slices.Contains(no, f) })
}

// wrap sends the results of a command, and of those below it, to --output.
func wrap(e *env, c *cobra.Command) {
	for _, sub := range c.Commands() {
		wrap(e, sub)
	}
	if c.RunE == nil {
		return
	}
	alone := c.RunE
	run := func(cmd *cobra.Command, args []string) error {
		if e.forFleet() {
			return e.runFleet(cmd.Context(), cmd, args)
		}
		return alone(cmd, args)
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if e.output == "" {
			stop := e.StartPager(e.pager(), e.getenv)
			return stop(run(cmd, args))
		}
		if err := e.mayWriteTo(place{"--output", e.output}); err != nil {
			return err
		}
		var result error
		err := out.WriteFile(e.output, func(w io.Writer) error {
			e.Out, e.OutTTY, e.OutFile, e.Color = w, false, true, false
			if result = run(cmd, args); exit.Stands(result) {
				return nil
			}
			return result
		})
		return cmp.Or(err, result)
	}
}

// pager is the program through which the text of a command goes that lists.
func (e *env) pager() []string {
	if e.noPager || e.format != "text" || !slices.Contains(append([]string{"audit search"}, tabular...), e.command) {
		return nil
	}
	return e.Pager(e.getenv)
}

// explainUnknown has help on a command that there is not be wrong use, as that
// command itself is: cobra would show the help of what stands before it.
func (e *env) explainUnknown(root *cobra.Command) {
	show := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if cmd.HasSubCommands() {
			if e.unknown = noArgs(cmd, cmd.Flags().Args()); e.unknown != nil {
				return
			}
		}
		show(cmd, args)
	})
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"}) // it is there now
	help.Run, help.RunE = nil, func(_ *cobra.Command, args []string) error {
		cmd, rest, err := root.Find(args)
		if err == nil && cmd.HasSubCommands() {
			err = noArgs(cmd, rest)
		}
		if err != nil {
			return err
		}
		cmd.InitDefaultHelpFlag()
		return cmd.Help()
	}
}

// needsCommand is what a command does that has others below it and is nothing by
// itself: a schedule that calls it must not take it for done.
func needsCommand(cmd *cobra.Command, _ []string) error {
	var below []string
	for _, c := range cmd.Commands() {
		below = append(below, c.Name())
	}
	return usage(fmt.Sprintf("%s needs a command: %s", cmd.CommandPath(), strings.Join(below, ", ")), cmd.CommandPath()+" --help")
}

// noArgs refuses arguments in the words of the other messages.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasParent() || cmd.HasSubCommands() {
		hint := cmd.CommandPath() + " --help"
		if word := nearCommand(cmd, args[0]); word != "" {
			hint = cmd.CommandPath() + " " + word
		}
		return usage(fmt.Sprintf("unknown command %q", args[0]), hint)
	}
	return usage(fmt.Sprintf("%s takes no arguments", cmd.CommandPath()), cmd.CommandPath()+" --help")
}

// nearCommand is the command that may have been meant: one that begins so, or the
// nearest.
func nearCommand(cmd *cobra.Command, word string) string {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	for _, name := range names {
		if word != "" && strings.HasPrefix(name, strings.ToLower(word)) {
			return name
		}
	}
	return near.Word(word, names)
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
