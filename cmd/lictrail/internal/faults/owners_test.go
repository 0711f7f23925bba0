//go:build unix

package faults

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lictrail/graph/graphtest"
)

// TestP21_OthersInput has others able to write, to read, to own or to replace
// each file that decides what the program does, or is a secret of it.
func TestP21_OthersInput(t *testing.T) {
	w := newWorld(t)
	dir := w.copyOf(t, w.first)
	url := "https://127.0.0.1:9/hook"
	files := map[string]struct {
		secret bool
		text   string
		args   []string
		env    map[string]string
	}{
		"LICTRAIL_CONFIG":               {text: "quiet = true\n"},
		"LICTRAIL_ENV_FILE":             {secret: true, text: "LICTRAIL_ACCESS_TOKEN=" + graphtest.DefaultToken + "\n"},
		"LICTRAIL_ACCESS_TOKEN_FILE":    {secret: true, text: graphtest.DefaultToken + "\n"},
		"LICTRAIL_WEBHOOK_URL_FILE":     {secret: true, text: url, args: []string{"--notify", "webhook"}},
		"LICTRAIL_TEAMS_URL_FILE":       {secret: true, text: url, args: []string{"--notify", "teams"}},
		"LICTRAIL_SLACK_URL_FILE":       {secret: true, text: url, args: []string{"--notify", "slack"}},
		"AZURE_CLIENT_SECRET_FILE":      {secret: true, text: "x", args: []string{"--auth", "secret"}},
		"AZURE_CLIENT_CERTIFICATE_PATH": {secret: true, text: "x", args: []string{"--auth", "certificate"}},
		"AZURE_FEDERATED_TOKEN_FILE":    {text: "x", args: []string{"--auth", "workload-identity"}},
	}
	tried, refused, taken := 0, 0, 0
	for variable, f := range files {
		for _, c := range []struct {
			what   string
			mode   os.FileMode
			folder os.FileMode
			uid    int
			ok     bool
		}{
			{"mine", 0o600, 0o700, 0, true},
			{"my group may read it", 0o640, 0o755, 0, true},
			{"all may read it", 0o644, 0o755, 0, !f.secret},
			{"my group may write it", 0o660, 0o700, 0, false},
			{"my group may write and all may read it", 0o664, 0o700, 0, false},
			{"all may write it", 0o666, 0o700, 0, false},
			{"all may replace it", 0o600, 0o777, 0, false},
			{"somebody else's", 0o600, 0o700, 12345, false},
		} {
			if c.uid != 0 && os.Geteuid() != 0 {
				continue
			}
			folder := filepath.Join(t.TempDir(), "folder")
			path := filepath.Join(folder, "file")
			must(os.Mkdir(folder, 0o700))
			must(os.WriteFile(path, []byte(f.text), 0o600))
			must(os.Chmod(path, c.mode))
			must(os.Chmod(folder, c.folder))
			if c.uid != 0 {
				must(os.Chown(path, c.uid, c.uid))
			}
			env := map[string]string{"LICTRAIL_ACCESS_TOKEN": graphtest.DefaultToken, "AZURE_TENANT_ID": "72f988bf-86f1-41af-91ab-2d7cd011db47",
				"AZURE_CLIENT_ID": "72f988bf-86f1-41af-91ab-2d7cd011db48", variable: path}
			if strings.HasPrefix(variable, "LICTRAIL_ACCESS") || variable == "LICTRAIL_ENV_FILE" {
				delete(env, "LICTRAIL_ACCESS_TOKEN")
			}
			r := commandWith(env, append([]string{"doctor", "--offline", "--db", dbIn(dir)}, slices.DeleteFunc(slices.Clone(f.args), func(string) bool { return strings.HasPrefix(f.text, url) })...)...)
			row := regexp.MustCompile(`(?m)^.*` + regexp.QuoteMeta(path) + `.*$`).FindString(r.stdout + r.stderr)
			if tried++; row == "" || c.ok == (r.code != 0 || strings.Contains(row, "warning")) {
				t.Errorf("doctor, %s, %s: %v\n%s", variable, c.what, r, r.stdout)
			}
			r = commandWith(maps.Clone(env), w.syncArgs(dir, append(f.args, "--patience", "1s")...)...)
			said := strings.Contains(r.stderr, "others") || strings.Contains(r.stderr, "another user")
			switch {
			case c.ok && said:
				t.Errorf("%s, %s: %v, want it taken", variable, c.what, r)
			case c.ok:
				taken++
			case (r.code == 2 || r.code == 4) && said && strings.Contains(r.stderr, "Try: "):
				refused++
			default:
				t.Errorf("%s, %s: %v, want a refusal with a hint", variable, c.what, r)
			}
		}
	}
	publish(t, "P21", "the configuration, the file of variables, secrets, keys and tokens in files: of modes and owners that let others read, write or replace them, with sync and with doctor",
		"refused where others may write, own or replace it, or read a secret; shown by doctor", "%d files: %d refused, %d taken", tried, refused, taken)
}
