//go:build unix

package faults

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lictrail/graph/graphtest"
)

// notFiles makes things that are no ordinary files: a pipe that nobody writes
// to, a socket, a device that never ends, one that is empty, and a link to the
// pipe.
func notFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	pipe, link, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), filepath.Join(dir, "socket")
	must(syscall.Mkfifo(pipe, 0o600))
	must(os.Symlink(pipe, link))
	l, err := net.Listen("unix", socket)
	must(err)
	t.Cleanup(func() { l.Close() })
	return map[string]string{"pipe": pipe, "link to a pipe": link, "socket": socket, "/dev/zero": "/dev/zero", "/dev/null": "/dev/null"}
}

// fileVariables name files that the program reads for a run with this way to
// sign in.
var fileVariables = map[string][]string{
	"LICTRAIL_CONFIG":                        nil,
	"LICTRAIL_ENV_FILE":                      nil,
	"LICTRAIL_ACCESS_TOKEN_FILE":             {"--auth", "token"},
	"LICTRAIL_ACTIVITY_TOKEN_FILE":           {"--auth", "token", "--audit-source", "activity-api"},
	"AZURE_CLIENT_SECRET_FILE":               {"--auth", "secret"},
	"AZURE_CLIENT_CERTIFICATE_PATH":          {"--auth", "certificate"},
	"AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE": {"--auth", "certificate", "--certificate", "cert.pem"},
	"AZURE_FEDERATED_TOKEN_FILE":             {"--auth", "workload-identity"},
	"LICTRAIL_WEBHOOK_URL_FILE":              {"--notify", "webhook"},
	"LICTRAIL_TEAMS_URL_FILE":                {"--notify", "teams"},
	"LICTRAIL_SLACK_URL_FILE":                {"--notify", "slack"},
	"LICTRAIL_SMTP_PASSWORD_FILE":            {"--notify", "mail"},
	"SSL_CERT_FILE":                          nil,
}

// TestP20_NotFiles gives every command what is no file in the place of each file
// that it takes by a flag, an argument, a variable or a place of its own. A new
// command or flag is found in the program's tree.
func TestP20_NotFiles(t *testing.T) {
	w := newWorld(t)
	dir := w.copyOf(t, w.first)
	user := w.tenant.UserIDs()[0]
	const patience = time.Minute
	tried, refused := 0, 0
	try := func(mustRefuse bool, env map[string]string, args ...string) {
		t.Helper()
		r := within(t, patience, env, args...)
		tried++
		switch {
		case r.code == 2 || r.code == 4:
			refused++
		case mustRefuse:
			t.Errorf("%q with %q: %v, want a refusal", args, env, r)
		}
	}
	token := map[string]string{"LICTRAIL_ACCESS_TOKEN": graphtest.DefaultToken}
	kinds := notFiles(t)
	for kind, path := range kinds {
		for _, i := range invocations(t, user, path) {
			args := i.args
			if i.name() == "sync" {
				args = w.syncArgs(dir)
			} else if i.has("db") {
				args = append(slices.Clone(args), "--db", dbIn(dir))
			}
			if i.file >= 0 {
				try(i.name() != "backup", token, args...)
				continue
			}
			if slices.Contains([]string{"demo", "doctor"}, i.name()) && kind != "pipe" {
				continue // they take their time
			}
			for _, flag := range i.files() {
				reads := flag == "config" && !slices.Contains([]string{"version", "config path"}, i.name()) && i.cmd.HasParent() &&
					!strings.HasPrefix(i.name(), "completion") && i.name() != "help" && !i.cmd.Hidden
				try(reads, token, append(slices.Clone(args), "--"+flag, path)...)
			}
		}
		for variable, with := range fileVariables {
			env := map[string]string{"LICTRAIL_ACCESS_TOKEN": graphtest.DefaultToken, "AZURE_TENANT_ID": "72f988bf-86f1-41af-91ab-2d7cd011db47",
				"AZURE_CLIENT_ID": "72f988bf-86f1-41af-91ab-2d7cd011db48", "LICTRAIL_SMTP_HOST": "127.0.0.1", "LICTRAIL_SMTP_USER": "u",
				"LICTRAIL_SMTP_FROM": "a@contoso.example", "LICTRAIL_SMTP_TO": "b@contoso.example", variable: path}
			if secret, ok := strings.CutSuffix(variable, "_FILE"); ok {
				delete(env, secret)
			}
			stops := variable != "LICTRAIL_ACTIVITY_TOKEN_FILE" // that one makes a warning
			try(stops, env, append(w.syncArgs(dir), with...)...)
		}
	}
	for _, name := range []string{"t.db-notify", "reclaim.toml", "t.db.lock", "t.db-wal", "t.db-shm", "t.db-journal", "t.db"} {
		place := w.copyOf(t, w.first)
		file := filepath.Join(place, name)
		_ = os.Remove(file) // most are not there
		must(syscall.Mkfifo(file, 0o600))
		for _, args := range [][]string{w.syncArgs(place), {"reclaim", "--db", dbIn(place)}, {"report", "--db", dbIn(place)}, {"doctor", "--offline", "--db", dbIn(place)},
			{"verify", "--db", dbIn(place)}} {
			try(false, token, args...)
		}
	}
	if refused < tried/3 {
		t.Errorf("%d of %d were refused: it proves little", refused, tried)
	}
	publish(t, "P20", "a pipe, a link to one, a socket and devices in the place of every file that a command takes by a flag, an argument, a variable or beside its database",
		"refused or not looked at; 0 hangs", "%d tries: %d refused, 0 hung", tried, refused)
}
