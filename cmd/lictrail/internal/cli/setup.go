package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"lictrail/cmd/lictrail/internal/disk"
	"lictrail/cmd/lictrail/internal/doctor"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/settings"
	"lictrail/cmd/lictrail/internal/setup"
	"lictrail/graph"
)

func newSetup(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Set up everything up to the first run, step by step",
		Long: `Asks on a terminal for what a weekly run needs: the tenant, an application that
may read it, how that signs in, and when to run. It writes config.toml, a
certificate or a file of variables that only you can read, and files for the
scheduler; then it tries all reads and makes the first run.

Every command is shown before it runs, and runs only after a yes. Permissions
are granted only by such commands. It can be repeated: Enter keeps an existing
value, and other settings and comments in config.toml are not changed.

Without a terminal, lictrail doctor --permissions prints the same commands to
paste, and docs/set-up.md explains them.`,
		Example: `  lictrail setup
  lictrail setup --config contoso.toml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSetup(cmd.Context(), e) },
	}
	var dir string
	certificate := &cobra.Command{
		Use:   "certificate",
		Short: "Make a certificate and its key, to sign in with",
		Long: `Makes a self-signed certificate that is good for a year: lictrail.pem, with the
key, which only you can read, for --certificate; and lictrail.crt, without it,
for the application in Entra. They are written beside config.toml, or to --dir.
Existing files are never replaced. No other program is needed.`,
		Example: `  lictrail setup certificate
  lictrail setup certificate --dir /etc/lictrail`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return runCertificate(e, dir) },
	}
	certificate.Flags().StringVar(&dir, "dir", "", "write them to this `directory` (default: that of config.toml)")
	cmd.AddCommand(certificate)
	return cmd
}

// configPath is where the file of settings is, or is to be.
func (e *env) configPath() (path string, named bool, err error) {
	if path, named = settings.PathOf(e.config, e.getenv); path == "" {
		return "", false, usage(settings.NoPlace(), "name a file with --config")
	}
	path, err = filepath.Abs(path)
	return path, named, err
}

func runCertificate(e *env, dir string) error {
	if dir == "" {
		path, _, err := e.configPath()
		if err != nil {
			return err
		}
		dir = filepath.Dir(path)
	}
	c, err := setup.NewCertificate(dir, e.now())
	if errors.Is(err, fs.ErrExist) {
		return usage(err.Error(), "a certificate is never replaced: name another directory with --dir, or remove the files first")
	}
	if err != nil {
		return err
	}
	e.Notef("wrote %s, good until %s", c.Key, c.Until.Format(time.DateOnly))
	e.Notef("wrote %s: upload it to the application (%s)", c.Public, setup.UploadCommand("APPLICATION-ID", c.Public))
	return e.Printf("%s\n", c.Key)
}

func runSetup(ctx context.Context, e *env) error {
	if !e.InTTY {
		return usage("setup asks questions, and there is no terminal to ask on", "lictrail doctor --permissions prints the commands; docs/set-up.md goes through them")
	}
	path, named, err := e.configPath()
	if err != nil {
		return err
	}
	if err := mayWriteBelow(filepath.Dir(path)); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	o := setup.Options{
		Dialog: &setup.Dialog{In: e.In, Out: e.Err, Secret: hiddenLine(e.In)},
		Config: path, Named: named, System: runtime.GOOS, Program: program, Now: e.now(),
		Have:     func(program string) bool { _, err := exec.LookPath(program); return err == nil },
		Run:      e.runShown,
		Features: setupFeatures(),
		Grant:    setupGrant,
	}
	err = setup.Run(ctx, o)
	var several *setup.Several
	switch {
	case errors.As(err, &several):
		return usage(several.Error(), "docs/unattended.md says how a tenant is added to it; or name another file with --config")
	case err != nil && ctx.Err() != nil:
		return &out.Error{Code: exit.Interrupted, Message: "interrupted; what was set up until then stays", Hint: "lictrail setup goes on from there", Err: err}
	case errors.Is(err, setup.ErrEnded):
		return &out.Error{Code: exit.Failed, Message: err.Error(), Hint: "what was written so far stays; run lictrail setup again"}
	}
	return err
}

// mayWriteBelow refuses a folder in which nothing can be written, or made: before
// anything is asked.
func mayWriteBelow(folder string) error {
	place, err := disk.Existing(folder)
	if err == nil {
		err = disk.MayWrite(place)
	}
	if err != nil && !errors.Is(err, disk.ErrUnknown) {
		return usage(fmt.Sprintf("the settings cannot be written into %s: %v", folder, err), "make the folder one that you may write to, or name another file with --config")
	}
	return nil
}

// setupFeatures are what set-up has granted, with the permissions of each.
func setupFeatures() []setup.Feature {
	var list []setup.Feature
	for _, g := range doctor.Grants(nil) {
		switch g.Feature {
		case graph.FeaturePurview, graph.FeatureFeed, graph.FeaturePartner: // for --audit-source and fleet discover, later
		default:
			f := setup.Feature{Name: string(g.Feature), Roles: strings.Join(g.Roles, ", ")}
			if g.Feature == graph.FeatureLicensing {
				f.Optional = "for sync --cloud-licensing"
			}
			list = append(list, f)
		}
	}
	return list
}

func setupGrant(app, cloud string, activity bool) (posix, power string, err error) {
	chosen := []graph.Feature{graph.FeatureBase, graph.FeatureGroups, graph.FeatureAudit, graph.FeatureOwners}
	if activity {
		chosen = append(chosen, graph.FeatureActivity, graph.FeatureUsage)
	}
	texts := doctor.Commands(app, cloud, doctor.Grants(chosen))
	return texts[0], texts[1], nil
}

// hiddenLine reads a line that does not show, where the input is a terminal.
func hiddenLine(in io.Reader) func() (string, error) {
	f, ok := in.(*os.File)
	if !ok {
		return nil
	}
	return func() (string, error) {
		text, err := term.ReadPassword(int(f.Fd()))
		return string(text), err
	}
}

// runShown runs a command that was shown. What it prints goes to the terminal,
// and to the caller; a secret goes to the caller alone.
func (e *env) runShown(ctx context.Context, c setup.Command) (string, error) {
	name, args := "", c.Args
	switch c.Shell {
	case setup.POSIX:
		name, args = "sh", []string{"-c", c.Text}
	case setup.PowerShell:
		name, args = "powershell", []string{"-NoProfile", "-EncodedCommand", encodedCommand(c.Text)}
		if path, err := exec.LookPath("pwsh"); err == nil {
			name = path
		}
	default:
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		name = self
	}
	var text bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stderr = e.In, e.Err
	cmd.Stdout = io.MultiWriter(&text, e.Err)
	if c.Secret {
		cmd.Stdout = &text
	}
	err := cmd.Run()
	return text.String(), err
}

// encodedCommand is a command as PowerShell takes it without quoting: UTF-16 in
// base64.
func encodedCommand(text string) string {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, utf16.Encode([]rune(text))) // a buffer takes everything
	return base64.StdEncoding.EncodeToString(b.Bytes())
}
