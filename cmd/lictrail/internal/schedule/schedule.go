// Package schedule writes what a scheduler needs to run lictrail sync by itself:
// a unit, a line, a task, a manifest or a workflow. Each is a template that a
// person can read; here is only when to run, and how each of the schedulers
// quotes.
package schedule

import (
	"bytes"
	"embed"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// Kinds are the schedulers, in the order of help.
var Kinds = []string{"systemd", "cron", "windows", "kubernetes", "github-actions"}

// files are what each scheduler needs, by the names of the templates.
var files = map[string][]string{
	"systemd":        {"lictrail.service", "lictrail.timer"},
	"cron":           {"lictrail.crontab"},
	"windows":        {"lictrail.xml"},
	"kubernetes":     {"lictrail-cronjob.yaml"},
	"github-actions": {"lictrail-workflow.yml"},
}

// Job is what is to be run.
type Job struct {
	Program string   // path of lictrail
	Args    []string // of lictrail, with sync first
	At      At
	Tenant  string // id; "" where it is not known
	Client  string // id of the application; "" where it is not known
	Image   string // of the container
	EnvFile string // of variables; "" for the usual place of each scheduler
	Readers string // the group that may read the database; "" for none
	Shards  int    // pods that divide the tenants among them; 0: one tenant
}

// Certificate is the file that --certificate names; "" where none does.
func (j Job) Certificate() string {
	for _, a := range j.Args {
		if path, ok := strings.CutPrefix(a, certificateFlag); ok {
			return path
		}
	}
	return ""
}

// Others are the arguments but for the certificate.
func (j Job) Others() []string {
	return slices.DeleteFunc(slices.Clone(j.Args), func(a string) bool { return strings.HasPrefix(a, certificateFlag) })
}

const certificateFlag = "--certificate="

// File is one text that a scheduler needs.
type File struct {
	Name string
	Text []byte
}

//go:embed templates
var templates embed.FS

// placeholder stands where an id is not known.
const placeholder = "00000000-0000-0000-0000-000000000000"

// Files writes the texts for a scheduler, which is one of [Kinds].
func Files(kind string, job Job) ([]File, error) {
	if kind == "windows" && slices.ContainsFunc(append([]string{job.Program, job.EnvFile}, job.Args...), func(a string) bool { return strings.ContainsAny(a, "%\"\r\n") }) {
		return nil, fmt.Errorf("a value with %% or \" in it cannot be handed on through cmd.exe; put it into the configuration")
	}
	if slices.ContainsFunc(append([]string{job.Program, job.EnvFile}, job.Args...), func(a string) bool { return strings.ContainsAny(a, "\r\n\x00") }) {
		return nil, fmt.Errorf("a value with a line break in it fits on no line; put it into the configuration")
	}
	if job.Tenant == "" {
		job.Tenant = placeholder
	}
	if job.Client == "" {
		job.Client = placeholder
	}
	var done []File
	for _, name := range files[kind] {
		t, err := template.New(name).Funcs(functions).ParseFS(templates, "templates/"+name)
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		var b bytes.Buffer
		if err := t.Execute(&b, job); err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		done = append(done, File{name, b.Bytes()})
	}
	return done, nil
}

// Print writes the texts one after the other, with their names between them
// where there are several.
func Print(w io.Writer, parts []File) error {
	for i, f := range parts {
		head := ""
		if len(parts) > 1 {
			head = fmt.Sprintf("# %s\n", f.Name)
		}
		if i > 0 {
			head = "\n" + head
		}
		if _, err := fmt.Fprintf(w, "%s%s", head, f.Text); err != nil {
			return err
		}
	}
	return nil
}

var functions = template.FuncMap{
	"unit": each(unitWord), "shell": each(shellWord), "batch": each(batchWord),
	"json": func(v any) (string, error) {
		text, err := json.Marshal(v)
		return string(text), err
	},
	"xml": func(s string) (string, error) {
		var b bytes.Buffer
		err := xml.EscapeText(&b, []byte(s))
		return b.String(), err
	},
	"one":     func(word string) []string { return []string{word} },
	"percent": func(s string) string { return strings.ReplaceAll(s, "%", "%%") }, // systemd's specifiers
	"words":   func(program string, args []string) []string { return append([]string{program}, args...) },
	"crontab": func(s string) string { return strings.ReplaceAll(s, "%", `\%`) }, // a bare one ends the line
}

// each quotes every word of a command.
func each(quote func(string) string) func([]string) string {
	return func(words []string) string {
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = quote(w)
		}
		return strings.Join(quoted, " ")
	}
}

var bare = regexp.MustCompile(`^[A-Za-z0-9_./:=@,+-]+$`)

// unitWord quotes as systemd.service has it: % and $ mean something there.
func unitWord(w string) string {
	w = strings.NewReplacer("%", "%%", "$", "$$").Replace(w)
	if bare.MatchString(w) {
		return w
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
}

// shellWord quotes for a POSIX shell.
func shellWord(w string) string {
	if bare.MatchString(w) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// batchWord quotes for cmd.exe, of words without % and ".
func batchWord(w string) string {
	if regexp.MustCompile(`^[A-Za-z0-9_./:\\=@+-]+$`).MatchString(w) {
		return w
	}
	if strings.HasSuffix(w, `\`) {
		w += `\` // it would take the quote's meaning away
	}
	return `"` + w + `"`
}

// At is a time of the week; no days mean every day.
type At struct {
	Days         []time.Weekday
	Hour, Minute int
}

var atPattern = regexp.MustCompile(`^(?i)([a-z,]+) +(\d{1,2}):(\d{2})$`)

// ParseAt reads such as "Mon 06:17", "Mon,Thu 06:17" or "daily 06:17".
func ParseAt(text string) (At, error) {
	wrong := fmt.Errorf("%q is not a time of the week", text)
	m := atPattern.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return At{}, wrong
	}
	var at At
	at.Hour, _ = strconv.Atoi(m[2]) // digits
	at.Minute, _ = strconv.Atoi(m[3])
	if at.Hour > 23 || at.Minute > 59 {
		return At{}, wrong
	}
	if strings.EqualFold(m[1], "daily") {
		return at, nil
	}
	for _, word := range strings.Split(m[1], ",") {
		day, ok := weekday(word)
		if !ok {
			return At{}, wrong
		}
		if !slices.Contains(at.Days, day) {
			at.Days = append(at.Days, day)
		}
	}
	return at, nil
}

// weekday knows a day by its name or the first three letters.
func weekday(word string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := d.String(); strings.EqualFold(word, name) || strings.EqualFold(word, name[:3]) {
			return d, true
		}
	}
	return 0, false
}

// Calendar is the time as systemd writes it.
func (a At) Calendar() string {
	clock := fmt.Sprintf("*-*-* %02d:%02d:00", a.Hour, a.Minute)
	if len(a.Days) == 0 {
		return clock
	}
	return a.join(func(d time.Weekday) string { return d.String()[:3] }) + " " + clock
}

// Cron is the time as cron has it.
func (a At) Cron() string {
	days := "*"
	if len(a.Days) > 0 {
		days = a.join(func(d time.Weekday) string { return strconv.Itoa(int(d)) })
	}
	return fmt.Sprintf("%d %d * * %s", a.Minute, a.Hour, days)
}

// Boundary is a day and time in the past from which a Windows task counts.
func (a At) Boundary() string { return fmt.Sprintf("2026-01-05T%02d:%02d:00", a.Hour, a.Minute) }

func (a At) join(word func(time.Weekday) string) string {
	words := make([]string, len(a.Days))
	for i, d := range a.Days {
		words[i] = word(d)
	}
	return strings.Join(words, ",")
}
