package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/near"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
)

// configVariable names the file of settings, where --config does not.
const configVariable = "LICTRAIL_CONFIG"

// flagOnly are flags that are for one execution: a file or a variable that set
// them would take a decision for all times that must be taken each time.
var flagOnly = []string{"help", "config", "tenant-name", "all-tenants", "accept-shrink", "dry-run", "init", "all"}

// settings is where flags that are not given have their values from: a table
// [[tenant]] of the file, a variable of that tenant's own, a variable, the file, in
// this order. What is said of one tenant beats what is said of all of them.
type settings struct {
	path   string         // the file; where it would be, if there is none
	file   *config.File   // nil: there is none
	tenant *config.Tenant // the one that was chosen, if any
	getenv func(string) string

	// own finds the value of a variable that is the chosen tenant's alone, and what
	// it is called there; nil where no tenant is chosen.
	own func(name string) (value, called string)

	ofFlags map[string]bool // see flagVariables
}

// origin is where the value of a flag came from.
type origin struct {
	kind originKind
	name string // of the variable or the file
	line int    // in the file
}

type originKind string

const (
	fromDefault  originKind = "default"
	fromFlag     originKind = "flag"
	fromVariable originKind = "variable"
	fromFile     originKind = "file"
)

func (o origin) String() string {
	switch o.kind {
	case fromVariable:
		return o.name
	case fromFile:
		return config.Place(o.name, o.line)
	}
	return string(o.kind)
}

// configure settles every flag of the command that was not given.
func (e *env) configure(cmd *cobra.Command) error {
	if !takesSettings(cmd) {
		e.settings = &settings{getenv: e.getenv}
		return nil
	}
	s, err := loadSettings(e)
	if err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	if s.tenant, err = s.choose(e.tenantName); err != nil {
		return err
	}
	e.settings, e.origins = s, map[string]origin{}
	if err := s.apply(cmd, envFileFlag, e.origins); err != nil {
		return err
	}
	if cmd.Flag("auth") == nil && !strings.HasSuffix(cmd.CommandPath(), " config show") && e.origins[envFileFlag].kind != fromFlag {
		e.envFile = "" // it signs in nowhere: who only asks may be unable to read the secrets
	}
	if e.getenv, err = e.variables(); err != nil {
		return err
	}
	s.getenv = e.getenv
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if err == nil && f.Name != envFileFlag {
			err = s.apply(cmd, f.Name, e.origins)
		}
	})
	return err
}

// takesSettings reports whether a command has a use for the file of settings;
// those that have not must work while it is wrong.
func takesSettings(cmd *cobra.Command) bool {
	for c := cmd; c.HasParent(); c = c.Parent() {
		if c.Hidden && c.Annotations[formerName] == "" || slices.Contains([]string{"completion", "help", "version", "path"}, c.Name()) {
			return false
		}
	}
	return cmd.HasParent()
}

// loadSettings reads the file that --config or its variable names, or the one
// in the user's configuration directory, if it is there.
func loadSettings(e *env) (*settings, error) {
	path, named := e.configPath()
	s := &settings{path: path, getenv: e.getenv}
	if path == "" {
		return s, nil
	}
	data, err := readSettings(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	s.file, err = config.Parse(path, data)
	var wrong *config.Error
	if errors.As(err, &wrong) {
		return nil, usage(wrong.Error(), wrong.Hint)
	}
	return s, err
}

// configPath is where the file of settings is, and whether somebody said so.
func (e *env) configPath() (path string, named bool) {
	if e.config != "" {
		return e.config, true
	}
	if path := e.getenv(configVariable); path != "" {
		return path, true
	}
	dir := configDir(e.getenv)
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

// maxSettings is more than anybody writes by hand.
const maxSettings = 1 << 20

// readSettings reads a file that others must not be able to write: it says where
// tokens are sent.
func readSettings(path string) ([]byte, error) {
	return readInput("the configuration", path, input.Trusted, maxSettings, "name a file that you may read with --config")
}

// choose finds the tenant that --tenant-name names.
func (s *settings) choose(name string) (*config.Tenant, error) {
	if name == "" {
		return nil, nil
	}
	known := s.tenantNames()
	if len(known) == 0 {
		return nil, usage(fmt.Sprintf("--tenant-name %s: the configuration names no tenants", name), "tables [[tenant]] in the file that --config names: docs/unattended.md")
	}
	if t := s.file.Tenant(name); t != nil {
		return t, nil
	}
	return nil, usage(fmt.Sprintf("there is no tenant %q in %s", name, s.path), "one of: "+strings.Join(known, ", "))
}

func (s *settings) tenantNames() []string {
	if s.file == nil {
		return nil
	}
	var names []string
	for _, t := range s.file.Tenants {
		names = append(names, t.Name)
	}
	return names
}

// apply gives a flag its value, unless it was given.
func (s *settings) apply(cmd *cobra.Command, name string, origins map[string]origin) error {
	f := cmd.Flags().Lookup(name)
	if f == nil {
		return nil
	}
	v, from := s.lookup(cmd, f)
	origins[name] = from
	if from.kind == fromFlag || from.kind == fromDefault {
		return nil
	}
	v.Texts = beside(f, v.Texts, from)
	return assign(f, v, from)
}

// assign gives a flag a value, with all the checks of the flag.
func assign(f *pflag.Flag, v config.Value, from origin) error {
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
		return usage(fmt.Sprintf("%s: %s = %q: %v", from, f.Name, v.Text(), err), "--"+f.Name+": "+strings.ReplaceAll(what, "\n", " "))
	}
	return nil
}

// beside takes the name of a file in the configuration as seen from there: a
// scheduler starts programs in folders of its own choice.
func beside(f *pflag.Flag, texts []string, from origin) []string {
	if what, _ := pflag.UnquoteUsage(f); what != "file" || from.kind != fromFile {
		return texts
	}
	paths := slices.Clone(texts)
	for i, p := range paths {
		if p != "" && !filepath.IsAbs(p) {
			paths[i] = filepath.Join(filepath.Dir(from.name), p)
		}
	}
	return paths
}

// lookup finds the value of a command's flag, and where it stands.
func (s *settings) lookup(cmd *cobra.Command, f *pflag.Flag) (config.Value, origin) {
	if f.Changed {
		return config.Value{Texts: []string{flagText(f)}}, origin{kind: fromFlag}
	}
	if slices.Contains(flagOnly, f.Name) {
		return config.Value{Texts: []string{flagText(f)}}, origin{kind: fromDefault}
	}
	keys := []string{strings.Join(append(commandWords(cmd), f.Name), ".")}
	if shared(cmd.Root())[f.Name] {
		keys = append(keys, f.Name)
	}
	inFile := func(values config.Values) (config.Value, origin, bool) {
		for _, key := range keys {
			if v, ok := values[key]; ok {
				return v, origin{fromFile, s.path, v.Line}, true
			}
		}
		return config.Value{}, origin{}, false
	}
	if s.tenant != nil {
		if v, from, ok := inFile(s.tenant.Values); ok {
			return v, from
		}
	}
	v, from := s.lookupForAll(f, inFile)
	if value, called := s.ownOf(f.Name); value != "" && from.kind != fromDefault {
		return config.Value{Texts: []string{value}}, origin{kind: fromVariable, name: called}
	}
	return v, from
}

// lookupForAll finds the value of a flag where it stands for every tenant.
func (s *settings) lookupForAll(f *pflag.Flag, inFile func(config.Values) (config.Value, origin, bool)) (config.Value, origin) {
	if name := variableOf(f.Name); s.getenv(name) != "" {
		return config.Value{Texts: []string{s.getenv(name)}}, origin{kind: fromVariable, name: name}
	}
	if s.file != nil {
		if v, from, ok := inFile(s.file.Values); ok {
			return v, from
		}
	}
	return config.Value{Texts: []string{flagText(f)}}, origin{kind: fromDefault}
}

// signInFlags are the flags in whose place Microsoft's tools have a variable.
var signInFlags = map[string]string{"tenant": graph.TenantVariable, "client-id": graph.ClientVariable, "certificate": graph.CertificateVariable}

// ownOf finds what a variable that is the tenant's alone says in a flag's place,
// be it lictrail's or Microsoft's: it beats what is said of all tenants.
func (s *settings) ownOf(flag string) (value, called string) {
	if s.own == nil {
		return "", ""
	}
	if value, called = s.own(variableOf(flag)); value == "" && signInFlags[flag] != "" {
		value, called = s.own(signInFlags[flag])
	}
	return value, called
}

// variableOf is the variable that sets a flag.
func variableOf(flag string) string {
	return "LICTRAIL_" + strings.ReplaceAll(strings.ToUpper(flag), "-", "_")
}

// commandWords is what one types to run the command: audit, coverage.
func commandWords(cmd *cobra.Command) []string { return strings.Fields(cmd.CommandPath())[1:] }

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
func (s *settings) check() error {
	if s.file == nil {
		return nil
	}
	root := newRoot(&env{Streams: &out.Streams{}})
	if err := s.checkKeys(root, s.file.Values); err != nil {
		return err
	}
	for _, t := range s.file.Tenants {
		if err := s.checkKeys(root, t.Values); err != nil {
			return err
		}
	}
	return s.checkDatabases(root)
}

func (s *settings) checkKeys(root *cobra.Command, values config.Values) error {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		message, hint := wrongKey(root, key)
		if message != "" {
			return usage(config.Place(s.path, values[key].Line)+": "+message, hint)
		}
		if err := assign(flagOf(root, key), values[key], origin{fromFile, s.path, values[key].Line}); err != nil {
			return err
		}
	}
	return nil
}

// secretWords are what the names of secrets are made of.
var secretWords = regexp.MustCompile(`(?i)secret|passw|passphrase|token|credential|private.?key|api.?key`)

// wrongKey tells what is wrong with a key; "" for nothing.
func wrongKey(root *cobra.Command, key string) (message, hint string) {
	words := strings.Split(key, ".")
	name, path := words[len(words)-1], words[:len(words)-1]
	cmd := commandOf(root, path)
	var known []string
	switch {
	case len(path) == 0:
		known = slices.Sorted(maps.Keys(shared(root)))
	case cmd != nil:
		known = flagNames(cmd)
	}
	switch {
	case slices.Contains(flagOnly, name):
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
	for _, c := range root.Commands() {
		if len(path) == 0 && takesSettings(c) && c.Name() != "schedule" && c.Flags().Lookup(name) != nil { // schedule has those of sync
			return message + " at the top level", fmt.Sprintf("[%s] above it: it is a flag of that command", c.Name())
		}
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
	if f := commandOf(root, path).Flag(name); f != nil {
		return f
	}
	return commandOf(root, []string{"sync"}).Flag(name) // of the connection
}

func meant(word string, known []string) string {
	if w := near.Word(word, known); w != "" {
		return "write " + w
	}
	return ""
}

// commandOf finds a command by its words; nil when there is none.
func commandOf(root *cobra.Command, words []string) *cobra.Command {
	cmd := root
	for _, w := range words {
		i := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == w && takesSettings(c) })
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
		if takesSettings(c) {
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
func (s *settings) checkDatabases(root *cobra.Command) error {
	db := root.PersistentFlags().Lookup("db")
	owner := map[string]config.Tenant{}
	for _, t := range s.file.Tenants {
		v, ok := t.Values["db"]
		if !ok || v.Text() == "" {
			return usage(fmt.Sprintf("%s: tenant %q has no database of its own", config.Place(s.path, t.Line), t.Name), fmt.Sprintf("db = %q", t.Name+".db"))
		}
		path := realPath(beside(db, v.Texts, origin{kind: fromFile, name: s.path})[0])
		if twin, ok := owner[path]; ok {
			return usage(fmt.Sprintf("%s: tenants %q and %q have the same database", config.Place(s.path, v.Line), twin.Name, t.Name), "give each tenant a database of its own")
		}
		owner[path] = t
	}
	return nil
}

// realPath is a path that two names of one file have in common, as far as that
// can be told of a file that may not be there yet.
func realPath(path string) string {
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

// withOrigins tells of the flags that an error of wrong use speaks of where
// their values came from, if that was not the command line.
func (e *env) withOrigins(said string) string {
	var places []string
	for _, name := range slices.Sorted(maps.Keys(e.origins)) {
		from := e.origins[name]
		spoken := regexp.MustCompile(`(^|[^\w-])--` + regexp.QuoteMeta(name) + `($|[^\w-])`)
		told := from.kind != fromFile && from.kind != fromVariable || strings.Contains(said, from.String())
		if !told && spoken.MatchString(said) {
			places = append(places, fmt.Sprintf("--%s comes from %s", name, from))
		}
	}
	return strings.Join(places, "; ")
}
