package web_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"lictrail/cmd/lictrail/internal/demo"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/cmd/lictrail/internal/web"
)

// played is the database of the demo, made once.
var played = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lictrail-web")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "demo.db")
	d, err := demo.New()
	if err != nil {
		return "", err
	}
	defer d.Close()
	return path, d.Play(context.Background(), path, "test", func(string, *track.Summary) error { return nil })
})

// demoDB is a copy of it, the test's own.
func demoDB(t *testing.T) string {
	t.Helper()
	source, err := played()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "demo.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(source + suffix)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// visitor asks a site as a browser would, without a server in between.
type visitor struct {
	t      *testing.T
	site   *web.Site
	looked []web.Looked
}

func visit(t *testing.T, s web.Site) *visitor {
	v := &visitor{t: t}
	var mu sync.Mutex
	s.Looked = func(l web.Looked) {
		mu.Lock()
		defer mu.Unlock()
		v.looked = append(v.looked, l)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	v.site = web.NewSite(s)
	return v
}

func (v *visitor) ask(path string) (int, http.Header, string) {
	v.t.Helper()
	w := httptest.NewRecorder()
	v.site.ServeHTTP(w, httptest.NewRequest("GET", "http://x/"+path, nil))
	return w.Code, w.Header(), w.Body.String()
}

// page asks for a page that must be there.
func (v *visitor) page(path string) string {
	v.t.Helper()
	code, _, body := v.ask(path)
	if code != 200 {
		v.t.Fatalf("%s: %d\n%s", path, code, body)
	}
	return body
}

func demoSite(t *testing.T) *visitor {
	return visit(t, web.Site{Tenants: []web.Tenant{{File: demoDB(t)}}, Version: "test"})
}

// first finds the first address of a view in a page.
func first(t *testing.T, body, view string) string {
	t.Helper()
	m := regexp.MustCompile(`href="((?:\.\./)*` + view + `/[^"]+)"`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("there is no link to a %s", view)
	}
	return strings.TrimLeft(m[1], "./")
}

// TestWay: search to person to change to the record as Microsoft wrote it.
func TestWay(t *testing.T) {
	v := demoSite(t)
	person := first(t, v.page("search?q=nora"), "person")
	body := v.page(person)
	for _, want := range []string{"Nora Hale", "nora.hale@contoso.example", "Microsoft 365 E5", "Microsoft&#39;s own date: 2026-03-13", "ben.helpdesk1@contoso.example"} {
		if !strings.Contains(body, want) {
			t.Errorf("the person's page does not have %q", want)
		}
	}
	body = v.page(first(t, body, "change"))
	for _, want := range []string{"Who and why", "Evidence", "activityDisplayName", "Change user license"} {
		if !strings.Contains(body, want) {
			t.Errorf("the change's page does not have %q", want)
		}
	}
	if len(v.looked) != 2 || v.looked[0].View != "person" || v.looked[1].View != "change" || v.looked[0].User == "" || v.looked[0].User != v.looked[1].User {
		t.Errorf("looked up: %+v", v.looked)
	}
}

// everyView is an address of each view.
func everyView(t *testing.T, v *visitor) []string {
	t.Helper()
	list := []string{"", "search?q=e", "search?q=nobody-is-called-so"}
	menu := v.page("")
	for _, m := range regexp.MustCompile(`<li><a href="([a-z]+)"`).FindAllStringSubmatch(menu, -1) {
		list = append(list, m[1])
	}
	if m := regexp.MustCompile(`href="(actor\?id=[^"]+)"`).FindStringSubmatch(v.page("actors")); m != nil {
		list = append(list, html.UnescapeString(m[1]))
	}
	seen := map[string]bool{}
	for queue := slices.Clone(list); len(queue) > 0; queue = queue[1:] {
		for _, m := range regexp.MustCompile(`href="((?:\.\./)*)([a-z-]+)/([^"/]+)"`).FindAllStringSubmatch(v.page(queue[0]), -1) {
			if view := m[2]; view != "static" && !seen[view] {
				seen[view] = true
				list, queue = append(list, view+"/"+m[3]), append(queue, view+"/"+m[3])
			}
		}
	}
	return list
}

// TestLinks: every link on every page leads to a page.
func TestLinks(t *testing.T) {
	v := demoSite(t)
	checked := map[string]bool{}
	for _, path := range everyView(t, v) {
		base, _ := http.NewRequest("GET", "http://x/"+path, nil)
		for _, to := range hrefs(t, v.page(path)) {
			at, err := base.URL.Parse(to)
			if err != nil || at.Host != "x" {
				t.Errorf("%s leads to %s", path, to)
				continue
			}
			at.Fragment = ""
			address := strings.TrimPrefix(at.String(), "http://x/")
			if checked[address] || strings.HasPrefix(address, "person/") && len(checked) > 300 {
				continue
			}
			checked[address] = true
			if code, _, body := v.ask(address); code != 200 {
				t.Errorf("%s leads to %s: %d\n%.300s", path, address, code, body)
			}
		}
	}
	if len(checked) < 40 {
		t.Errorf("only %d links were found", len(checked))
	}
}

func hrefs(t *testing.T, body string) []string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "href" || a.Key == "src" || a.Key == "action" {
				list = append(list, a.Val)
			}
		}
	}
	return list
}

// TestFormats: each view that offers CSV and JSON has both, well-formed.
func TestFormats(t *testing.T) {
	v := demoSite(t)
	offered := 0
	for _, path := range everyView(t, v) {
		join := "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		if !strings.Contains(v.page(path), "format=json") {
			continue
		}
		offered++
		code, header, body := v.ask(path + join + "format=json")
		var doc struct {
			Schema int
			Tenant struct{ ID string }
			Items  []json.RawMessage
			Gaps   *[]json.RawMessage
		}
		if err := json.Unmarshal([]byte(body), &doc); err != nil || code != 200 || doc.Schema != 1 || doc.Tenant.ID == "" || doc.Gaps == nil || !strings.HasPrefix(header.Get("Content-Type"), "application/json") {
			t.Errorf("%s as JSON: %d %v\n%.300s", path, code, err, body)
		}
		code, header, body = v.ask(path + join + "format=csv")
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(body, "\ufeff"))).ReadAll()
		if err != nil || code != 200 || len(rows) == 0 || !strings.HasPrefix(header.Get("Content-Disposition"), `attachment; filename="lictrail-`) {
			t.Errorf("%s as CSV: %d %v %v\n%.300s", path, code, err, header, body)
		}
		if strings.HasPrefix(path, "flow/") { // one document, whose days are the rows
			continue
		}
		if err == nil && len(doc.Items) != len(rows)-1 {
			t.Errorf("%s: %d items as JSON, %d rows as CSV", path, len(doc.Items), len(rows)-1)
		}
	}
	if offered < 4 {
		t.Errorf("only %d views offer other formats", offered)
	}
}

// TestRefused: what is asked in a wrong way gets an answer that says so, and in the
// form that was asked for.
func TestRefused(t *testing.T) {
	v := demoSite(t)
	for path, want := range map[string]int{
		"nothing": 404, "person": 404, "person/": 404, "person/x/y": 404, "person/00000000-0000-0000-0000-000000000000": 404, "change/0": 404, "change/-1": 404,
		"change/99999999999999999999": 404, "change/1%3B+DROP+TABLE": 404, "sku/nothing": 404, "sku/SPE_E5?as_of=yesterday": 404, "sku/SPE_E5?as_of=1999-01-01": 404,
		"sku/SPE_E5?since=2026-04-01&until=2026-03-01": 404, "static/": 404, "static/x": 404, "static/app.js.map": 404, "static": 404, "trust/x": 404, "trust?format=xml": 404,
		"search?q=" + strings.Repeat("x", 1000): 404, "search?q=%zz": 404, "t/contoso/": 404,
	} {
		code, _, body := v.ask(path)
		if code != want || len(body) == 0 {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	for _, path := range []string{"person/x?format=json", "nothing?format=json", "search?format=json"} {
		code, _, body := v.ask(path)
		var doc struct {
			Schema int
			Error  struct {
				Code    int
				Message string
			}
		}
		if err := json.Unmarshal([]byte(body), &doc); err != nil || code != 404 || doc.Schema != 1 || doc.Error.Message == "" || doc.Error.Code != 2 {
			t.Errorf("%s: %d %s %v", path, code, body, err)
		}
	}
	if len(v.looked) > 0 {
		t.Errorf("looked up: %+v", v.looked)
	}
}

// TestNewRun: what a run adds shows at once, and an answer that is given again is
// noted again.
func TestNewRun(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "demo.db")
	d, err := demo.New()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var v *visitor
	var shown []string
	err = d.Play(t.Context(), path, "test", func(_ string, s *track.Summary) error {
		if v == nil {
			v = visit(t, web.Site{Tenants: []web.Tenant{{File: path}}})
		}
		for range 2 {
			shown = append(shown, regexp.MustCompile(`As of run \d+`).FindString(v.page("trust")))
		}
		if want := fmt.Sprintf("As of run %d", s.Run); shown[len(shown)-1] != want || shown[len(shown)-2] != want {
			t.Errorf("after run %d: %q", s.Run, shown[len(shown)-2:])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	person := first(t, v.page("search?q=nora"), "person")
	for range 3 {
		v.page(person)
	}
	if len(v.looked) != 3 {
		t.Errorf("three visits, noted: %+v", v.looked)
	}
}

// TestReplaced: a database that was put in place of another shows at once.
func TestReplaced(t *testing.T) {
	path, other := demoDB(t), filepath.Join(t.TempDir(), "other.db")
	v := visit(t, web.Site{Tenants: []web.Tenant{{File: path}}})
	if !strings.Contains(v.page("trust"), "As of run") {
		t.Fatal("there is no history")
	}
	d, err := demo.New()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	done := errors.New("one run is enough")
	if err := d.Play(t.Context(), other, "test", func(string, *track.Summary) error { return done }); !errors.Is(err, done) {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + suffix)
	}
	if err := os.Rename(other, path); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("a file that is open cannot be replaced there")
		}
		t.Fatal(err)
	}
	if body := v.page("trust"); !strings.Contains(body, "As of run 1,") {
		t.Errorf("the old history is shown: %q", regexp.MustCompile("As of run [0-9]+").FindString(body))
	}
}

// TestFlow: what came and went adds up on the page as it does in JSON, and so does
// first use.
func TestFlow(t *testing.T) {
	v := demoSite(t)
	sku := first(t, v.page("skus"), "sku")
	body := v.page(sku)
	flow, use := first(t, body, "flow"), first(t, body, "first-use")
	_, _, text := v.ask(flow + "?format=json")
	var doc struct {
		Items []struct {
			Start, End, Assigned, Reassigned, Reactivated, Lapsed int
			TakenBack                                             int `json:"taken_back"`
			UserLeft                                              int `json:"user_left"`
			NotKnown                                              int `json:"cause_not_known"`
			Moves                                                 []json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc.Items) != 1 {
		t.Fatalf("%v\n%s", err, text)
	}
	f := doc.Items[0]
	if f.Start+f.Assigned+f.Reassigned+f.Reactivated-f.TakenBack-f.Lapsed-f.UserLeft-f.NotKnown != f.End || len(f.Moves) == 0 {
		t.Errorf("it does not add up: %+v", f)
	}
	page := v.page(flow)
	for _, want := range []string{fmt.Sprintf("%d users held it before", f.Start), "Who got one and who lost one", "Seats at risk", `type="date"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of the flow does not have %q", want)
		}
	}
	if page := v.page(use); !strings.Contains(page, "By department") || !strings.Contains(page, "All seats") {
		t.Errorf("first use:\n%s", page)
	}
	if code, _, _ := v.ask(flow + "?since=2026-04-01&until=2026-03-01"); code != 404 {
		t.Errorf("an end before the beginning: %d", code)
	}
}

// TestNoDatabase: a database that is not there, or that is none, gets a sentence.
func TestNoDatabase(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{filepath.Join(t.TempDir(), "none.db"), garbage} {
		v := visit(t, web.Site{Tenants: []web.Tenant{{File: file}}})
		if code, _, body := v.ask("trust"); code != 500 || !strings.Contains(body, "What helps") {
			t.Errorf("%s: %d\n%s", file, code, body)
		}
	}
}

// TestFleet: a page over all tenants, with one that cannot be read; the views of
// each have its own data, and links stay in it.
func TestFleet(t *testing.T) {
	v := visit(t, web.Site{Fleet: true, Tenants: []web.Tenant{{Name: "contoso", File: demoDB(t)}, {Name: "lost & found", File: filepath.Join(t.TempDir(), "none.db")}}})
	body := v.page("")
	for _, want := range []string{`href="t/contoso/"`, "Contoso (demo)", `href="t/lost%20&amp;%20found/"`, "not known", "no database"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page over all tenants does not have %q:\n%s", want, body)
		}
	}
	if !strings.Contains(body, `href="?format=csv"`) || !strings.Contains(body, `href="?format=json"`) {
		t.Error("the page over all tenants offers no other format")
	}
	_, _, text := v.ask("?format=json")
	var doc struct {
		Schema int
		Tenant *struct{}
		Items  []struct {
			Name, Called, State string
			LicensedUsers       *int64     `json:"licensed_users"`
			ObservedUntil       *time.Time `json:"observed_until"`
			UpToDate            bool       `json:"up_to_date"`
		}
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || doc.Schema != 1 || doc.Tenant != nil || len(doc.Items) != 2 {
		t.Fatalf("%v\n%s", err, text)
	}
	if c := doc.Items[0]; c.Name != "contoso" || c.Called != "Contoso (demo)" || c.LicensedUsers == nil || *c.LicensedUsers == 0 || c.ObservedUntil == nil {
		t.Errorf("%+v", c)
	}
	if l := doc.Items[1]; l.Name != "lost & found" || l.LicensedUsers != nil || l.UpToDate || !strings.Contains(l.State, "no database") {
		t.Errorf("%+v", l)
	}
	_, _, text = v.ask("?format=csv")
	if rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll(); err != nil || len(rows) != 3 || rows[0][0] != "name" || rows[2][4] != "" {
		t.Errorf("%v %q", err, rows)
	}
	search := v.page("t/contoso/search?q=nora")
	if person := first(t, search, "person"); !strings.Contains(v.page("t/contoso/"+person), "Nora Hale") {
		t.Error("a person of the tenant is not found")
	}
	if code, _, _ := v.ask("t/fabrikam/"); code != 404 {
		t.Errorf("a tenant that there is not: %d", code)
	}
	if code, _, _ := v.ask("trust"); code != 404 {
		t.Errorf("a view of no tenant: %d", code)
	}
}

// TestPseudonyms: no page, in no form, has the name, the address or the object id of
// a person, and a name does not lead to a pseudonym.
func TestPseudonyms(t *testing.T) {
	file := demoDB(t)
	open := visit(t, web.Site{Tenants: []web.Tenant{{File: file}}})
	var secrets []string
	for _, word := range []string{"nora", "paul", "rita", "olaf"} {
		_, _, body := open.ask("search?format=json&q=" + word)
		var doc struct {
			Items []struct{ Kind, ID, Name, Detail string }
		}
		if err := json.Unmarshal([]byte(body), &doc); err != nil || len(doc.Items) == 0 {
			t.Fatalf("%v %s", err, body)
		}
		address, _, _ := strings.Cut(doc.Items[0].Detail, ",")
		secrets = append(secrets, doc.Items[0].ID, doc.Items[0].Name, address)
	}
	v := visit(t, web.Site{Tenants: []web.Tenant{{File: file}}, Pseudonymize: true})
	for _, word := range secrets {
		if _, _, body := v.ask("search?format=json&q=" + strings.ReplaceAll(word, " ", "+")); !strings.Contains(body, `"items": []`) {
			t.Errorf("%q leads to %s", word, body)
		}
	}
	pages := everyView(t, v)
	if !slices.ContainsFunc(pages, func(p string) bool { return strings.HasPrefix(p, "person/user-") }) {
		t.Errorf("no person is shown: %q", pages)
	}
	for _, path := range pages {
		if strings.HasPrefix(path, "search") {
			continue
		}
		for _, format := range []string{"", "?format=csv", "?format=json"} {
			_, _, body := v.ask(path + format)
			for _, word := range secrets {
				if strings.Contains(strings.ToLower(body), strings.ToLower(word)) {
					t.Errorf("%s%s has %q", path, format, word)
				}
			}
		}
	}
}

// TestParallel: many people ask while a history is there, and each gets an answer.
func TestParallel(t *testing.T) {
	v := demoSite(t)
	paths := everyView(t, v)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			path := paths[i%len(paths)]
			if code, _, body := v.ask(path); code != 200 {
				t.Errorf("%s: %d %.200s", path, code, body)
			}
		})
	}
	all.Wait()
}

var _ = io.Discard
