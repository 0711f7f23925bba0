package schedule

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"lictrail/internal/golden"
)

// nasty has what each of the schedulers would take for something else.
var nasty = []string{"sync", "--activity=all", "--burst=5,5%", "--report=/srv/a week's $HOME.html", `--digest=C:\new "x".txt`, "--cloud=a;b&c|d", "--audit-source=graph,purview"}

func job(t *testing.T, at string) Job {
	t.Helper()
	when, err := ParseAt(at)
	if err != nil {
		t.Fatal(err)
	}
	return Job{Program: "/usr/local/bin/lictrail", Args: []string{"sync", "--activity=all", "--audit-source=graph,purview"}, At: when,
		Tenant: "72f988bf-86f1-41af-91ab-2d7cd011db47", Client: "0b5c3c1e-5a5e-4c7e-9f5e-3a1d2b4c6d8e", Image: "registry.contoso.com/lictrail:1.0"}
}

func TestFiles_Golden(t *testing.T) {
	for _, kind := range Kinds {
		j := job(t, "Mon,Thu 06:17")
		if kind == "windows" {
			j.Program = `C:\Program Files\lictrail\lictrail.exe`
		}
		parts, err := Files(kind, j)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range parts {
			golden.File(t, filepath.Join("testdata", f.Name), string(f.Text))
		}
	}
}

func TestParseAt(t *testing.T) {
	for _, test := range []struct{ text, calendar, cron string }{
		{"Mon 06:17", "Mon *-*-* 06:17:00", "17 6 * * 1"},
		{"sunday 23:59", "Sun *-*-* 23:59:00", "59 23 * * 0"},
		{"MON,thu,mon 0:00", "Mon,Thu *-*-* 00:00:00", "0 0 * * 1,4"},
		{"daily 6:05", "*-*-* 06:05:00", "5 6 * * *"},
	} {
		at, err := ParseAt(test.text)
		if err != nil || at.Calendar() != test.calendar || at.Cron() != test.cron {
			t.Errorf("%q: %q, %q, %v", test.text, at.Calendar(), at.Cron(), err)
		}
	}
	for _, wrong := range []string{"", "Mon", "06:17", "Mon 24:00", "Mon 06:60", "Mo 06:17", "Mon, Thu 06:17", "Mon 06:17:00", "Mon 6:7", "Mon\n06:17", "daily,Mon 06:17"} {
		if at, err := ParseAt(wrong); err == nil {
			t.Errorf("%q is %v", wrong, at)
		}
	}
}

// one returns a text by its name.
func one(t *testing.T, kind, name string, j Job) []byte {
	t.Helper()
	parts, err := Files(kind, j)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(parts, func(f File) bool { return f.Name == name })
	return parts[i].Text
}

// TestCron runs the line's command through a shell, as cron does.
func TestCron(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	j := job(t, "Mon 06:17")
	j.Args = nasty
	dir := t.TempDir()
	j.Program = filepath.Join(dir, "a program")
	script := "#!/bin/sh\nfor a in \"$@\"; do printf '%s\\n' \"$a\"; done > \"$HOME/args\"\necho said >&2\nexit 5\n"
	if err := errors.Join(os.WriteFile(j.Program, []byte(script), 0o700), os.MkdirAll(filepath.Join(dir, ".local/state/lictrail"), 0o700)); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, line := range strings.Split(string(one(t, "cron", "lictrail.crontab", j)), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") && !regexp.MustCompile(`^\w+=`).MatchString(line) {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	m := regexp.MustCompile(`^17 6 \* \* 1 +(.*)$`).FindStringSubmatch(lines[0])
	if m == nil {
		t.Fatalf("%q is no line of a crontab for Mondays", lines[0])
	}
	if regexp.MustCompile(`(^|[^\\])%`).MatchString(m[1]) {
		t.Errorf("cron ends the command at a %%: %q", m[1])
	}
	cmd := exec.CommandContext(t.Context(), sh, "-c", strings.ReplaceAll(m[1], `\%`, "%"))
	cmd.Env = append(os.Environ(), "HOME="+dir)
	mail, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, mail)
	}
	got, _ := os.ReadFile(filepath.Join(dir, "args"))
	want := strings.Join(append(slices.Clone(nasty), "--env-file="+dir+"/.config/lictrail/lictrail.env", "--log-format=json"), "\n") + "\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	log, _ := os.ReadFile(filepath.Join(dir, ".local/state/lictrail/sync.log"))
	if string(log) != "said\n" || !strings.Contains(string(mail), "failed with code 5") {
		t.Errorf("log %q, mail %q", log, mail)
	}
}

func TestWindows(t *testing.T) {
	j := job(t, "Mon 06:17")
	j.Program, j.Args = `C:\Program Files\a & b\lictrail.exe`, []string{"sync", "--cloud=a;b&c|d", `--report=C:\x y\`}
	text := one(t, "windows", "lictrail.xml", j)
	var task struct {
		XMLName  xml.Name `xml:"http://schemas.microsoft.com/windows/2004/02/mit/task Task"`
		Triggers struct {
			CalendarTrigger struct {
				StartBoundary  string
				ScheduleByWeek struct {
					DaysOfWeek struct {
						Days []struct{ XMLName xml.Name } `xml:",any"`
					}
				}
			}
		}
		Settings struct{ StartWhenAvailable, MultipleInstancesPolicy string }
		Actions  struct {
			Exec struct{ Command, Arguments string }
		}
	}
	if err := xml.Unmarshal(text, &task); err != nil {
		t.Fatal(err)
	}
	trigger := task.Triggers.CalendarTrigger
	if days := trigger.ScheduleByWeek.DaysOfWeek.Days; trigger.StartBoundary != "2026-01-05T06:17:00" || len(days) != 1 || days[0].XMLName.Local != "Monday" {
		t.Errorf("%+v", trigger)
	}
	if task.Settings.StartWhenAvailable != "true" || task.Settings.MultipleInstancesPolicy != "IgnoreNew" {
		t.Errorf("%+v", task.Settings)
	}
	want := `/d /s /c ""C:\Program Files\a & b\lictrail.exe" sync "--cloud=a;b&c|d" "--report=C:\x y\\" ` +
		`--env-file=C:\ProgramData\lictrail\lictrail.env --log-format=json 2>>C:\ProgramData\lictrail\sync.log >nul"`
	if diff := cmp.Diff(want, task.Actions.Exec.Arguments); diff != "" {
		t.Error(diff)
	}
	j.Args = nasty
	if _, err := Files("windows", j); err == nil {
		t.Error("cmd.exe would take % and \" for something else")
	}
}

// documents decodes all of a YAML file.
func documents(t *testing.T, text []byte) []map[string]any {
	t.Helper()
	var all []map[string]any
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc map[string]any
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, doc)
	}
}

// at follows keys and numbers into a document.
func at(t *testing.T, doc any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch v := doc.(type) {
		case map[string]any:
			doc = v[step.(string)]
		case []any:
			doc = v[step.(int)]
		default:
			t.Fatalf("nothing at %v", path)
		}
	}
	return doc
}

func TestKubernetes(t *testing.T) {
	j := job(t, "Mon 06:17")
	j.Args = nasty
	docs := documents(t, one(t, "kubernetes", "lictrail-cronjob.yaml", j))
	var kinds []string
	for _, d := range docs {
		kinds = append(kinds, fmt.Sprint(d["kind"]))
	}
	if diff := cmp.Diff([]string{"ServiceAccount", "PersistentVolumeClaim", "CronJob"}, kinds); diff != "" {
		t.Fatal(diff)
	}
	spec := at(t, docs[2], "spec")
	pod := at(t, spec, "jobTemplate", "spec", "template")
	container := at(t, pod, "spec", "containers", 0)
	var args []any
	for _, a := range nasty {
		args = append(args, a)
	}
	for _, test := range []struct {
		got, want any
	}{
		{at(t, docs[0], "metadata", "annotations", "azure.workload.identity/client-id"), j.Client},
		{at(t, spec, "schedule"), "17 6 * * 1"},
		{at(t, spec, "concurrencyPolicy"), "Forbid"},
		{at(t, pod, "metadata", "labels", "azure.workload.identity/use"), "true"},
		{at(t, pod, "spec", "serviceAccountName"), "lictrail"},
		{at(t, pod, "spec", "securityContext", "runAsNonRoot"), true},
		{at(t, container, "securityContext", "readOnlyRootFilesystem"), true},
		{at(t, container, "args"), args},
		{at(t, pod, "spec", "volumes", 0, "persistentVolumeClaim", "claimName"), at(t, docs[1], "metadata", "name")},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestGitHubActions(t *testing.T) {
	j := job(t, "Mon 06:17")
	j.Args = nasty
	docs := documents(t, one(t, "github-actions", "lictrail-workflow.yml", j))
	if got := at(t, docs[0], "on", "schedule", 0, "cron"); got != "17 6 * * 1" {
		t.Errorf("cron %q", got)
	}
	if diff := cmp.Diff(map[string]any{"id-token": "write", "contents": "read", "actions": "read"}, docs[0]["permissions"]); diff != "" {
		t.Error(diff)
	}
	steps := at(t, docs[0], "jobs", "sync", "steps").([]any)
	for _, step := range steps {
		script, _ := at(t, step, "run").(string)
		if strings.Contains(script, "${{") {
			t.Errorf("an expression in a script is put into it as text: %q", script)
		}
		bash, err := exec.LookPath("bash")
		if script == "" || err != nil {
			continue
		}
		cmd := exec.CommandContext(t.Context(), bash, "-n")
		cmd.Stdin = strings.NewReader(script)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s in %q", err, said, script)
		}
	}
}

// TestSystemd lets systemd itself read the units. What it says of how much the
// service is exposed, from 10 down to 0, must stay low.
func TestSystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	j := job(t, "Mon,Thu 06:17")
	j.Args = nasty
	if j.Program, err = os.Executable(); err != nil { // verify looks whether it is there
		t.Fatal(err)
	}
	dir := t.TempDir()
	parts, err := Files("systemd", j)
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		said, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze %v: %v\n%s", args, err, said)
		}
		return string(said)
	}
	for _, f := range parts {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said := run("verify", "--man=no", filepath.Join(dir, "lictrail.service"), filepath.Join(dir, "lictrail.timer")); strings.Contains(said, dir) {
		t.Errorf("systemd has something to say:\n%s", said)
	}
	if said := run("calendar", "--base-time=2026-01-01", j.At.Calendar()); !strings.Contains(said, "2026-01-01 06:17:00") { // a Thursday
		t.Errorf("%s", said)
	}
	said := run("security", "--offline=true", "--threshold=15", filepath.Join(dir, "lictrail.service"))
	if m := regexp.MustCompile(`exposure level for lictrail.service: ([\d.]+)`).FindStringSubmatch(said); m != nil {
		t.Logf("exposure %s of 10", m[1])
	} else {
		t.Errorf("%s", said)
	}
}
