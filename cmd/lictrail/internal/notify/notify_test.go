package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/mail"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/internal/golden"
	"lictrail/snapshot"
)

// evil is what a name may be: a formula, markup of every receiver, a mention, a
// line that begins a header, and marks that turn the direction of text.
const evil = "=HYPERLINK(\"http://evil.example\") <script>alert(1)</script> [click](http://evil.example) <!channel> *bold* \r\nBcc: thief@evil.example\r\n\u202egnp.exe"

const head = "6f1c0e7c3cfb1ad3f0e2f8c1bb6b5d1d2c9f4ab0e7c3cfb1ad3f0e2f8c1bb6b5"

// run is a message of a run with so many unexplained changes.
func aRun(open int, name string) *Message {
	m := &Message{ID: "ID7", At: time.Date(2026, 5, 4, 6, 0, 9, 0, time.UTC), Version: "v1.2.3", Event: Ran,
		Tenant: out.Tenant{ID: "72f988bf-86f1-41af-91ab-2d7cd011db47", Name: "Contoso"},
		Run:    map[string]any{"id": 13, "status": "complete"}, Number: 13, Head: head,
		ByKind:  []Count{{"removed", open}, {"date-moved", 2}},
		ByCause: []Count{{"microsoft", 2}, {"unknown", open}}, DateMoves: 2, Unexplained: open,
		By: []Party{{JSON: map[string]any{"actor": map[string]any{"upn": "ada@contoso.com " + name}, "changes": 3}, Text: "ada@contoso.com " + name, N: 3},
			{JSON: map[string]any{"actor": nil, "changes": 1}, Text: "not known", N: 1}},
		Warnings: []snapshot.Warning{{Code: "audit", Message: "the audit log could not be read"}}}
	for i := range min(open, MaxOpen) {
		words := fmt.Sprintf("user %d %s: SPE_E3 removed (direct)", i, name)
		m.Open = append(m.Open, Change{JSON: map[string]any{"id": i, "user": name}, Text: words})
	}
	return m
}

func messages() map[string]*Message {
	hostile := aRun(2, evil)
	hostile.Tenant.Name = evil
	hostile.Warnings = []snapshot.Warning{{Code: "group", Message: evil}}
	failure := &Message{ID: "ID7", At: time.Date(2026, 5, 4, 6, 0, 9, 0, time.UTC), Version: "v1.2.3", Event: Failed, Head: head,
		Tenant: out.Tenant{ID: "72f988bf-86f1-41af-91ab-2d7cd011db47", Name: "Contoso"},
		Run:    map[string]any{"id": 14, "status": "failed"}, Number: 14,
		Failure: &Failure{Code: 4, Message: "read users: 403", Hint: "grant User.Read.All"}}
	first := aRun(0, "")
	first.First, first.ByKind, first.ByCause, first.By, first.DateMoves, first.Warnings = true, nil, nil, nil, 0, nil
	unread := aRun(0, "")
	unread.ByKind, unread.ByCause, unread.By, unread.DateMoves = nil, nil, nil, 0
	unread.Gaps = []out.Gap{{What: "audit-log", Why: "not-permitted"}}
	unread.NotKnown = []string{"Not known: who did what. It may not be read; what would show it: the application permission AuditLog.Read.All."}
	full := aRun(2, evil)
	full.Page = &page.Page{Title: "Licenses of " + evil, Lead: "The week.", Foot: []string{"It names people."},
		Sections: []page.Section{{ID: "changes", Heading: "What changed", Text: []string{evil}}}}
	return map[string]*Message{
		"run": aRun(2, "4be1"), "hostile": hostile, "failure": failure, "first": first, "unread": unread, "full": full, "50000": aRun(50_000, strings.Repeat("長い名前", 200)),
		"test": {ID: "ID7", At: time.Date(2026, 5, 4, 6, 0, 9, 0, time.UTC), Version: "v1.2.3", Event: Test},
	}
}

// encodings are all forms of a message.
func encodings(t *testing.T, m *Message) map[string][]byte {
	t.Helper()
	forms := map[string][]byte{}
	for kind, build := range map[string]func() ([]byte, error){"webhook": m.webhook, "teams": m.teams, "slack": m.slack} {
		body, err := build()
		if err != nil {
			t.Fatal(err)
		}
		forms[kind] = body
	}
	letter, err := toMailbox(t).letter(m)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := letter.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	forms["mail"] = b.Bytes()
	return forms
}

func toMailbox(t *testing.T) *smtp {
	t.Helper()
	r, err := mailReceiver(variables(map[string]string{smtpHost: "mail.contoso.com", smtpFrom: "Wächter <lictrail@contoso.com>", smtpTo: "it@contoso.com, boss@contoso.com"}))
	if err != nil {
		t.Fatal(err)
	}
	return r.smtp
}

func variables(v map[string]string) func(string) string {
	return func(name string) string { return v[name] }
}

// boundaries are what the parts of a mail begin with, another one each time.
var boundaries = regexp.MustCompile(`\b[0-9a-f]{60}\b`)

// TestGolden holds messages against those of testdata, indented to be read.
func TestGolden(t *testing.T) {
	for name, m := range messages() {
		for kind, body := range encodings(t, m) {
			if name == "50000" && kind != "slack" {
				continue // long; TestLimits looks at them
			}
			var b bytes.Buffer
			file := filepath.Join("testdata", name+"."+kind)
			if kind == "mail" { // its HTML is a page, which package page tests
				text, _, _ := strings.Cut(strings.ReplaceAll(string(body), "\r\n", "\n"), "Content-Type: text/html")
				b.WriteString(boundaries.ReplaceAllString(text, "BOUNDARY"))
			} else if err := json.Indent(&b, body, "", "  "); err != nil {
				t.Fatal(err)
			} else {
				b.WriteByte('\n')
				file += ".json"
			}
			golden.File(t, file, b.String())
		}
	}
}

// TestLimits: every message fits, and what is left out is said.
func TestLimits(t *testing.T) {
	many := messages()["50000"]
	many.Warnings = nil
	for i := range 5000 {
		many.Warnings = append(many.Warnings, snapshot.Warning{Code: "sku-silent", Message: fmt.Sprint(i, strings.Repeat("長", 5000))})
	}
	all := messages()
	all["many warnings"] = many
	for name, m := range all {
		forms := encodings(t, m)
		for kind, limit := range map[string]int{"webhook": 256 << 10, "teams": 28_000, "slack": 13_000, "mail": 2 << 20} {
			if n := len(forms[kind]); n > limit {
				t.Errorf("%s, %s: %d bytes, the limit is %d", name, kind, n, limit)
			}
		}
		checkSlack(t, name, forms["slack"])
		checkTeams(t, name, forms["teams"])
	}
	forms := encodings(t, many)
	for _, kind := range []string{"teams", "slack", "mail"} {
		text := string(forms[kind])
		if kind == "mail" {
			text = strings.NewReplacer("=\r\n", "").Replace(text)
		}
		for _, want := range []string{"more: lictrail changes --run 13", "more: lictrail runs show 13", head} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", kind, want)
			}
		}
	}
	var d struct {
		Changes struct {
			Total       int
			Unexplained struct {
				Total   int
				Items   []any
				LeftOut int `json:"left_out"`
			}
		}
		Warnings struct {
			Items   []any
			LeftOut int `json:"left_out"`
		}
	}
	if err := json.Unmarshal(forms["webhook"], &d); err != nil {
		t.Fatal(err)
	}
	if u := d.Changes.Unexplained; d.Changes.Total != 50_002 || u.Total != 50_000 || len(u.Items)+u.LeftOut != u.Total || len(u.Items) == 0 {
		t.Errorf("changes: total %d, unexplained %d, %d listed, %d left out", d.Changes.Total, u.Total, len(u.Items), u.LeftOut)
	}
	if n := len(d.Warnings.Items) + d.Warnings.LeftOut; n != 5000 {
		t.Errorf("%d warnings are listed or left out, want 5000", n)
	}
}

// checkSlack applies what Slack refuses as invalid_blocks.
func checkSlack(t *testing.T, name string, body []byte) {
	t.Helper()
	var m slackMessage
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Blocks) == 0 || len(m.Blocks) > 50 {
		t.Errorf("%s: %d blocks", name, len(m.Blocks))
	}
	for _, b := range m.Blocks {
		limit := map[string]int{"header": 150, "section": 3000}[b.Type]
		texts := b.Elements
		if b.Text != nil {
			texts = append(texts, *b.Text)
		}
		for _, text := range texts {
			if n := utf8.RuneCountInString(text.Text); n == 0 || limit > 0 && n > limit || text.Type != "plain_text" || text.Emoji {
				t.Errorf("%s: %s of %d characters, %s", name, b.Type, n, text.Type)
			}
		}
	}
	if strings.ContainsAny(m.Text, "<>") {
		t.Errorf("%s: markup in %q", name, m.Text)
	}
}

// checkTeams: no element that knows Markdown.
func checkTeams(t *testing.T, name string, body []byte) {
	t.Helper()
	var m teamsMessage
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Type != "message" || len(m.Attachments) != 1 || m.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
		t.Fatalf("%s: the envelope is %+v", name, m)
	}
	for _, e := range m.Attachments[0].Content.Body {
		if e.Type != "RichTextBlock" || len(e.Inlines) != 1 || e.Inlines[0].Type != "TextRun" || e.Inlines[0].Text == "" {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// TestSafe: what people see has no control character and no mark that deceives;
// no name begins a header, and none becomes markup.
func TestSafe(t *testing.T) {
	for _, name := range []string{"hostile", "full"} {
		for kind, body := range encodings(t, messages()[name]) {
			text := string(body)
			if kind == "mail" {
				text = checkMail(t, name, body)
			} else if kind != "webhook" && strings.Contains(strings.ReplaceAll(text, `\\u202e`, ""), `\u202e`) {
				t.Errorf("%s, %s: a mark that turns text", name, kind)
			}
			if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' || r == '\u202e' }) {
				t.Errorf("%s, %s: raw control characters", name, kind)
			}
		}
	}
}

// checkMail reads a mail as a mail program would, and returns what it shows.
func checkMail(t *testing.T, name string, body []byte) string {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To", "User-Agent", "X-Auto-Response-Suppress", "X-Mailer"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(m.Header))); diff != "" {
		t.Errorf("%s: headers (-want +got):\n%s", name, diff)
	}
	parts := mailParts(t, m)
	if strings.Contains(parts["text/html; charset=UTF-8"], "<script") {
		t.Errorf("%s: a name is markup", name)
	}
	shown := parts["text/plain; charset=UTF-8"] + parts["text/html; charset=UTF-8"]
	if !strings.Contains(shown, head) {
		t.Errorf("%s: the head is missing", name)
	}
	return shown
}

func TestTitle(t *testing.T) {
	for name, want := range map[string]string{
		"run": "lictrail: 2 changes in the licenses of Contoso, 2 unexplained", "failure": "lictrail: the run of Contoso failed",
		"first": "lictrail: tracking of Contoso begins", "unread": "lictrail: no change seen in the licenses of Contoso, and not all was read", "test": "lictrail: this is a test",
	} {
		if got := messages()[name].Title(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
