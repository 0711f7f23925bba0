package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/settings"
	"lictrail/cmd/lictrail/internal/show"
)

// A fleet is the tenants of the configuration. A command that is for all of them
// is run once for each, in a process of its own: one sees no variables of the
// other, and what happens to one does not happen to the other.

// errSomeTenants marks the failure of some tenants: what the others answered
// stands.
var errSomeTenants = errors.New("some tenants failed")

// severity orders exit codes by how much they need a person: that of a fleet is
// the first of these that any tenant ended with.
var severity = []int{exitInterrupted, exitDamaged, exitFailed, exitUsage, exitAuth, exitBusy, exitIncomplete, exitUnavailable, exitChanged, exitDone}

// codeWords say in a table how a tenant ended.
var codeWords = map[int]string{exitDone: "done", exitFailed: "failed", exitUsage: "wrong use", exitIncomplete: "incomplete read", exitAuth: "sign-in or permission",
	exitUnavailable: "throttled or out of reach", exitDamaged: "database damaged", exitBusy: "database busy", exitChanged: "changes found", exitInterrupted: "interrupted"}

// oneTenant are the commands that need no tenant chosen.
var oneTenant = []string{"sync", "config show", "schedule", "exit-codes", "demo", "setup", "setup certificate", "serve"}

// fleet is a command on its way to every tenant.
type fleet struct {
	*env
	cmd     *cobra.Command
	args    []string
	results []tenantResult // in the order of the configuration
}

// tenantResult is how the command ended for one tenant.
type tenantResult struct {
	tenant *config.Tenant
	out    bytes.Buffer
	code   int
	failed *logLine // what it said at the end; nil when it did not fail
	run    *logLine // of sync: the run that became history
}

// logLine is a line of a tenant's log.
type logLine struct {
	Level       string `json:"level"`
	Message     string `json:"msg"`
	Hint        string `json:"hint"`
	Code        int    `json:"code"`
	Run         int64  `json:"run"`
	Users       int64  `json:"users"`
	Assignments int64  `json:"assignments"`
	Changes     int64  `json:"changes"`
	Warnings    int64  `json:"warnings"`
}

// runComplete is what sync records of a run that became history.
const runComplete = "run complete"

// atOnce are the commands that read all tenants in one process.
var atOnce = []string{"export"}

// forFleet reports whether a command is to be run for every tenant of the
// configuration, in a process for each.
func (e *env) forFleet() bool {
	return e.allTenants && !slices.Contains(atOnce, e.command) || e.command == "sync" && e.settings.Tenant == nil && len(e.settings.TenantNames()) > 0
}

// checkTenant refuses to guess which tenant is meant.
func (e *env) checkTenant() error {
	names := e.settings.TenantNames()
	switch {
	case e.allTenants && e.settings.Tenant != nil:
		return usage("--all-tenants and --tenant-name say different things", "leave one of them out")
	case e.allTenants && len(names) == 0:
		return usage("--all-tenants: the configuration names no tenants", "tables [[tenant]] in the file that --config names: docs/unattended.md")
	case len(names) == 0 || e.settings.Tenant != nil || e.allTenants || slices.Contains(oneTenant, e.command):
		return nil
	case e.origins["db"].Kind != settings.FromDefault:
		return nil
	}
	hint := "--tenant-name " + strings.Join(names, ", --tenant-name ")
	if slices.Contains(slices.Concat(tabular, atOnce, eachTenant), e.command) {
		hint += ", or --all-tenants"
	}
	return usage(fmt.Sprintf("the configuration names %s: which one?", show.Plural(len(names), "tenant")), hint)
}

// runFleet runs the command for every tenant, some at a time, and puts what they
// answer together in the order of the configuration.
func (e *env) runFleet(ctx context.Context, cmd *cobra.Command, args []string) error {
	f := &fleet{env: e, cmd: cmd, args: args}
	if err := f.check(); err != nil {
		return err
	}
	tenants, err := e.share(e.settings.File.Tenants)
	if err != nil {
		return err
	}
	f.results = make([]tenantResult, len(tenants))
	slots := make(chan struct{}, max(1, e.parallel))
	var all sync.WaitGroup
	for i := range tenants {
		f.results[i] = tenantResult{tenant: &tenants[i], code: exitInterrupted}
		all.Go(func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
			}
			if ctx.Err() == nil {
				f.runOne(ctx, &f.results[i])
			}
		})
	}
	all.Wait()
	if err := f.print(); err != nil {
		return err
	}
	return f.verdict()
}

// check refuses what would have tenants get into each other's way.
func (f *fleet) check() error {
	for _, name := range []string{"db", "tenant"} {
		if flag := f.cmd.Flag(name); flag != nil && flag.Changed {
			return usage(fmt.Sprintf("--%s is one tenant's, and this is for all of them", name), "choose one with --tenant-name, or set it below [[tenant]] in "+f.settings.Path)
		}
	}
	if !slices.Contains([]string{"text", "json", "csv"}, f.format) {
		return usage(fmt.Sprintf("--format %s holds one tenant only", f.format), "--format json, --format csv, or choose one with --tenant-name")
	}
	if head := f.cmd.Flag("head"); f.command == "verify" && head.Changed {
		return usage("--head is one tenant's, and this is for all of them", "choose one with --tenant-name")
	}
	if f.command == "backup" {
		if info, err := os.Stat(f.args[0]); err != nil || !info.IsDir() {
			return usage(fmt.Sprintf("%q is no folder: with --all-tenants each tenant has a file of its own in one", f.args[0]), "mkdir it first: lictrail backup --all-tenants FOLDER")
		}
	}
	if f.parallel < 1 {
		return usage("--parallel must be at least 1", "--parallel 4")
	}
	var wrong error
	f.cmd.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) {
		if what, _ := pflag.UnquoteUsage(flag); what == "file" && flag.Name != "rules" && wrong == nil {
			wrong = f.checkFile(flag)
		}
	})
	return wrong
}

// checkFile refuses to have two tenants write the same file.
func (f *fleet) checkFile(flag *pflag.Flag) error {
	owner := map[string]string{}
	for i := range f.settings.File.Tenants {
		s := *f.settings
		s.Tenant = &s.File.Tenants[i]
		v, from := s.Lookup(f.cmd, flag)
		path := strings.Join(settings.Beside(flag, v.Texts, from), ",")
		if path == "" {
			continue
		}
		if twin, ok := owner[settings.RealPath(path)]; ok {
			return usage(fmt.Sprintf("tenants %q and %q would both write --%s %s", twin, s.Tenant.Name, flag.Name, path),
				fmt.Sprintf("set %s below [tenant.%s], for each tenant its own", flag.Name, strings.Join(settings.CommandWords(f.cmd), ".")))
		}
		owner[settings.RealPath(path)] = s.Tenant.Name
	}
	return nil
}

// grace is how long a process has to end well once it was interrupted.
const grace = 30 * time.Second

// runOne runs the command for one tenant.
func (f *fleet) runOne(ctx context.Context, r *tenantResult) {
	program, err := os.Executable()
	if err != nil {
		r.code, r.failed = exitFailed, &logLine{Message: "this program's path is not known: " + err.Error()}
		return
	}
	log := &lineWriter{each: func(line []byte) { f.hear(r, line) }}
	c := exec.CommandContext(ctx, program, f.arguments(r.tenant)...)
	c.Args[0] = os.Args[0]
	c.Env = f.settings.Environment(r.tenant)
	c.Stdout, c.Stderr = &r.out, log
	c.WaitDelay = grace
	c.Cancel = func() error {
		if runtime.GOOS == "windows" {
			return nil // whoever interrupts at a console interrupts all
		}
		return c.Process.Signal(syscall.SIGTERM)
	}
	err = c.Run()
	log.end()
	r.code = c.ProcessState.ExitCode() // -1 where it did not run or was killed
	if _, known := codeWords[r.code]; known {
		return
	}
	r.code = exitFailed
	if err != nil {
		r.failed = &logLine{Message: err.Error()}
		if f.format != "json" {
			f.Fail(&out.Error{Code: exitFailed, Message: r.tenant.Name + ": " + err.Error()}, false)
		}
	}
}

// arguments are those that were given, for one tenant.
func (f *fleet) arguments(t *config.Tenant) []string {
	args := settings.CommandWords(f.cmd)
	f.cmd.Flags().Visit(func(flag *pflag.Flag) {
		if !slices.Contains([]string{"config", "all-tenants", "parallel", "format", "output", "log-format", "quiet", "shard", settings.EnvFileFlag}, flag.Name) {
			args = append(args, "--"+flag.Name+"="+settings.FlagText(flag))
		}
	})
	args = append(args, "--config="+f.settings.Path, "--tenant-name="+t.Name, "--format="+f.format, "--output=", "--log-format=json", "--quiet=false", "--")
	return append(args, f.positional(t)...)
}

// positional are the arguments without flags: of backup, the folder in which each
// tenant has a file of its own.
func (f *fleet) positional(t *config.Tenant) []string {
	if f.command == "backup" && len(f.args) == 1 {
		return []string{filepath.Join(f.args[0], t.Name+".db")}
	}
	return f.args
}

// hear takes a line of a tenant's log: to this log as it is, or to people with
// the tenant's name before it.
func (f *fleet) hear(r *tenantResult, line []byte) {
	var l logLine
	if json.Unmarshal(line, &l) != nil {
		l = logLine{Level: "WARN", Message: string(line)}
	}
	said := r.tenant.Name + ": " + l.Message
	switch {
	case l.Message == runComplete:
		r.run = &l
	case l.Level == "ERROR":
		r.failed = &l
	}
	switch {
	case f.logFormat == "json":
		f.Relay(line, l.Level == "INFO")
	case l.Level == "ERROR" && f.format == "json": // the document has it, and stderr one error
	case l.Level == "ERROR":
		f.Fail(&out.Error{Code: l.Code, Message: said, Hint: l.Hint}, false)
	case l.Level == "WARN":
		f.Warnf("%s", said)
	case l.Message != runComplete:
		f.Notef("%s", said)
	}
}

// lineWriter hands on whole lines.
type lineWriter struct {
	rest []byte
	each func([]byte)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		w.each(line)
		w.rest = rest
	}
}

func (w *lineWriter) end() {
	if len(w.rest) > 0 {
		w.each(w.rest)
	}
}

// verdict is the one exit code, and who failed.
func (f *fleet) verdict() error {
	worst, failed := exitDone, []string{}
	for _, r := range f.results {
		if slices.Index(severity, r.code) < slices.Index(severity, worst) {
			worst = r.code
		}
		if r.code != exitDone && r.code != exitChanged {
			failed = append(failed, fmt.Sprintf("%s (%d, %s)", r.tenant.Name, r.code, codeWords[r.code]))
		}
	}
	switch worst {
	case exitDone:
		return nil
	case exitChanged:
		return errChanged
	}
	return &out.Error{Code: worst, Err: errSomeTenants, Hint: "lictrail " + strings.Join(settings.CommandWords(f.cmd), " ") + " --tenant-name NAME tries one of them again",
		Message: fmt.Sprintf("%d of %s failed: %s", len(failed), show.Plural(len(f.results), "tenant"), strings.Join(failed, ", "))}
}

// print puts the answers together.
func (f *fleet) print() error {
	switch f.format {
	case "json":
		return f.printJSON()
	case "csv":
		return f.printCSV()
	}
	for i := range f.results {
		r := &f.results[i]
		if r.out.Len() == 0 {
			continue
		}
		if err := f.Printf("%s\n", r.tenant.Name); err != nil {
			return err
		}
		if _, err := f.Out.Write(append(r.out.Bytes(), '\n')); err != nil {
			return err
		}
	}
	if f.command == "sync" {
		return f.printTable()
	}
	return nil
}

// printTable tells at a glance how a run of every tenant went.
func (f *fleet) printTable() error {
	table := out.NewTable(out.Column{Head: "TENANT", Min: 12, Rank: 1}, out.Column{Head: "RUN"}, out.Column{Head: "USERS"}, out.Column{Head: "ASSIGNED"},
		out.Column{Head: "CHANGES"}, out.Column{Head: "WARN"}, out.Column{Head: "CODE"}, out.Column{Head: "RESULT", Min: 12, Wrap: true})
	for _, r := range f.results {
		row := []any{r.tenant.Name, nil, nil, nil, nil, nil, r.code, codeWords[r.code]}
		if l := r.run; l != nil {
			copy(row[1:], []any{l.Run, l.Users, l.Assignments, l.Changes, l.Warnings})
		}
		if r.code != exitDone && r.code != exitChanged {
			row[7] = out.Cell{Value: codeWords[r.code], Style: out.Red}
		}
		table.Row(row...)
	}
	return table.Print(f.Streams)
}

// printJSON gives each tenant's document whole, as the command gives it for one.
func (f *fleet) printJSON() error {
	type tenantJSON struct {
		Name     string          `json:"name"`
		Code     int             `json:"exit_code"`
		Error    *out.ErrorJSON  `json:"error"`
		Document json.RawMessage `json:"document"`
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"schema\": %d,\n  \"tenants\": [", out.Schema)
	for i := range f.results {
		r := &f.results[i]
		t := tenantJSON{Name: r.tenant.Name, Code: r.code}
		if json.Valid(r.out.Bytes()) {
			t.Document = r.out.Bytes()
		}
		if r.code != exitDone && r.code != exitChanged {
			l := cmp.Or(r.failed, &logLine{Message: codeWords[r.code]})
			t.Error = out.NewErrorJSON(out.Error{Code: r.code, Message: l.Message, Hint: l.Hint})
		}
		var item bytes.Buffer
		enc := json.NewEncoder(&item)
		enc.SetEscapeHTML(false)
		enc.SetIndent("    ", "  ")
		if err := enc.Encode(t); err != nil {
			return fmt.Errorf("put the answers together: %w", err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    " + strings.TrimSpace(item.String()))
	}
	b.WriteString("\n  ]\n}\n")
	_, err := f.Out.Write(out.EscapeJSON(b.Bytes()))
	return err
}

// printCSV puts the tenant's name before each record, and takes the head of all
// but the first away.
func (f *fleet) printCSV() error {
	var b bytes.Buffer
	for i := range f.results {
		r := &f.results[i]
		text := bytes.TrimPrefix(r.out.Bytes(), mark)
		if b.Len() == 0 && len(text) > 0 {
			if !f.OutTTY { // as [out.NewCSV] has it
				b.Write(r.out.Bytes()[:r.out.Len()-len(text)])
			}
		} else if text = text[len(record(text)):]; len(text) == 0 {
			continue
		}
		name := r.tenant.Name
		if i == f.firstAnswer() {
			name = "tenant" // its head
		}
		for len(text) > 0 {
			line := record(text)
			b.WriteString(name + ",")
			b.Write(line)
			text, name = text[len(line):], r.tenant.Name
		}
	}
	_, err := f.Out.Write(b.Bytes())
	return err
}

// firstAnswer is the first tenant with an answer.
func (f *fleet) firstAnswer() int {
	return slices.IndexFunc(f.results, func(r tenantResult) bool { return r.out.Len() > 0 })
}

var mark = []byte("\ufeff")

// record takes one record off CSV: quotes may hold the ends of lines.
func record(text []byte) []byte {
	quoted := false
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\n' && !quoted:
			return text[:i+1]
		}
	}
	return text
}
