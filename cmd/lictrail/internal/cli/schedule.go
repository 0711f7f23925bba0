package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/near"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/schedule"
	"lictrail/cmd/lictrail/internal/settings"
)

// scheduleOptions is what schedule takes beside the flags of sync.
type scheduleOptions struct {
	at, program, image, dir, readers string
	shards                           int
}

func newSchedule(e *env) *cobra.Command {
	var o scheduleOptions
	sync := newSync(&env{Streams: &out.Streams{}})
	cmd := &cobra.Command{
		Use:   "schedule " + strings.Join(schedule.Kinds, "|"),
		Short: "Print a unit for a scheduler that runs sync every week",
		Long: `Prints a complete, hardened unit that runs lictrail sync regularly; its first
lines say how to install it. The command itself installs nothing.

  systemd         a service and its timer
  cron            a line for crontab -e
  windows         a task for the Task Scheduler
  kubernetes      a CronJob with its volume and service account
  github-actions  a workflow

The unit contains the flags of sync that are given or set by the configuration
or variables. It never contains secrets; the output says where to store them.
With several tenants in the configuration, the unit uses the configuration.`,
		Example: `  lictrail schedule systemd --at "Mon 06:17" --activity all --output-dir .
  (crontab -l; lictrail schedule cron) | crontab -
  lictrail schedule windows --output lictrail.xml
  lictrail schedule kubernetes --client-id ID --tenant ID \
    --image registry.contoso.com/lictrail:1.0`,
		ValidArgs: schedule.Kinds,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && slices.Contains(schedule.Kinds, args[0]) {
				return nil
			}
			hint := "lictrail schedule " + strings.Join(schedule.Kinds, "|")
			if len(args) == 0 {
				return usage("for which scheduler?", hint)
			}
			if w := near.Word(args[0], schedule.Kinds); w != "" {
				hint = "lictrail schedule " + w
			}
			return usage(fmt.Sprintf("unknown scheduler %q", strings.Join(args, " ")), hint)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runSchedule(e, cmd, sync, args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.at, "at", "Mon 06:17", "`time` of the week: \"Mon 06:17\", \"Mon,Thu 06:17\" or \"daily 06:17\"; in UTC for kubernetes and github-actions")
	f.StringVar(&o.program, "program", "", "`path` of lictrail on that system (default: this program; for systemd, which cannot read home directories, /usr/local/bin/lictrail unless it is below /usr or /opt)")
	f.StringVar(&o.image, "image", "registry.contoso.com/lictrail:latest", "container `image`, for kubernetes")
	f.StringVar(&o.readers, "readers", "", "`group` whose members may query the database on the server, for systemd: the group gets read access")
	f.IntVar(&o.shards, "shards", 0, "for kubernetes: `number` of pods among which the tenants of the configuration are divided")
	f.StringVar(&o.dir, "output-dir", "", "write the files to this `directory` instead of stdout")
	f.AddFlagSet(sync.Flags())
	return cmd
}

// groupName is what a group may be called.
var groupName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

func runSchedule(e *env, cmd, sync *cobra.Command, kind string, o scheduleOptions) error {
	at, err := schedule.ParseAt(o.at)
	if err != nil {
		return usage("--at "+err.Error(), `--at "Mon 06:17"`)
	}
	var args []string
	switch {
	case o.shards < 0, o.shards > 0 && kind != "kubernetes":
		return usage("--shards is the number of pods of lictrail schedule kubernetes, 1 or more", "lictrail schedule kubernetes --shards 8")
	case o.shards > 0:
		args = []string{"sync", "--config=/var/lib/lictrail/fleet.toml", fmt.Sprintf("--shard=$(JOB_COMPLETION_INDEX)/%d", o.shards)}
	default:
		if args, err = e.syncArgs(cmd, kind); err != nil {
			return err
		}
	}
	if o.readers != "" {
		if kind != "systemd" || !groupName.MatchString(o.readers) {
			return usage(fmt.Sprintf("--readers %q: want the name of a group, and systemd", o.readers), "lictrail schedule systemd --readers helpdesk")
		}
		if open := "--" + groupReadableFlag; !slices.Contains(args, open) && !slices.Contains(args, open+"=true") {
			args = append(args, open)
		}
	}
	program, err := programFor(kind, o.program)
	if err != nil {
		return err
	}
	files, err := schedule.Files(kind, schedule.Job{
		Program: program, Args: args, At: at, Image: o.image, Shards: o.shards, EnvFile: e.envFile, Readers: o.readers,
		Tenant: cmp.Or(sync.Flag("tenant").Value.String(), e.getenv("AZURE_TENANT_ID")),
		Client: cmp.Or(sync.Flag("client-id").Value.String(), e.getenv("AZURE_CLIENT_ID")),
	})
	if err != nil {
		return usage(err.Error(), "lictrail config show")
	}
	if o.dir == "" {
		return schedule.Print(e.Out, files)
	}
	for _, f := range files {
		path := filepath.Join(o.dir, f.Name)
		if err := out.WriteFile(path, func(w io.Writer) error {
			_, err := w.Write(f.Text)
			return err
		}); err != nil {
			return err
		}
		e.Notef("wrote %s", path)
	}
	return nil
}

// placed are the schedulers that have a place of their own for the database and
// the secrets.
var placed = []string{"systemd", "kubernetes", "github-actions"}

// syncArgs is the command to run: sync, with every flag that is set somewhere.
func (e *env) syncArgs(cmd *cobra.Command, kind string) ([]string, error) {
	args := []string{"sync"}
	if len(e.settings.TenantNames()) > 0 && e.settings.Tenant == nil {
		if slices.Contains([]string{"kubernetes", "github-actions"}, kind) {
			return nil, usage("the configuration names several tenants, and each needs a job of its own there", "--tenant-name "+e.settings.TenantNames()[0]+", or for kubernetes --shards N")
		}
		path, err := filepath.Abs(e.settings.Path)
		if err != nil {
			return nil, fmt.Errorf("resolve %q: %w", e.settings.Path, err)
		}
		return append(args, "--config="+path), nil
	}
	sync := settings.CommandOf(cmd.Root(), []string{"sync"})
	var names []string
	sync.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if !slices.Contains(placed, kind) {
		names = append(names, "db")
	}
	for _, name := range names {
		f := sync.Flag(name)
		if own := cmd.Flag(name); own.Changed {
			f = own
		}
		v, from := e.settings.Lookup(sync, f)
		switch {
		case name == "exit-code": // a scheduler would take changes for a failure
			continue
		case slices.Contains(settings.FlagOnly, name) && f.Changed:
			return nil, usage("--"+name+" is for one execution, not for every week", "leave it out")
		case from.Kind == settings.FromDefault && name == "db" && kind == "windows":
			v.Texts = []string{`C:\ProgramData\lictrail\lictrail.db`} // nobody finds the data of LOCAL SERVICE
		case from.Kind == settings.FromDefault:
			continue
		case from.Kind == settings.FromFlag:
			v.Texts = []string{settings.FlagText(f)}
		}
		args = append(args, "--"+name+"="+strings.Join(settings.Beside(f, v.Texts, from), ","))
	}
	return args, nil
}

// programFor is the path of lictrail where the scheduler runs it.
func programFor(kind, given string) (string, error) {
	switch {
	case given != "":
		return given, nil
	case kind == "systemd":
		if path, err := os.Executable(); err == nil && (strings.HasPrefix(path, "/usr/") || strings.HasPrefix(path, "/opt/")) {
			return path, nil // as a package installs it
		}
		return "/usr/local/bin/lictrail", nil // homes are out of its sight
	}
	path, err := os.Executable()
	if err != nil {
		return "", usage("this program's path is not known: "+err.Error(), "--program PATH")
	}
	return path, nil
}
