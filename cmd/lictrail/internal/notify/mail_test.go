package notify

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"lictrail/cmd/lictrail/internal/page"
)

// mailParts are the parts of a mail by their types, decoded, those within others too.
func mailParts(t *testing.T, m *mail.Message) map[string]string {
	t.Helper()
	found := map[string]string{}
	var walk func(contentType, encoding string, body io.Reader)
	walk = func(contentType, encoding string, body io.Reader) {
		kind, parameters, err := mime.ParseMediaType(contentType)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(kind, "multipart/") {
			for parts := multipart.NewReader(body, parameters["boundary"]); ; {
				part, err := parts.NextPart() // decodes quoted-printable
				if err == io.EOF {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				walk(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part)
			}
		}
		if encoding == "base64" {
			body = base64.NewDecoder(base64.StdEncoding, body)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if found[contentType] != "" {
			t.Errorf("two parts are %s", contentType)
		}
		found[contentType] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	walk(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
	return found
}

// What Outlook, which lays mail out as Word does, and the other usual programs keep.
var (
	mailTags       = strings.Fields("html head meta title body h1 h2 p table tbody tr th td strong span br")
	mailAttributes = strings.Fields("lang http-equiv content style role width cellspacing cellpadding border align")
	mailStyles     = strings.Fields("margin padding background-color color font-family font-size font-weight line-height border border-bottom border-collapse vertical-align")
)

// checkMarkup holds the HTML of a mail to what mail programs keep: nothing is loaded,
// nothing is drawn, and every style is one that Outlook knows.
func checkMarkup(t *testing.T, name, source string) {
	t.Helper()
	for z := html.NewTokenizer(strings.NewReader(source)); ; {
		if z.Next() == html.ErrorToken {
			if z.Err() != io.EOF {
				t.Error(z.Err())
			}
			return
		}
		token := z.Token()
		if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
			continue
		}
		if !slices.Contains(mailTags, token.Data) {
			t.Errorf("%s: the tag %q", name, token.Data)
		}
		for _, a := range token.Attr {
			if !slices.Contains(mailAttributes, a.Key) {
				t.Errorf("%s: the attribute %q of %s", name, a.Key, token.Data)
			}
			if a.Key != "style" {
				continue
			}
			for _, style := range strings.Split(a.Val, ";") {
				property, value, _ := strings.Cut(style, ":")
				if !slices.Contains(mailStyles, strings.TrimSpace(property)) || strings.ContainsAny(value, "(@!") || strings.Contains(value, "rem") {
					t.Errorf("%s: the style %q of %s", name, style, token.Data)
				}
			}
		}
	}
}

// crowdedPage is the page on a week in which everything went wrong for a crowd whose
// names are of the worst kind.
func crowdedPage(rows int, name string) *page.Page {
	p := &page.Page{Title: "Licenses of " + name, Lead: "The week of " + name}
	for i := range 16 {
		p.Tiles = append(p.Tiles, page.Tile{Figure: fmt.Sprint(i), Label: "things " + name, Section: "s"})
	}
	for i := range 12 {
		s := page.Section{ID: fmt.Sprintf("s%d", i), Heading: "Heading", Charts: []page.Chart{page.BarChart("c", name, "h", "f", []page.Bar{{Name: name, Figure: "1", Length: 1}})}}
		for range rows {
			s.Text = append(s.Text, name)
		}
		t := page.Table{Caption: "Changes", Columns: []page.Column{{Head: "User"}, {Head: "Seats", Number: true}, {Head: "Explanation", Long: true}}}
		if rows == 200 {
			t.More = "and 99,800 more: lictrail changes"
		}
		for range rows {
			t.Rows = append(t.Rows, []any{page.Link{Text: name, To: "x"}, 7, name})
		}
		s.Tables = []page.Table{t}
		p.Sections = append(p.Sections, s)
	}
	return p
}

// TestMail_Limits: whatever there is to say, a mail stays below what mail programs cut,
// is laid out as they can, says what it left out, and has the whole page attached.
func TestMail_Limits(t *testing.T) {
	for name, m := range map[string]*Message{ // of what is vast the page is longer than mail servers take
		"small": aRun(2, "4be1"), "crowd": aRun(100_000, "4be1"), "hostile": aRun(100_000, evil), "wide": aRun(100_000, strings.Repeat("長い名前", 200)),
		"vast": aRun(100_000, "4be1"), "alone": aRun(100_000, strings.Repeat("長い名前", 200)),
	} {
		if name != "alone" {
			m.Page = crowdedPage(map[bool]int{true: 2, false: 200}[name == "small"],
				map[string]string{"hostile": evil, "wide": strings.Repeat("長い名前", 30), "vast": strings.Repeat("長い名前", 200)}[name]+" 4be1")
		}
		letter, err := toMailbox(t).letter(m)
		if err != nil {
			t.Fatal(err)
		}
		var raw bytes.Buffer
		if _, err := letter.WriteTo(&raw); err != nil {
			t.Fatal(err)
		}
		body, rest, attached := strings.Cut(raw.String(), "Content-Disposition: attachment")
		if len(body) > mailLimit+1000 {
			t.Errorf("%s: %d bytes", name, len(body))
		}
		if attached != (m.Page != nil && name != "vast") || attached && !strings.Contains(rest[:300], `filename="lictrail-run-13.html"`) {
			t.Errorf("%s: a page is attached: %t", name, attached)
		}
		for _, line := range strings.Split(raw.String(), "\r\n") {
			if len(line) > 998 || strings.HasPrefix(line, "Bcc:") {
				t.Errorf("%s: the line %.80q", name, line)
			}
		}
		read, err := mail.ReadMessage(bytes.NewReader(raw.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		parts := mailParts(t, read)
		markup := parts["text/html; charset=UTF-8"]
		checkMarkup(t, name, markup)
		if more := regexp.MustCompile(`and [\d,]+ more`).FindString(markup); (more == "") != (name == "small") {
			t.Errorf("%s: of what was left out it says %q", name, more)
		}
		if !attached {
			continue
		}
		var whole bytes.Buffer
		if err := m.Page.HTML(&whole); err != nil {
			t.Fatal(err)
		}
		if got := parts[`text/html; name="lictrail-run-13.html"`]; got != whole.String() {
			t.Errorf("%s: %d bytes are attached, and the page has %d; parts %v", name, len(got), whole.Len(), slices.Collect(keys(parts)))
		}
	}
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
