package cli

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/settings"
)

// configure settles every flag of the command that was not given.
func (e *env) configure(cmd *cobra.Command) error {
	if !settings.Takes(cmd) {
		e.settings = settings.None(e.getenv)
		return nil
	}
	path, named := settings.PathOf(e.config, e.getenv)
	named = named && commandName(cmd) != "setup" // which writes it
	s, err := settings.Load(path, named, e.getenv, Root)
	if err != nil {
		return err
	}
	if s.Tenant, err = s.Choose(e.tenantName); err != nil {
		return err
	}
	e.settings, e.origins = s, map[string]settings.Origin{}
	if err := s.Apply(cmd, settings.EnvFileFlag, e.origins); err != nil {
		return err
	}
	if cmd.Flag("auth") == nil && !strings.HasSuffix(cmd.CommandPath(), " config show") && e.origins[settings.EnvFileFlag].Kind != settings.FromFlag {
		e.envFile = "" // it signs in nowhere: who only asks may be unable to read the secrets
	}
	if e.getenv, err = s.Variables(e.envFile); err != nil {
		return err
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if err == nil && f.Name != settings.EnvFileFlag {
			err = s.Apply(cmd, f.Name, e.origins)
		}
	})
	return err
}

// withOrigins adds to an error message, for each flag that it names, which variable
// or file set the flag, if it was not set on the command line.
func (e *env) withOrigins(said string) string {
	var places []string
	for _, name := range slices.Sorted(maps.Keys(e.origins)) {
		from := e.origins[name]
		spoken := regexp.MustCompile(`(^|[^\w-])--` + regexp.QuoteMeta(name) + `($|[^\w-])`)
		named := from.Kind != settings.FromFile && from.Kind != settings.FromVariable || strings.Contains(said, from.String())
		if !named && spoken.MatchString(said) {
			places = append(places, fmt.Sprintf("--%s comes from %s", name, from))
		}
	}
	return strings.Join(places, "; ")
}
