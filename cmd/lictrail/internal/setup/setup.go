// Package setup asks a person, step by step, for what a weekly run needs, writes
// it down, and runs commands only after it has shown them and was allowed to. It
// can be repeated: what is set up already is what Enter answers.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/schedule"
	"lictrail/internal/private"
	"lictrail/snapshot"
)

// Shell is what runs a command.
type Shell string

// The shells that set-up uses. This program is one of them.
const (
	POSIX      Shell = "sh"
	PowerShell Shell = "PowerShell"
	Lictrail   Shell = "lictrail"
)

// Command is something to run, as it is shown.
type Command struct {
	Shell Shell
	Text  string   // of a shell
	Args  []string // of this program

	Secret bool // what it prints must not be shown
}

func (c Command) String() string {
	if c.Shell != Lictrail {
		return c.Text
	}
	words := []string{"lictrail"}
	for _, a := range c.Args {
		if strings.ContainsAny(a, " \t'\"") {
			a = `"` + a + `"`
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// Options is what set-up works with.
type Options struct {
	Dialog  *Dialog
	Config  string // the file of settings
	Named   bool   // and it is another than commands would find by themselves
	System  string // linux, darwin, windows
	Program string // this program's path
	Now     time.Time
	Kinds   []string // of sign-in

	Have     func(program string) bool                            // whether it is on the path
	Run      func(ctx context.Context, c Command) (string, error) // and what it printed
	Features []Feature                                            // what may be read
	Grant    func(app, cloud string, activity bool) (posix, power string, err error)
}

// Feature is what an application may be granted, for people.
type Feature struct {
	Name, Roles string
	Optional    string // the flag of sync that it is for, where a run goes without
}

// The keys of the file of settings that set-up writes.
const (
	keyTenant      = "tenant"
	keyClient      = "client-id"
	keyCloud       = "cloud"
	keyAuth        = "auth"
	keyCertificate = "certificate"
	keyVariables   = "env-file"
	keyActivity    = "sync.activity"
)

// steps is a set-up under way.
type steps struct {
	Options
	*Dialog
	found   []byte            // the file of settings as it was
	values  map[string]string // the settings as they are and as they are to be
	service bool              // systemd runs it, with a database of its own
	failing bool              // a read of a run does not work yet
}

const welcome = `lictrail setup: from nothing to the first run.

Every command is shown before it runs, and runs only if you say yes. Nothing
is granted otherwise. Enter takes what stands in brackets. Ctrl-C ends it; what
was written until then stays, and you can begin again.`

// Run asks all questions.
func Run(ctx context.Context, o Options) error {
	s := &steps{Options: o, Dialog: o.Dialog, values: map[string]string{}}
	if err := s.read(); err != nil {
		return err
	}
	s.Say("%s", welcome)
	for i, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"The tenant", s.tenant}, {"An application that may read, and no more", s.application}, {"How it signs in", s.signIn},
		{"The settings", s.write}, {"Does it work?", s.check}, {"Every week", s.weekly}, {"The first run", s.first},
	} {
		s.Say("\n%d. %s\n", i+1, step.title)
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	s.Say("\nAsk: lictrail skus, lictrail changes, lictrail history USER, lictrail who removed USER.")
	return nil
}

// read finds what is set already.
func (s *steps) read() (err error) {
	s.found, err = os.ReadFile(s.Config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	file, err := config.Parse(s.Config, s.found)
	if err != nil {
		return err
	}
	if len(file.Tenants) > 0 {
		return &Several{s.Config}
	}
	for key, v := range file.Values {
		s.values[key] = v.Text()
	}
	return nil
}

// Several says that a configuration is that of a fleet.
type Several struct{ Path string }

func (e *Several) Error() string {
	return fmt.Sprintf("%s names several tenants; setup is for one", e.Path)
}

var domain = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)

func (s *steps) tenant(ctx context.Context) (err error) {
	s.Say("Its id or a domain of it, such as contoso.com. Leave it empty if\nstep 2 is to find out.")
	s.values[keyTenant], err = s.Ask(ctx, "Tenant", s.values[keyTenant], func(text string) error {
		if text != "" && !snapshot.IsGUID(text) && !domain.MatchString(text) {
			return errors.New("want an id such as 72f988bf-86f1-41af-91ab-2d7cd011db47, or a domain")
		}
		return nil
	})
	if err != nil {
		return err
	}
	cloud := s.values[keyCloud]
	if cloud == "" {
		cloud = "global"
	}
	if cloud, err = s.Choose(ctx, "Microsoft's cloud", []string{"global", "usgov", "dod", "china"}, cloud); err != nil {
		return err
	}
	if s.values[keyCloud] = cloud; cloud == "global" {
		s.values[keyCloud] = "" // the default
	}
	activity, err := s.Yes(ctx, "Also read when users were active, so that unused seats show?", s.values[keyActivity] != "" || s.found == nil)
	if err != nil {
		return err
	}
	switch {
	case !activity:
		s.values[keyActivity] = ""
	case s.values[keyActivity] == "":
		s.values[keyActivity] = "all"
	}
	return nil
}

func isApplication(text string) error {
	if text != "" && !snapshot.IsGUID(text) {
		return errors.New("want the GUID that the Entra admin center calls Application (client) ID")
	}
	return nil
}

// application finds or makes the application.
func (s *steps) application(ctx context.Context) error {
	s.Say("An application registration of your tenant signs in. It needs these application\npermissions, which let it read and nothing else:\n")
	for _, f := range s.Features {
		if f.Name != "activity" && f.Name != "usage" || s.values[keyActivity] != "" {
			s.Say("  %-15s %s%s", f.Name, f.Roles, map[bool]string{true: " (optional: " + f.Optional + ")"}[f.Optional != ""])
		}
	}
	s.Say("")
	app, err := s.Ask(ctx, "Application (client) id, empty if there is none yet", s.values[keyClient], isApplication)
	if err != nil {
		return err
	}
	if s.values[keyClient] = app; app == "" {
		return s.newApplication(ctx)
	}
	granted, err := s.Yes(ctx, "Has it these permissions, with an administrator's consent?", true)
	if err != nil || granted {
		return err
	}
	return s.grant(ctx, app)
}

func (s *steps) newApplication(ctx context.Context) error {
	s.Say("These commands make one, grant it exactly this, and consent. That takes an\nadministrator who may consent for applications.")
	if err := s.grant(ctx, ""); err != nil {
		return err
	}
	for _, want := range []struct {
		key, question string
		check         func(string) error
	}{
		{keyClient, "AZURE_CLIENT_ID", func(text string) error {
			if text == "" {
				return errors.New("set-up cannot go on without it")
			}
			return isApplication(text)
		}},
		{keyTenant, "AZURE_TENANT_ID", nil},
	} {
		if s.values[want.key] != "" {
			continue
		}
		value, err := s.Ask(ctx, want.question, "", want.check)
		if err != nil {
			return err
		}
		s.values[want.key] = value
	}
	return nil
}

// printed matches what the commands print last.
var printed = regexp.MustCompile(`(?m)^AZURE_(CLIENT|TENANT)_ID=([0-9A-Za-z.-]+)\r?$`)

// grant shows the commands that grant, for the tool that is here, and runs them
// if it may.
func (s *steps) grant(ctx context.Context, app string) error {
	posix, power, err := s.Grant(app, s.values[keyCloud], s.values[keyActivity] != "")
	if err != nil {
		return err
	}
	c, ask := Command{Shell: POSIX, Text: posix}, "Run this now?"
	switch {
	case s.System != "windows" && s.Have("az"):
	case s.Have("pwsh") || s.Have("powershell"):
		c = Command{Shell: PowerShell, Text: power}
	case s.System == "windows":
		c, ask = Command{Shell: PowerShell, Text: power}, ""
	default:
		ask = ""
	}
	if ask == "" {
		s.Show(c.Text)
		s.Say("Neither the Azure CLI nor PowerShell is here. Run this where one of them is, and\ntype in what it prints. (lictrail doctor --permissions prints it for both.)")
		return nil
	}
	text, ran, err := s.offer(ctx, c, false)
	if err != nil || !ran {
		return err
	}
	for _, m := range printed.FindAllStringSubmatch(text, -1) {
		switch {
		case m[1] == "CLIENT":
			s.values[keyClient] = m[2]
		case snapshot.IsGUID(m[2]): // beats a domain: a run is held to an id
			s.values[keyTenant] = m[2]
		}
	}
	return nil
}

// offer shows a command and runs it if it may. One that fails may be repeated:
// some of Microsoft's servers learn of a new application late.
func (s *steps) offer(ctx context.Context, c Command, byDefault bool) (text string, ran bool, err error) {
	s.Show(c.String())
	question := "Run this now?"
	for {
		yes, err := s.Yes(ctx, question, byDefault)
		if err != nil || !yes {
			return "", false, err
		}
		text, err := s.Run(ctx, c)
		if err == nil {
			return text, true, nil
		}
		if ctx.Err() != nil {
			return "", false, ctx.Err()
		}
		s.Say("\nThat failed: %v", err)
		question, byDefault = "Again?", false
	}
}

// signIn settles how the application signs in.
func (s *steps) signIn(ctx context.Context) error {
	kinds := []string{"certificate", "secret", "managed-identity", "other"}
	present := s.values[keyAuth]
	switch {
	case present == "" && s.values[keyCertificate] != "":
		present = "certificate"
	case present == "":
		present = "certificate"
	}
	if present != kinds[0] && present != kinds[1] && present != kinds[2] {
		present = "other"
	}
	s.Say("A certificate is the best choice outside Azure, a managed identity inside. The\nother kinds are in docs/sign-in.md.\n")
	kind, err := s.Choose(ctx, "It signs in by", kinds, present)
	if err != nil {
		return err
	}
	switch kind {
	case "certificate":
		s.values[keyAuth] = kind
		return s.certificate(ctx)
	case "secret":
		s.values[keyAuth], s.values[keyCertificate] = kind, ""
		return s.secret(ctx)
	case "managed-identity":
		s.values[keyAuth], s.values[keyCertificate] = kind, ""
	}
	return nil
}

func (s *steps) dir() string { return filepath.Dir(s.Config) }

func (s *steps) certificate(ctx context.Context) error {
	path, err := s.Ask(ctx, "File with certificate and key, empty to make one", s.values[keyCertificate], func(text string) error {
		if text == "" {
			return nil
		}
		_, err := os.Stat(text)
		return err
	})
	if err != nil || path != "" {
		s.values[keyCertificate] = path
		return err
	}
	made, err := NewCertificate(s.dir(), s.Now)
	if errors.Is(err, fs.ErrExist) {
		s.values[keyCertificate] = filepath.Join(s.dir(), "lictrail.pem")
		s.Say("  %s is there from before, and is taken.", s.values[keyCertificate])
		return s.upload(ctx, filepath.Join(s.dir(), "lictrail.crt"))
	}
	if err != nil {
		return err
	}
	s.values[keyCertificate] = made.Key
	s.Say("  wrote %s, with the key: nobody else may read it\n  wrote %s, without it; good until %s", made.Key, made.Public, made.Until.Format(time.DateOnly))
	return s.upload(ctx, made.Public)
}

// upload hands the certificate without its key to the application.
func (s *steps) upload(ctx context.Context, public string) error {
	s.Say("\nThe application has to know the certificate.")
	byHand := "In the Entra admin center: App registrations, All applications, the application,\nCertificates & secrets, Certificates, Upload certificate: " + public
	if !s.Have("az") {
		s.Say("%s", byHand)
		_, err := s.Ask(ctx, "Enter when that is done", "", nil)
		return err
	}
	_, ran, err := s.offer(ctx, Command{Shell: s.shell(), Text: UploadCommand(s.values[keyClient], public)}, false)
	if err == nil && !ran {
		s.Say("%s", byHand)
	}
	return err
}

// shell runs the Azure CLI, whose name is the same everywhere.
func (s *steps) shell() Shell {
	if s.System == "windows" {
		return PowerShell
	}
	return POSIX
}

// UploadCommand gives an application one more certificate, by the Azure CLI.
func UploadCommand(app, public string) string {
	return fmt.Sprintf(`az ad app credential reset --id %s --append --cert "@%s" --output none`, app, public)
}

// SecretCommand makes one more secret, and prints it, by the Azure CLI.
func SecretCommand(app string) string {
	return fmt.Sprintf("az ad app credential reset --id %s --append --display-name lictrail --query password --output tsv", app)
}

// secret makes or takes a secret, and keeps it in the file of variables.
func (s *steps) secret(ctx context.Context) error {
	if old, err := os.ReadFile(s.variables()); err == nil && strings.Contains(string(old), "AZURE_CLIENT_SECRET=") {
		s.values[keyVariables] = s.variables()
		if keep, err := s.Yes(ctx, "Keep the secret in "+s.variables()+"?", true); err != nil || keep {
			return err
		}
	}
	value := ""
	if s.Have("az") {
		s.Say("This makes one. What it prints goes into %s and is not shown.", s.variables())
		text, _, err := s.offer(ctx, Command{Shell: s.shell(), Text: SecretCommand(s.values[keyClient]), Secret: true}, false)
		if err != nil {
			return err
		}
		value = strings.TrimSpace(text)
	}
	for value == "" {
		var err error
		if value, err = s.AskSecret(ctx, "The secret's value, which does not show while you type"); err != nil {
			return err
		}
	}
	return s.setVariable("AZURE_CLIENT_SECRET", value)
}

// variables is the file of variables.
func (s *steps) variables() string {
	if path := s.values[keyVariables]; path != "" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.dir(), path)
		}
		return path
	}
	return filepath.Join(s.dir(), "lictrail.env")
}

// setVariable writes a variable into the file of variables, and keeps the rest.
func (s *steps) setVariable(name, value string) error {
	path := s.variables()
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the file of variables: %w", err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(old)) {
		if !strings.HasPrefix(strings.TrimSpace(line), name+"=") {
			b.WriteString(strings.TrimRight(line, "\r\n") + "\n")
		}
	}
	if len(old) == 0 {
		b.WriteString("# Secrets of lictrail, as NAME=value.\n")
	}
	if name != "" {
		fmt.Fprintf(&b, "%s=%s\n", name, value)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the file of variables: %w", err)
	}
	if err := private.WriteFile(path, []byte(b.String())); err != nil {
		return err
	}
	s.values[keyVariables] = path
	s.Say("  wrote %s: nobody else may read it", path)
	return nil
}

// write puts the settings into the file, after it has shown them.
func (s *steps) write(ctx context.Context) error {
	if _, err := os.Stat(s.variables()); errors.Is(err, fs.ErrNotExist) {
		if err := s.setVariable("", ""); err != nil { // schedulers hand one on
			return err
		}
	}
	var set []config.Setting
	for _, key := range []string{keyTenant, keyClient, keyCloud, keyAuth, keyCertificate, keyVariables, keyActivity} {
		set = append(set, config.Setting{Key: key, Text: s.values[key]})
	}
	text, err := config.Set(s.Config, s.found, set)
	if err != nil {
		return err
	}
	if string(text) == string(s.found) {
		s.Say("%s says this already.", s.Config)
		return nil
	}
	s.Say("%s:", s.Config)
	s.Show(string(text))
	yes, err := s.Yes(ctx, "Write it?", true)
	if err != nil || !yes {
		return err
	}
	if err := os.MkdirAll(s.dir(), 0o700); err != nil {
		return fmt.Errorf("make the folder of the configuration: %w", err)
	}
	if err := private.WriteFile(s.Config, text); err != nil {
		return err
	}
	s.found = text
	return nil
}

// lictrail is a command of this program with these settings.
func (s *steps) lictrail(words ...string) Command {
	if s.Named {
		words = append(words, "--config", s.Config)
	}
	return Command{Shell: Lictrail, Args: words}
}

func (s *steps) check(ctx context.Context) error {
	s.Say("This tries every read of a run, one row of each, and changes nothing.")
	words := []string{"doctor", "--for", "base,groups,audit,owners"}
	if s.values[keyActivity] != "" {
		words[2] += ",activity,usage"
	}
	_, ran, err := s.offer(ctx, s.lictrail(words...), true)
	s.failing = !ran
	return err
}

// schedulers are those of each system, the usual first.
var schedulers = map[string][]string{"windows": {"windows", "none"}, "linux": {"systemd", "cron", "none"}}

func (s *steps) weekly(ctx context.Context) error {
	kinds := schedulers[s.System]
	if kinds == nil {
		kinds = []string{"cron", "none"}
	}
	s.Say("Microsoft forgets who changed a license after 30 days, or 7 without Entra ID P1:\nlictrail has to run at least every week.\n")
	kind, err := s.Choose(ctx, "Scheduler", kinds, kinds[0])
	if err != nil || kind == "none" {
		return err
	}
	at, err := s.Ask(ctx, "When", "Mon 06:17", func(text string) error {
		_, err := schedule.ParseAt(text)
		return err
	})
	if err != nil {
		return err
	}
	dir := filepath.Join(s.dir(), "schedule")
	c := s.lictrail("schedule", kind, "--at", at, "--output-dir", dir)
	if kind != "systemd" || strings.HasPrefix(s.Program, "/usr/") || strings.HasPrefix(s.Program, "/opt/") {
		c.Args = append(c.Args, "--program", s.Program)
	}
	s.Say("This writes files into %s, and installs nothing.", dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the schedule: %w", err)
	}
	_, ran, err := s.offer(ctx, c, true)
	if err != nil || !ran {
		return err
	}
	s.Say("\nThis installs it.")
	_, ran, err = s.offer(ctx, install(kind, dir), false)
	s.service = ran && kind == "systemd"
	return err
}

// install are the commands that hand the files to the scheduler. They may be
// repeated.
func install(kind, dir string) Command {
	file := func(name string) string { return filepath.Join(dir, name) }
	switch kind {
	case "systemd":
		return Command{Shell: POSIX, Text: fmt.Sprintf(`set -eu
sudo=$(test "$(id -u)" = 0 || echo sudo)
$sudo install -m 644 "%s" "%s" /etc/systemd/system/
$sudo systemctl daemon-reload
$sudo systemctl enable --now lictrail.timer`, file("lictrail.service"), file("lictrail.timer"))}
	case "cron":
		return Command{Shell: POSIX, Text: fmt.Sprintf(`mkdir -p ~/.local/state/lictrail
line='lictrail/sync.log" >/dev/null' # what only this program's line has in it
(crontab -l 2>/dev/null | grep -v -F "$line"; grep -F "$line" "%s") | crontab -`, file("lictrail.crontab"))}
	}
	return Command{Shell: PowerShell, Text: fmt.Sprintf(`# in an elevated PowerShell
$ErrorActionPreference = 'Stop'
$null = New-Item -ItemType Directory -Force C:\ProgramData\lictrail
icacls C:\ProgramData\lictrail /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' '*S-1-5-19:(OI)(CI)M'
$null = Register-ScheduledTask -Force -TaskName lictrail -Xml (Get-Content -Raw '%s')`, file("lictrail.xml"))}
}

func (s *steps) first(ctx context.Context) error {
	s.Say("It reads the tenant, and its audit log as far back as Microsoft keeps it. What it\nfinds was there before, so it records no changes.")
	c := s.lictrail("sync")
	if s.service {
		c = Command{Shell: POSIX, Text: "sudo=$(test \"$(id -u)\" = 0 || echo sudo)\n$sudo systemctl start lictrail.service\n$sudo journalctl -u lictrail.service -n 20 --no-pager"}
	}
	if s.failing {
		s.Say("Not all reads are known to work: see step 5.")
	}
	_, _, err := s.offer(ctx, c, !s.failing)
	return err
}
