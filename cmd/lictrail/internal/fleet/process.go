package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
)

// RunComplete is the message by which the log of sync names a run that became
// history; its attributes are those of [logLine].
const RunComplete = "run complete"

// result is how the command ended for one tenant.
type result struct {
	tenant *config.Tenant
	out    bytes.Buffer
	code   int
	failed *logLine // its error; nil when it did not fail
	run    *logLine // of sync: the run that became history
}

// ended reports whether the command did for the tenant what it should.
func (r *result) ended() bool { return r.code == exit.Done || r.code == exit.Changed }

// logLine is a line of a tenant's log.
type logLine struct {
	Level       string `json:"level"`
	Message     string `json:"msg"`
	Hint        string `json:"hint"`
	Code        int    `json:"code"`
	Run         int64  `json:"run"`
	Users       int64  `json:"users"`
	Assignments int64  `json:"assignments"`
	Changes     int64  `json:"changes"`
	Warnings    int64  `json:"warnings"`
}

// grace is how long a process has to end well once it was interrupted.
const grace = 30 * time.Second

// runOne runs the command for one tenant.
func (c *Command) runOne(ctx context.Context, r *result) {
	program, err := os.Executable()
	if err != nil {
		r.code, r.failed = exit.Failed, &logLine{Message: "this program's path is not known: " + err.Error()}
		return
	}
	log := &lineWriter{each: func(line []byte) { c.relay(r, line) }}
	process := exec.CommandContext(ctx, program, c.arguments(r.tenant)...)
	process.Args[0] = os.Args[0]
	process.Env = c.Settings.Environment(r.tenant)
	process.Stdout, process.Stderr = &r.out, log
	process.WaitDelay = grace
	process.Cancel = func() error {
		if runtime.GOOS == "windows" {
			return nil // an interrupt at a console reaches every process of it
		}
		return process.Process.Signal(syscall.SIGTERM)
	}
	err = process.Run()
	log.end()
	r.code = process.ProcessState.ExitCode() // -1 where it did not run or was killed
	if _, known := exit.Meaning(r.code); known {
		return
	}
	r.code = exit.Failed
	if err != nil {
		r.failed = &logLine{Message: err.Error()}
		if c.Format != "json" {
			c.Fail(&out.Error{Code: exit.Failed, Message: r.tenant.Name + ": " + err.Error()}, false)
		}
	}
}

// relay passes on a line of a tenant's log: unchanged to a log in JSON, or as text
// with the tenant's name before it.
func (c *Command) relay(r *result, line []byte) {
	var l logLine
	if json.Unmarshal(line, &l) != nil {
		l = logLine{Level: "WARN", Message: string(line)}
	}
	switch {
	case l.Message == RunComplete:
		r.run = &l
	case l.Level == "ERROR":
		r.failed = &l
	}
	text := r.tenant.Name + ": " + l.Message
	switch {
	case c.LogFormat == "json":
		c.Relay(line, l.Level == "INFO")
	case l.Level == "ERROR" && c.Format == "json": // the document has it, and stderr one error
	case l.Level == "ERROR":
		c.Fail(&out.Error{Code: l.Code, Message: text, Hint: l.Hint}, false)
	case l.Level == "WARN":
		c.Warnf("%s", text)
	case l.Message != RunComplete:
		c.Notef("%s", text)
	}
}

// lineWriter calls each with every whole line that is written to it.
type lineWriter struct {
	rest []byte
	each func([]byte)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		w.each(line)
		w.rest = rest
	}
}

// end hands on what was written after the last line end.
func (w *lineWriter) end() {
	if len(w.rest) > 0 {
		w.each(w.rest)
	}
}
