package cli

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph/graphtest"
)

// hangUp is a stderr that interrupts the run when it is told a warning, which
// is after the commit.
type hangUp struct {
	text   bytes.Buffer
	cancel context.CancelFunc
}

func (h *hangUp) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "warning:") {
		h.cancel()
	}
	return h.text.Write(p)
}

// A run that history has taken must not be said to have left nothing there.
func TestSync_InterruptedAfterCommit(t *testing.T) {
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
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout bytes.Buffer
	stderr := &hangUp{cancel: cancel}
	e := &env{Streams: out.NewStreams(strings.NewReader(""), &stdout, stderr, getenv), getenv: getenv, now: time.Now,
		db: filepath.Join(t.TempDir(), "t.db"), format: "text"}
	o := syncOptions{connection: connection{auth: "token", cloud: "global", endpoint: base, patience: time.Minute},
		maxShrink: "20%", burst: "5,5%", sources: []string{auditGraph}, headFile: filepath.Join(t.TempDir(), "head")}
	if err := runSync(ctx, e, &o); err != nil {
		t.Errorf("history has the run, and it failed: %v", err)
	}
	if ctx.Err() == nil || stdout.Len() == 0 {
		t.Errorf("interrupted: %v; said %q and %q", ctx.Err(), stdout.String(), stderr.text.String())
	}
}
