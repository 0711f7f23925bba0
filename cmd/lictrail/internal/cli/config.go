package cli

import (
	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/settings"
	"lictrail/cmd/lictrail/internal/show"
)

func newConfig(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Settings, and where they come from",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var all bool
	show := &cobra.Command{
		Use:   "show",
		Short: "The settings in effect, and where each comes from",
		Long: `Shows where the file of settings is (config), then the settings of all commands,
those of sync, and those of other commands that are set; with --all also those
that are not set. A flag overrides its variable, which overrides the file, which
overrides the default:

  flag       --patience 20m
  variable   LICTRAIL_PATIENCE=20m
  file       patience = "20m" at the top for flags of every command and of the
             connection, below [sync], [audit.search] and so on for those of
             one command

The file is the one that --config or LICTRAIL_CONFIG names, or else
lictrail/config.toml in your configuration directory, if it exists. Relative
file names in it are relative to its folder. Do not put secrets into it; their
values are never shown. For several tenants see docs/unattended.md.`,
		Example: `  lictrail config show
  lictrail config show --config fleet.toml --tenant-name contoso
  lictrail config show --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runConfigShow(e, cmd, all) },
	}
	show.Flags().BoolVar(&all, "all", false, "also show settings of other commands that have their defaults")
	path := formerly(&cobra.Command{
		Use:   "path",
		Short: "Where the file of settings is, or would be; use config show",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			path, _ := settings.PathOf(e.config, e.getenv)
			if path == "" {
				return usage(settings.NoPlace(), "name a file with --config")
			}
			return e.Printf("%s\n", path)
		},
	})
	cmd.AddCommand(show, path)
	return cmd
}

func runConfigShow(e *env, cmd *cobra.Command, all bool) error {
	type row = settings.Row
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
	return show.Listing[row]{
		JSON: func(r row) any {
			j := settingJSON{r.Key, r.Value, fromJSON{Kind: string(r.From.Kind), Name: show.OrNull(r.From.Name)}}
			if r.From.Line > 0 {
				j.From.Line = &r.From.Line
			}
			return j
		},
		Columns: []show.Column[row]{
			{Column: out.Column{Head: "SETTING", Min: 24, Rank: 2}, CSV: "key", Text: text(func(r row) string { return r.Key })},
			{Column: out.Column{Head: "VALUE", Min: 8, Rank: 1}, CSV: "value", Text: text(func(r row) string { return r.Value })},
			{Column: out.Column{Head: "FROM", Wrap: true, Min: 8}, CSV: "from", Text: text(func(r row) string { return r.From.String() })},
		},
	}.Print(e.printer(noHistory), show.Given(append(e.fileRow(), e.settings.Rows(cmd, all)...)))
}

// fileRow is where the file of settings is, or would be; a note says if there is
// none.
func (e *env) fileRow() []settings.Row {
	path, _ := settings.PathOf(e.config, e.getenv)
	if path == "" {
		return nil
	}
	from := settings.Origin{Kind: settings.FromDefault}
	switch {
	case e.config != "":
		from.Kind = settings.FromFlag
	case e.getenv(settings.PathVariable) != "":
		from = settings.Origin{Kind: settings.FromVariable, Name: settings.PathVariable}
	}
	if e.settings.File == nil {
		e.Notef("there is no file of settings yet: %s", path)
	}
	return []settings.Row{{Key: "config", Value: path, From: from}}
}
