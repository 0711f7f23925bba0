package setup

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/graph"
	"lictrail/internal/private"
)

const (
	app    = "0b5c3c1e-5a5e-4c7e-9f5e-3a1d2b4c6d8e"
	tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"
)

// machine stands in for the machine that set-up works on: the programs that are
// there, and what each command prints; it notes what ran.
type machine struct {
	system string
	have   []string
	prints func(c Command) (string, error)
	ran    []Command
}

// follow answers the questions, a line each, and returns what was shown.
func (m *machine) follow(t *testing.T, file string, answers ...string) (string, error) {
	t.Helper()
	var shown bytes.Buffer
	err := Run(t.Context(), Options{
		Dialog: &Dialog{In: strings.NewReader(strings.Join(answers, "\n") + "\n"), Out: &shown},
		Config: file, System: m.system, Program: "/usr/bin/lictrail", Now: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC),
		Features: []Feature{{"base", "User.Read.All", ""}, {"usage", "Reports.Read.All", ""}},
		Have:     func(program string) bool { return slices.Contains(m.have, program) },
		Grant: func(app, cloud string, activity bool) (string, string, error) {
			return "grant " + app + " by sh", "grant " + app + " by PowerShell", nil
		},
		Run: func(_ context.Context, c Command) (string, error) {
			m.ran = append(m.ran, c)
			if !strings.Contains(shown.String(), strings.Split(c.String(), "\n")[0]) {
				t.Errorf("ran without being shown: %s", c)
			}
			if m.prints == nil {
				return "", nil
			}
			return m.prints(c)
		},
	})
	return shown.String(), err
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRun_New: from nothing, with the Azure CLI, which makes the application and
// learns of the certificate, the first time in vain.
func TestRun_New(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lictrail", "config.toml")
	uploads := 0
	m := &machine{system: "linux", have: []string{"az"}}
	m.prints = func(c Command) (string, error) {
		switch {
		case strings.HasPrefix(c.Text, "grant"):
			return "AZURE_CLIENT_ID=" + app + "\r\nAZURE_TENANT_ID=" + tenant + "\n", nil
		case strings.Contains(c.Text, "--cert"):
			if uploads++; uploads == 1 {
				return "", errors.New("the application is not known")
			}
		}
		return "", nil
	}
	shown, err := m.follow(t, file, "", "", "", "", "yes", "", "", "yes", "yes", "yes", "yes", "", "", "yes", "yes", "yes")
	if err != nil {
		t.Fatalf("%v\n%s", err, shown)
	}
	dir := filepath.Dir(file)
	want := "tenant = \"" + tenant + "\"\nclient-id = \"" + app + "\"\nauth = \"certificate\"\ncertificate = \"" + dir + "/lictrail.pem\"\nenv-file = \"" + dir + "/lictrail.env\"\n\n[sync]\nactivity = \"all\"\n"
	if got := read(t, file); got != want {
		t.Errorf("config.toml:\n%s\nwant:\n%s\n%s", got, want, shown)
	}
	var words []string
	for _, c := range m.ran {
		words = append(words, strings.Fields(c.String())[0]+" "+string(c.Shell))
	}
	if got := strings.Join(words, ", "); got != "grant sh, az sh, az sh, lictrail lictrail, lictrail lictrail, set sh, sudo=$(test sh" {
		t.Errorf("ran: %s", got)
	}
	if _, err := tls.LoadX509KeyPair(filepath.Join(dir, "lictrail.crt"), filepath.Join(dir, "lictrail.pem")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"config.toml", "lictrail.pem", "lictrail.env"} {
		if who, err := private.OpenTo(filepath.Join(dir, name)); who != "" || err != nil {
			t.Errorf("%s is open to %q, %v", name, who, err)
		}
	}
	if _, err := graph.NewCredential("certificate", graph.CredentialOptions{TenantID: tenant, ClientID: app, Certificate: filepath.Join(dir, "lictrail.pem")}); err != nil {
		t.Errorf("nobody can sign in with the certificate: %v", err)
	}
}

// TestRun_Nothing: whoever says no to everything has nothing run, and whoever has
// no tool is shown what to run elsewhere.
func TestRun_Nothing(t *testing.T) {
	for _, system := range []string{"linux", "windows", "darwin"} {
		m := &machine{system: system}
		file := filepath.Join(t.TempDir(), "config.toml")
		shown, err := m.follow(t, file, tenant, "", "no", "", app, "managed-identity", "no", "no", "none", "no")
		if err != nil || len(m.ran) > 0 {
			t.Errorf("%s: %v, ran %v", system, err, m.ran)
		}
		tool := map[string]string{"linux": "grant  by sh", "windows": "grant  by PowerShell", "darwin": "grant  by sh"}[system]
		if !strings.Contains(shown, tool) || !strings.Contains(shown, "Run this where one of them is") {
			t.Errorf("%s: shows not how to make an application:\n%s", system, shown)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s: the settings were written without a yes", system)
		}
	}
}

// TestRun_Secret: a secret is shown nowhere, is kept from others, and stays when
// set-up is repeated, with the other variables.
func TestRun_Secret(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(filepath.Join(dir, "lictrail.env"), []byte("LICTRAIL_TEAMS_URL=https://x\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &machine{system: "windows", have: []string{"az", "powershell"}, prints: func(c Command) (string, error) {
		if !c.Secret {
			return "", nil
		}
		return "s3cret\r\n", nil
	}}
	shown, err := m.follow(t, file, tenant, "", "", app, "", "secret", "yes", "yes", "no", "windows", "daily 5:00", "yes", "yes", "no")
	if err != nil || strings.Contains(shown, "s3cret") {
		t.Errorf("%v\n%s", err, shown)
	}
	if got := read(t, filepath.Join(dir, "lictrail.env")); got != "LICTRAIL_TEAMS_URL=https://x\nAZURE_CLIENT_SECRET=s3cret\n" {
		t.Errorf("the file of variables is %q", got)
	}
	if text := m.ran[len(m.ran)-1].Text; !strings.Contains(text, "Register-ScheduledTask") || m.ran[len(m.ran)-1].Shell != PowerShell {
		t.Errorf("the task is not registered: %s", text)
	}
	before, m2 := read(t, file), &machine{system: "windows"}
	if shown, err = m2.follow(t, file, "", "", "", "", "", "", "", "no", "none", "no"); err != nil || read(t, file) != before || len(m2.ran) > 0 {
		t.Errorf("repeated: %v, ran %v\n%s", err, m2.ran, shown)
	}
	if got := read(t, filepath.Join(dir, "lictrail.env")); !strings.Contains(got, "s3cret") {
		t.Errorf("the secret is gone: %q", got)
	}
}

// TestRun_Failing: where a read does not work, the first run is made only on demand.
func TestRun_Failing(t *testing.T) {
	m := &machine{system: "linux", prints: func(c Command) (string, error) {
		if len(c.Args) > 0 && c.Args[0] == "doctor" {
			return "", errors.New("exit status 5")
		}
		return "", nil
	}}
	shown, err := m.follow(t, filepath.Join(t.TempDir(), "config.toml"), tenant, "", "no", app, "yes", "managed-identity", "yes", "yes", "no", "none", "")
	if err != nil || !strings.Contains(shown, "Not all reads are known to work") {
		t.Errorf("%v\n%s", err, shown)
	}
	for _, c := range m.ran {
		if len(c.Args) > 0 && c.Args[0] == "sync" {
			t.Errorf("it ran %v", c.Args)
		}
	}
}

// TestRun_Ends: set-up can be left at any question, and does not take what is no
// answer.
func TestRun_Ends(t *testing.T) {
	m := &machine{system: "linux"}
	file := filepath.Join(t.TempDir(), "config.toml")
	shown, err := m.follow(t, file, "nonsense", tenant, "globl", "global", "perhaps", "yes", "12", app)
	if !errors.Is(err, ErrEnded) {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"want an id such as", "did you mean global?", "type yes or no", "want the GUID"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is missing in:\n%s", want, shown)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in, _, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := (&Dialog{In: in, Out: &bytes.Buffer{}}).Ask(ctx, "?", "", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupt does not end a question: %v", err)
	}
}
