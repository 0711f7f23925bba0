// Package settings gives flags that are not given their values: from variables,
// a file of settings, and a tenant's own part of both.
package settings

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/near"
	"lictrail/graph"
)

// PathVariable names the file of settings, where --config does not.
const PathVariable = "LICTRAIL_CONFIG"

// FlagOnly are flags that are for one execution: a file or a variable that set
// them would take a decision for all times that must be taken each time.
var FlagOnly = []string{"help", "config", "tenant-name", "all-tenants", "accept-shrink", "dry-run", "init", "all", "shard"}

// Settings is where flags that are not given have their values from: a table
// [[tenant]] of the file, a variable of that tenant's own, a variable, the file, in
// this order. What is said of one tenant beats what is said of all of them.
type Settings struct {
	Path   string         // the file; where it would be, if there is none
	File   *config.File   // nil: there is none
	Tenant *config.Tenant // the one that was chosen, if any

	getenv  func(string) string
	newRoot func() *cobra.Command // all commands, with flags of their own

	// own finds the value of a variable that is the chosen tenant's alone, and what
	// it is called there; nil where no tenant is chosen.
	own func(name string) (value, called string)

	// flagVariables are those of all commands, found out once: the tenants of a
	// fleet ask at the same time.
	flagVariables func() map[string]bool
}

// Origin is where the value of a flag came from.
type Origin struct {
	Kind OriginKind
	Name string // of the variable or the file
	Line int    // in the file
}

type OriginKind string

const (
	FromDefault  OriginKind = "default"
	FromFlag     OriginKind = "flag"
	FromVariable OriginKind = "variable"
	FromFile     OriginKind = "file"
)

func (o Origin) String() string {
	switch o.Kind {
	case FromVariable:
		return o.Name
	case FromFile:
		return config.Place(o.Name, o.Line)
	}
	return string(o.Kind)
}

// Former marks a command that another one has replaced, and that goes on working,
// with its settings, for the programs that call it.
const Former = "former-name"

// Takes reports whether a command has a use for the file of settings;
// those that have not must work while it is wrong.
func Takes(cmd *cobra.Command) bool {
	for c := cmd; c.HasParent(); c = c.Parent() {
		if c.Hidden && c.Annotations[Former] == "" || slices.Contains([]string{"completion", "help", "version", "path"}, c.Name()) {
			return false
		}
	}
	return cmd.HasParent()
}

// None are the settings of a command that has no use for any.
func None(getenv func(string) string) *Settings { return &Settings{getenv: getenv} }

// Load reads the file of settings, which need not be there unless somebody named
// it, and checks all that stands in it.
func Load(path string, named bool, getenv func(string) string, newRoot func() *cobra.Command) (*Settings, error) {
	s := &Settings{Path: path, getenv: getenv, newRoot: newRoot,
		flagVariables: sync.OnceValue(func() map[string]bool { return variablesOf(newRoot()) })}
	if path == "" {
		return s, nil
	}
	data, err := input.Read(path, input.Trusted, maxSettings)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return s, nil
	}
	if err != nil {
		return nil, exit.Input("the configuration", "name a file that you may read with --config", err)
	}
	s.File, err = config.Parse(path, data)
	var wrong *config.Error
	if errors.As(err, &wrong) {
		return nil, exit.Usage(wrong.Error(), wrong.Hint)
	}
	if err != nil {
		return nil, err
	}
	return s, s.check()
}

// PathOf is where the file of settings is, and whether somebody said so: by the
// flag, or by the variable.
func PathOf(flag string, getenv func(string) string) (path string, named bool) {
	if flag != "" {
		return flag, true
	}
	if path := getenv(PathVariable); path != "" {
		return path, true
	}
	dir := configDir(getenv)
	if dir == "" {
		return "", false
	}
	return filepath.Join(dir, "lictrail", "config.toml"), false
}

// configDir is where the user's programs keep their settings on this system; ""
// where that cannot be known.
func configDir(getenv func(string) string) string {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if runtime.GOOS == "windows" {
		return getenv("APPDATA")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".config")
	}
	return ""
}

// NoPlace says why [PathOf] finds none.
func NoPlace() string {
	if runtime.GOOS == "windows" {
		return "no place for the configuration: neither XDG_CONFIG_HOME nor APPDATA is set"
	}
	return "no place for the configuration: neither XDG_CONFIG_HOME nor HOME is set"
}

// maxSettings is several times what the tables of the largest partner's customers take.
const maxSettings = 8 << 20

// Read reads a file of settings, which nobody else may be able to write.
func Read(path string) ([]byte, error) {
	data, err := input.Read(path, input.Trusted, maxSettings)
	return data, exit.Input("the configuration", "name a file that you may read", err)
}

// Choose finds the tenant that --tenant-name names.
func (s *Settings) Choose(name string) (*config.Tenant, error) {
	if name == "" {
		return nil, nil
	}
	known := s.TenantNames()
	if len(known) == 0 {
		return nil, exit.Usage(fmt.Sprintf("--tenant-name %s: the configuration names no tenants", name), "tables [[tenant]] in the file that --config names: docs/unattended.md")
	}
	if t := s.File.Tenant(name); t != nil {
		return t, nil
	}
	return nil, exit.Usage(fmt.Sprintf("there is no tenant %q in %s", name, s.Path), "one of: "+strings.Join(known, ", "))
}

func (s *Settings) TenantNames() []string {
	if s.File == nil {
		return nil
	}
	var names []string
	for _, t := range s.File.Tenants {
		names = append(names, t.Name)
	}
	return names
}

// Apply gives a flag its value, unless it was given.
func (s *Settings) Apply(cmd *cobra.Command, name string, origins map[string]Origin) error {
	f := cmd.Flags().Lookup(name)
	if f == nil {
		return nil
	}
	v, from := s.Lookup(cmd, f)
	origins[name] = from
	if from.Kind == FromFlag || from.Kind == FromDefault {
		return nil
	}
	v.Texts = Beside(f, v.Texts, from)
	return assign(f, v, from)
}

// assign gives a flag a value, with all the checks of the flag.
func assign(f *pflag.Flag, v config.Value, from Origin) error {
	var err error
	slice, many := f.Value.(pflag.SliceValue)
	switch {
	case v.List && many:
		err = slice.Replace(v.Texts)
	case v.List:
		err = errors.New("it takes one value, not a list")
	default:
		err = f.Value.Set(v.Text())
	}
	if err != nil {
		_, what := pflag.UnquoteUsage(f)
		return exit.Usage(fmt.Sprintf("%s: %s = %q: %v", from, f.Name, v.Text(), err), "--"+f.Name+": "+strings.ReplaceAll(what, "\n", " "))
	}
	return nil
}

// Beside takes the name of a file in the configuration as seen from there: a
// scheduler starts programs in folders of its own choice.
func Beside(f *pflag.Flag, texts []string, from Origin) []string {
	if what, _ := pflag.UnquoteUsage(f); what != "file" || from.Kind != FromFile {
		return texts
	}
	paths := slices.Clone(texts)
	for i, p := range paths {
		if p != "" && !filepath.IsAbs(p) && !graph.InStore(p) {
			paths[i] = filepath.Join(filepath.Dir(from.Name), p)
		}
	}
	return paths
}

// Lookup finds the value of a command's flag, and where it stands.
func (s *Settings) Lookup(cmd *cobra.Command, f *pflag.Flag) (config.Value, Origin) {
	if f.Changed {
		return config.Value{Texts: []string{FlagText(f)}}, Origin{Kind: FromFlag}
	}
	if slices.Contains(FlagOnly, f.Name) {
		return config.Value{Texts: []string{FlagText(f)}}, Origin{Kind: FromDefault}
	}
	keys := []string{strings.Join(append(CommandWords(cmd), f.Name), ".")}
	if shared(cmd.Root())[f.Name] {
		keys = append(keys, f.Name)
	}
	inFile := func(values config.Values) (config.Value, Origin, bool) {
		for _, key := range keys {
			if v, ok := values[key]; ok {
				return v, Origin{FromFile, s.Path, v.Line}, true
			}
		}
		return config.Value{}, Origin{}, false
	}
	if s.Tenant != nil {
		if v, from, ok := inFile(s.Tenant.Values); ok {
			return v, from
		}
	}
	v, from := s.lookupForAll(f, inFile)
	if value, called := s.ownOf(f.Name); value != "" && from.Kind != FromDefault {
		return config.Value{Texts: []string{value}}, Origin{Kind: FromVariable, Name: called}
	}
	return v, from
}

// lookupForAll finds the value of a flag where it stands for every tenant.
func (s *Settings) lookupForAll(f *pflag.Flag, inFile func(config.Values) (config.Value, Origin, bool)) (config.Value, Origin) {
	if name := VariableOf(f.Name); s.getenv(name) != "" {
		return config.Value{Texts: []string{s.getenv(name)}}, Origin{Kind: FromVariable, Name: name}
	}
	if s.File != nil {
		if v, from, ok := inFile(s.File.Values); ok {
			return v, from
		}
	}
	return config.Value{Texts: []string{FlagText(f)}}, Origin{Kind: FromDefault}
}

// signInFlags are the flags in whose place Microsoft's tools have a variable.
var signInFlags = map[string]string{"tenant": graph.TenantVariable, "client-id": graph.ClientVariable, "certificate": graph.CertificateVariable}

// ownOf finds what a variable that is the tenant's alone says in a flag's place,
// be it lictrail's or Microsoft's: it beats what is said of all tenants.
func (s *Settings) ownOf(flag string) (value, called string) {
	if s.own == nil {
		return "", ""
	}
	if value, called = s.own(VariableOf(flag)); value == "" && signInFlags[flag] != "" {
		value, called = s.own(signInFlags[flag])
	}
	return value, called
}

// VariableOf is the variable that sets a flag.
func VariableOf(flag string) string {
	return "LICTRAIL_" + strings.ReplaceAll(strings.ToUpper(flag), "-", "_")
}

// CommandWords is what one types to run the command: audit, coverage.
func CommandWords(cmd *cobra.Command) []string { return strings.Fields(cmd.CommandPath())[1:] }

// shared are the flags that stand at the top of the file: those of every command
// and those that say how to connect.
func shared(root *cobra.Command) map[string]bool {
	names := map[string]bool{}
	note := func(f *pflag.Flag) { names[f.Name] = true }
	root.PersistentFlags().VisitAll(note)
	connecting := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&connect.Connection{}).AddFlags(connecting)
	connecting.VisitAll(note)
	return names
}

// check refuses keys that set nothing and values that no flag takes, wherever
// they stand in the file. The values are tried on flags of their own.
func (s *Settings) check() error {
	if s.File == nil {
		return nil
	}
	root := s.newRoot()
	if err := s.checkKeys(root, s.File.Values); err != nil {
		return err
	}
	for _, t := range s.File.Tenants {
		if err := s.checkKeys(root, t.Values); err != nil {
			return err
		}
	}
	return s.checkDatabases(root)
}

func (s *Settings) checkKeys(root *cobra.Command, values config.Values) error {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		message, hint := wrongKey(root, key)
		if message != "" {
			return exit.Usage(config.Place(s.Path, values[key].Line)+": "+message, hint)
		}
		if err := assign(flagOf(root, key), values[key], Origin{FromFile, s.Path, values[key].Line}); err != nil {
			return err
		}
	}
	return nil
}

// secretWords are what the names of secrets are made of.
var secretWords = regexp.MustCompile(`(?i)secret|passw|passphrase|token|credential|private.?key|api.?key`)

// wrongKey says what is wrong with a key; "" for nothing.
func wrongKey(root *cobra.Command, key string) (message, hint string) {
	words := strings.Split(key, ".")
	name, path := words[len(words)-1], words[:len(words)-1]
	cmd := CommandOf(root, path)
	var known []string
	switch {
	case len(path) == 0:
		known = slices.Sorted(maps.Keys(shared(root)))
	case cmd != nil:
		known = flagNames(cmd)
	}
	switch {
	case slices.Contains(FlagOnly, name):
		return fmt.Sprintf("%q is for one execution", key), "give it on the command line: --" + name
	case slices.Contains(known, name):
		return "", ""
	case secretWords.MatchString(name):
		return fmt.Sprintf("%q: a secret does not belong in this file", key),
			"in a variable, such as AZURE_CLIENT_SECRET or LICTRAIL_ACCESS_TOKEN, or in a file of variables that env-file names"
	case len(path) > 0 && cmd == nil:
		return fmt.Sprintf("unknown key %q: there is no command %q", key, strings.Join(path, " ")), meant(path[0], commandNames(root))
	}
	message = fmt.Sprintf("unknown key %q", key)
	var takers []string
	for _, c := range root.Commands() {
		if len(path) == 0 && Takes(c) && c.Name() != "schedule" && c.Flags().Lookup(name) != nil { // schedule has those of sync
			takers = append(takers, "["+c.Name()+"]")
		}
	}
	if len(takers) > 0 {
		return message + " at the top level", strings.Join(takers, " or ") + " above it: it is a flag of that command"
	}
	if hint = meant(name, known); hint == "" {
		hint = "the names of flags: " + strings.Join(append([]string{"lictrail"}, path...), " ") + " --help"
	}
	return message, hint
}

// flagOf finds the flag that a key sets, which is known to be right.
func flagOf(root *cobra.Command, key string) *pflag.Flag {
	words := strings.Split(key, ".")
	name, path := words[len(words)-1], words[:len(words)-1]
	if f := CommandOf(root, path).Flag(name); f != nil {
		return f
	}
	return CommandOf(root, []string{"sync"}).Flag(name) // of the connection
}

func meant(word string, known []string) string {
	if w := near.Word(word, known); w != "" {
		return "write " + w
	}
	return ""
}

// CommandOf finds a command by its words; nil when there is none.
func CommandOf(root *cobra.Command, words []string) *cobra.Command {
	cmd := root
	for _, w := range words {
		i := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == w && Takes(c) })
		if i < 0 {
			return nil
		}
		cmd = cmd.Commands()[i]
	}
	return cmd
}

func commandNames(root *cobra.Command) []string {
	var names []string
	for _, c := range root.Commands() {
		if Takes(c) {
			names = append(names, c.Name())
		}
	}
	return names
}

// flagNames are the flags of a command, with those of every command.
func flagNames(cmd *cobra.Command) []string {
	var names []string
	note := func(f *pflag.Flag) { names = append(names, f.Name) }
	cmd.LocalFlags().VisitAll(note)
	cmd.InheritedFlags().VisitAll(note)
	return names
}

// checkDatabases asks for a database of its own for each tenant.
func (s *Settings) checkDatabases(root *cobra.Command) error {
	db := root.PersistentFlags().Lookup("db")
	owner := map[string]config.Tenant{}
	for _, t := range s.File.Tenants {
		v, ok := t.Values["db"]
		if !ok || v.Text() == "" {
			return exit.Usage(fmt.Sprintf("%s: tenant %q has no database of its own", config.Place(s.Path, t.Line), t.Name), fmt.Sprintf("db = %q", t.Name+".db"))
		}
		path := RealPath(Beside(db, v.Texts, Origin{Kind: FromFile, Name: s.Path})[0])
		if twin, ok := owner[path]; ok {
			return exit.Usage(fmt.Sprintf("%s: tenants %q and %q have the same database", config.Place(s.Path, v.Line), twin.Name, t.Name), "give each tenant a database of its own")
		}
		owner[path] = t
	}
	return nil
}

// FileOf is the file that a flag names for a tenant; "" for none.
func (s *Settings) FileOf(t *config.Tenant, cmd *cobra.Command, f *pflag.Flag) string {
	own := *s
	own.Tenant = t
	v, from := own.Lookup(cmd, f)
	return strings.Join(Beside(f, v.Texts, from), ",")
}

// RealPath is a path that two names of one file have in common, as far as that
// can be said of a file that may not be there yet.
func RealPath(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}

// FlagText is a flag's value as one would write it.
func FlagText(f *pflag.Flag) string {
	many, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return f.Value.String()
	}
	var b strings.Builder
	w := csv.NewWriter(&b) // as pflag reads it
	if len(many.GetSlice()) > 0 && w.Write(many.GetSlice()) == nil {
		w.Flush()
	}
	return strings.TrimSuffix(b.String(), "\n")
}
