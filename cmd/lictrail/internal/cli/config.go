package cli

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot/catalog"
	"lictrail/snapshot/store"
)

func newConfig(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Which settings are in force, and where they come from",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var all bool
	show := &cobra.Command{
		Use:   "show",
		Short: "The settings in force, and where each comes from",
		Long: `Where the file of settings is (config); then every setting of all commands,
those of sync, and those of other commands that are set somewhere; with --all
the rest as well. A flag beats its variable, which beats the file, which beats
the default:

  flag       --patience 20m
  variable   LICTRAIL_PATIENCE=20m
  file       patience = "20m" at the top for flags of every command and of the
             connection, below [sync], [audit.search] and so on for those of
             one command

The file is the one that --config or LICTRAIL_CONFIG names, or else
lictrail/config.toml in your configuration directory, if it is there. Names of
files in it are seen from its own folder. Secrets do not belong in it, and
their values are never shown. With several tenants: docs/unattended.md.`,
		Example: `  lictrail config show
  lictrail config show --config fleet.toml --tenant-name contoso
  lictrail config show --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runConfigShow(e, cmd, all) },
	}
	show.Flags().BoolVar(&all, "all", false, "also what is at its default in other commands")
	path := formerly(&cobra.Command{
		Use:   "path",
		Short: "Where the file of settings is, or would be; use config show",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			path, _ := e.configPath()
			if path == "" {
				return usage("no place for the configuration: neither XDG_CONFIG_HOME nor HOME is set", "name a file with --config")
			}
			return e.Printf("%s\n", path)
		},
	})
	cmd.AddCommand(show, path)
	return cmd
}

// setting is one row of config show.
type setting struct {
	key, value string
	from       origin
}

func runConfigShow(e *env, cmd *cobra.Command, all bool) error {
	type row = setting
	type fromJSON struct {
		Kind string  `json:"kind"`
		Name *string `json:"name"`
		Line *int    `json:"line"`
	}
	type settingJSON struct {
		Key   string   `json:"key"`
		Value string   `json:"value"`
		From  fromJSON `json:"from"`
	}
	text := func(get func(row) string) func(row) any { return func(r row) any { return get(r) } }
	return listing[row]{
		json: func(r row) any {
			j := settingJSON{r.key, r.value, fromJSON{Kind: string(r.from.kind), Name: orNull(r.from.name)}}
			if r.from.line > 0 {
				j.From.Line = &r.from.line
			}
			return j
		},
		columns: []column[row]{
			{Column: out.Column{Head: "SETTING", Min: 24, Rank: 2}, csv: "key", text: text(func(r row) string { return r.key })},
			{Column: out.Column{Head: "VALUE", Min: 8, Rank: 1}, csv: "value", text: text(func(r row) string { return r.value })},
			{Column: out.Column{Head: "FROM", Wrap: true, Min: 8}, csv: "from", text: text(func(r row) string { return r.from.String() })},
		},
	}.print(e, names{h: &store.History{}, cat: catalog.Builtin()}, given(append(e.fileRow(), e.settings.rows(cmd, all)...)))
}

// fileRow is where the file of settings is, or would be; a note says if there is
// none.
func (e *env) fileRow() []setting {
	path, _ := e.configPath()
	if path == "" {
		return nil
	}
	from := origin{kind: fromDefault}
	switch {
	case e.config != "":
		from.kind = fromFlag
	case e.getenv(configVariable) != "":
		from = origin{kind: fromVariable, name: configVariable}
	}
	if e.settings.file == nil {
		e.Notef("there is no file of settings yet: %s", path)
	}
	return []setting{{"config", path, from}}
}

// rows are the settings of every command, then those of each command, then what
// the file says of tenants, then the variables for signing in.
func (s *settings) rows(cmd *cobra.Command, all bool) []setting {
	var rows []setting
	root := cmd.Root()
	common := shared(root)
	note := func(c *cobra.Command, f *pflag.Flag, key string, always bool) {
		v, from := s.lookup(c, f)
		if always || from.kind != fromDefault {
			rows = append(rows, setting{key, shown(f.Name, strings.Join(beside(f, v.Texts, from), ",")), from})
		}
	}
	sync := commandOf(root, []string{"sync"})
	flagsOf(sync, func(f *pflag.Flag) {
		if common[f.Name] {
			if own := cmd.Flags().Lookup(f.Name); own != nil {
				f = own // given to this command
			}
			note(sync, f, f.Name, true)
		}
	})
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if takesSettings(c) {
			prefix := strings.Join(commandWords(c), ".") + "."
			flagsOf(c, func(f *pflag.Flag) {
				if !common[f.Name] && c != cmd {
					note(c, f, prefix+f.Name, all || c == sync)
				}
			})
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return append(append(rows, s.tenantRows()...), s.variableRows()...)
}

// flagsOf visits the flags of a command that settings may set, in order.
func flagsOf(c *cobra.Command, visit func(*pflag.Flag)) {
	for _, name := range slices.Sorted(slices.Values(flagNames(c))) {
		if !slices.Contains(flagOnly, name) {
			visit(c.Flag(name))
		}
	}
}

func (s *settings) tenantRows() []setting {
	if s.file == nil || s.tenant != nil {
		return nil
	}
	var rows []setting
	for _, t := range s.file.Tenants {
		if t.EnvPrefix != "" {
			rows = append(rows, setting{"tenant." + t.Name + ".env-prefix", t.EnvPrefix, origin{fromFile, s.path, t.Line}})
		}
		for _, key := range slices.Sorted(maps.Keys(t.Values)) {
			v := t.Values[key]
			rows = append(rows, setting{"tenant." + t.Name + "." + key, shown(key, v.Text()), origin{fromFile, s.path, v.Line}})
		}
	}
	return rows
}

// variableRows are the variables for signing in that are set. Those that hold a
// secret show that they are there, and no more.
func (s *settings) variableRows() []setting {
	var rows []setting
	for _, name := range signInVariables {
		value := s.getenv(name)
		switch {
		case value == "":
			continue
		case !slices.Contains([]string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"}, name):
			value = "(set)"
		}
		rows = append(rows, setting{name, value, origin{kind: fromVariable, name: name}})
	}
	return rows
}

// shown is a value as it may be looked at: an address without what may be a
// secret in it, which is who signs in and, for a hook, all but the host.
func shown(key, value string) string {
	u, err := url.Parse(value)
	switch {
	case err != nil && strings.Contains(value, "://"):
		return "(not an address)" // nobody can tell what of it is a secret
	case err != nil || u.Scheme == "" || u.Host == "":
		return value
	}
	if strings.Contains(key, "hook") || strings.Contains(key, "notify") {
		return fmt.Sprintf("%s://%s/...", u.Scheme, u.Host)
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
