// Package fleet runs a command for every tenant of the configuration and puts the
// answers together. Each tenant has a process of its own: one sees no variables of
// the other, and what happens to one does not happen to the other. It also finds the
// tenants of a partner, and looks at all histories.
package fleet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/settings"
)

// Command is a command that is to be run for every tenant.
type Command struct {
	*out.Streams
	Flags     *cobra.Command // the command with the flags that were given
	Args      []string       // its arguments without flags
	Format    string         // of the answer: text, json or csv
	LogFormat string         // of stderr: text or json
	Parallel  int            // how many tenants at a time
	Shard     string         // I/N: only this share of the tenants; "": all
	Settings  *settings.Settings
}

// name is the command as a user types it, such as "audit coverage".
func (c *Command) name() string { return strings.Join(settings.CommandWords(c.Flags), " ") }

// Run runs the command for every tenant and prints what they answer in the order of
// the configuration. The error has the one exit code of all of them.
func (c *Command) Run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	tenants, err := c.share(c.Settings.File.Tenants)
	if err != nil {
		return err
	}
	a := answers{Streams: c.Streams, command: c.name(), format: c.Format, results: make([]result, len(tenants))}
	slots := make(chan struct{}, max(1, c.Parallel))
	var all sync.WaitGroup
	for i := range tenants {
		a.results[i] = result{tenant: &tenants[i], code: exit.Interrupted}
		all.Go(func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
			}
			if ctx.Err() == nil {
				c.runOne(ctx, &a.results[i])
			}
		})
	}
	all.Wait()
	if err := a.print(); err != nil {
		return err
	}
	return a.verdict()
}

// check refuses what would have tenants get into each other's way.
func (c *Command) check() error {
	for _, name := range []string{"db", "tenant"} {
		if flag := c.Flags.Flag(name); flag != nil && flag.Changed {
			return exit.Usage(fmt.Sprintf("--%s is one tenant's, and this is for all of them", name), "choose one with --tenant-name, or set it below [[tenant]] in "+c.Settings.Path)
		}
	}
	if !slices.Contains([]string{"text", "json", "csv"}, c.Format) {
		return exit.Usage(fmt.Sprintf("--format %s holds one tenant only", c.Format), "--format json, --format csv, or choose one with --tenant-name")
	}
	if c.name() == "verify" && c.Flags.Flag("head").Changed {
		return exit.Usage("--head is one tenant's, and this is for all of them", "choose one with --tenant-name")
	}
	if c.name() == "backup" {
		if info, err := os.Stat(c.Args[0]); err != nil || !info.IsDir() {
			return exit.Usage(fmt.Sprintf("%q is no folder: with --all-tenants each tenant has a file of its own in one", c.Args[0]), "mkdir it first: lictrail backup --all-tenants FOLDER")
		}
	}
	if c.Parallel < 1 {
		return exit.Usage("--parallel must be at least 1", "--parallel 4")
	}
	var wrong error
	c.Flags.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) {
		if what, _ := pflag.UnquoteUsage(flag); what == "file" && flag.Name != "rules" && wrong == nil {
			wrong = c.checkFile(flag)
		}
	})
	return wrong
}

// checkFile refuses to have two tenants write the same file.
func (c *Command) checkFile(flag *pflag.Flag) error {
	owner := map[string]string{}
	for i := range c.Settings.File.Tenants {
		t := &c.Settings.File.Tenants[i]
		path := c.Settings.FileOf(t, c.Flags, flag)
		if path == "" {
			continue
		}
		if twin, ok := owner[settings.RealPath(path)]; ok {
			return exit.Usage(fmt.Sprintf("tenants %q and %q would both write --%s %s", twin, t.Name, flag.Name, path),
				fmt.Sprintf("set %s below [tenant.%s], for each tenant its own", flag.Name, strings.ReplaceAll(c.name(), " ", ".")))
		}
		owner[settings.RealPath(path)] = t.Name
	}
	return nil
}

// notForwarded are the flags of this process that those of the tenants are not given:
// they have values of their own for them.
var notForwarded = []string{"config", "all-tenants", "parallel", "format", "output", "log-format", "quiet", "shard", settings.EnvFileFlag}

// arguments are the arguments of the process for one tenant.
func (c *Command) arguments(t *config.Tenant) []string {
	args := settings.CommandWords(c.Flags)
	c.Flags.Flags().Visit(func(flag *pflag.Flag) {
		if !slices.Contains(notForwarded, flag.Name) {
			args = append(args, "--"+flag.Name+"="+settings.FlagText(flag))
		}
	})
	args = append(args, "--config="+c.Settings.Path, "--tenant-name="+t.Name, "--format="+c.Format, "--output=", "--log-format=json", "--quiet=false", "--")
	if c.name() == "backup" && len(c.Args) == 1 {
		return append(args, filepath.Join(c.Args[0], t.Name+".db")) // the folder in which each tenant has a file of its own
	}
	return append(args, c.Args...)
}
