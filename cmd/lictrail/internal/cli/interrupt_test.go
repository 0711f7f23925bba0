package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/announce"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph/graphtest"
)

// committed is a stderr that does something when the run first warns, which is
// after the commit.
type committed struct {
	text bytes.Buffer
	do   func()
}

func (c *committed) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "warning:") && c.do != nil {
		c.do()
		c.do = nil
	}
	return c.text.Write(p)
}

// warningSync is a sync of a small tenant into dir, which ends with a warning. It
// writes a head to the folder heads, which is there.
func warningSync(t *testing.T, dir string, stdout, stderr io.Writer) (*env, *syncOptions) {
	tenant := graphtest.New(1)
	tenant.Populate(5, 1)
	server := graphtest.NewServer(tenant, graphtest.WithScopes(without(graphtest.AllScopes, "AuditLog.Read.All")...))
	base, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	getenv := func(name string) string {
		return map[string]string{"LICTRAIL_ACCESS_TOKEN": graphtest.DefaultToken}[name]
	}
	heads := filepath.Join(dir, "heads")
	if err := os.Mkdir(heads, 0o700); err != nil {
		t.Fatal(err)
	}
	e := &env{Streams: out.NewStreams(strings.NewReader(""), stdout, stderr, getenv), getenv: getenv, now: time.Now,
		db: filepath.Join(dir, "t.db"), format: "text"}
	return e, &syncOptions{Connection: connect.Connection{Auth: "token", Cloud: "global", Endpoint: base, Patience: time.Minute},
		maxShrink: "20%", burst: "5,5%", sources: []string{connect.AuditGraph}, files: announce.Files{Head: filepath.Join(heads, "head")}}
}

// A run that history has taken must not be said to have left nothing there.
func TestSync_InterruptedAfterCommit(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout bytes.Buffer
	stderr := &committed{do: cancel}
	e, o := warningSync(t, t.TempDir(), &stdout, stderr)
	if err := runSync(ctx, e, o, new(announce.Notifier)); err != nil {
		t.Errorf("history has the run, and it failed: %v", err)
	}
	if ctx.Err() == nil || stdout.Len() == 0 {
		t.Errorf("interrupted: %v; said %q and %q", ctx.Err(), stdout.String(), stderr.text.String())
	}
}

// A head that can no longer be written when the run is history is a failure, and
// costs nothing else: the head is printed, and the page is there.
func TestSync_HeadFailsAfterCommit(t *testing.T) {
	dir := t.TempDir()
	var stdout bytes.Buffer
	stderr := &committed{do: func() { os.RemoveAll(filepath.Join(dir, "heads")) }}
	e, o := warningSync(t, dir, &stdout, stderr)
	o.files.Report, e.output = filepath.Join(dir, "week.html"), filepath.Join(dir, "out.txt")
	cmd := &cobra.Command{RunE: func(cmd *cobra.Command, _ []string) error { return runSync(t.Context(), e, o, new(announce.Notifier)) }}
	wrap(e, cmd)
	var said *out.Error
	if err := cmd.RunE(cmd, nil); !errors.As(err, &said) || said.Code != exitFailed || said.Hint == "" ||
		!strings.Contains(said.Message, "run 1 is recorded, its head is not written") {
		t.Errorf("it ended with %v", err)
	}
	if text, err := os.ReadFile(e.output); !strings.Contains(string(text), "\nHead ") {
		t.Errorf("it printed %q, %v", text, err)
	}
	if _, err := os.Stat(o.files.Report); err != nil {
		t.Errorf("the page: %v", err)
	}
}
