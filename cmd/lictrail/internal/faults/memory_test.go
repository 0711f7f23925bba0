//go:build linux

package faults

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// hostile answers some requests of a tenant itself, and hands on the others.
type hostile struct {
	answers func(r *http.Request) func(io.Writer) // nil: it is not for this request
	tenant  http.Handler
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := h.answers(r)
	if body == nil {
		h.tenant.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
	out := bufio.NewWriterSize(z, 1<<16)
	body(out)
	out.Flush()
	z.Close()
}

// serveHostile puts a hostile server before the tenant.
func (w *world) serveHostile(t *testing.T, answers func(r *http.Request) func(io.Writer)) (base string) {
	t.Helper()
	target, err := url.Parse(strings.TrimSuffix(w.base, "/v1.0"))
	must(err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(&hostile{answers, proxy})
	t.Cleanup(s.Close)
	return s.URL + "/v1.0"
}

// peak runs lictrail in a process of its own, and returns how much memory it took
// at most, in MB.
func peak(t *testing.T, dir string, args ...string) (result, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := program(ctx, dir, nil, args...)
	file := filepath.Join(dir, "peak")
	cmd.Env = append(cmd.Env, peakFile+"="+file)
	r := finish(cmd)
	if ctx.Err() != nil {
		t.Errorf("hangs: %q: %v", args, r)
	}
	status, err := os.ReadFile(file)
	m := regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`).FindSubmatch(status)
	if err != nil || m == nil {
		t.Errorf("%q: %v, %v", args, r, err)
		return r, math.MaxInt
	}
	kb, _ := strconv.Atoi(string(m[1])) // digits
	return r, kb >> 10
}

// times writes a text until so many bytes are written.
func times(text string, bytes int) func(io.Writer) {
	return func(w io.Writer) {
		many := strings.Repeat(text, 1+(1<<16)/len(text))
		for written := 0; written < bytes; written += len(many) {
			if _, err := io.WriteString(w, many); err != nil {
				return // the client has had enough
			}
		}
	}
}

// around writes a text before and one after another.
func around(before string, body func(io.Writer), after string) func(io.Writer) {
	return func(w io.Writer) {
		io.WriteString(w, before)
		body(w)
		io.WriteString(w, after)
	}
}

// numbered writes rows that differ.
func numberedRows(row string, rows int) func(io.Writer) {
	return func(w io.Writer) {
		for i := range rows {
			if _, err := fmt.Fprintf(w, row, i); err != nil {
				return
			}
		}
	}
}

// hostilePages are answers that a decoder pays dearly for.
func hostilePages() map[string]func(io.Writer) {
	const most = 60 << 20
	user := func(list, element string) func(io.Writer) {
		return around(`{"value":[{"id":"6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0","assignedLicenses":[],"`+list+`":[`+element, times(","+element, most), `]}]}`)
	}
	bombs := map[string]func(io.Writer){
		"blanks":            around(`{"value":[`, times(" ", 2<<30), `]}`),
		"blanks at the end": around(`{"value":[]}`, times("\n", 2<<30), ``),
		"empty rows":        around(`{"value":[{}`, times(",{}", most), `]}`),
		"rows of an id":     around(`{"value":[{"id":"a"}`, numberedRows(`,{"id":"%d"}`, 4_000_000), `]}`),
		"one long string":   around(`{"value":[{"id":"`, times("a", 2<<30), `"}]}`),
		"long strings":      around(`{"value":[{"id":"x"}`, numberedRows(`,{"id":"%d","displayName":"`+strings.Repeat("y", 1<<20)+`"}`, 2000), `]}`),
		"long strings, whole": around(`{"value":[{"id":"6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0","assignedLicenses":[]}`,
			numberedRows(`,{"id":"6ea91a8d-e32e-41a1-b7bd-%012d","assignedLicenses":[],"displayName":"`+strings.Repeat("y", 1<<20)+`"}`, 60), `]}`),
		"unknown and nested": around(`{"x":`, times("[", 2<<30), ``),
		"unknown and long":   around(`{"x":[0`, times(",0", 2<<30), ``),
		"a long name":        around(`{"`, times("a", 2<<30), `":0}`),
		"a long link":        around(`{"value":[],"@odata.nextLink":"http://`, times("a", 2<<30), `"}`),
		"an error":           around(`{"error":{"code":"`, times("a", 2<<30), `"}}`),
	}
	for _, list := range []string{"assignedLicenses", "assignedPlans", "licenseAssignmentStates", "servicePlans", "subscriptionIds", "groupTypes"} {
		bombs[list] = user(list, "{}")
		bombs[list+" null"] = user(list, "null")
		bombs[list+" text"] = user(list, `""`)
	}
	bombs["disabledPlans"] = user("assignedLicenses", `{"disabledPlans":[`+strings.Repeat(`"",`, 1<<18)+`""]}`)
	return bombs
}

// mostMemory is what a run may take, in MB, whatever comes from the service.
const mostMemory = 300

// hostileReports are usage reports that a reader of CSV pays dearly for.
func hostileReports() map[string]func(io.Writer) {
	const head = "Report Refresh Date,User Principal Name,Last Activity Date"
	return map[string]func(io.Writer){
		"blank lines":       around(head+"\n", times("\n", 2<<30), ""),
		"one long cell":     around(head+"\n", times("a", 2<<30), ""),
		"one quoted cell":   around(head+"\n\"", times("\n", 2<<30), ""),
		"columns":           around(head, times(",a", 2<<30), "\n"),
		"columns in a row":  around(head+"\n", times(",", 2<<30), "\n"),
		"rows without end":  around(head+"\n", numberedRows("2026-01-01,a%d@contoso.example,2026-01-01\n", 20_000_000), ""),
		"long rows, no end": around(head+"\n", numberedRows("2026-01-01,a%d"+strings.Repeat("x", 1000)+"@contoso.example,2026-01-01\n", 2_000_000), ""),
		"rows of all that is known": around(strings.Replace(head, "Last Activity Date", usageColumns("Last Activity Date", "License Assign Date"), 1)+"\n",
			numberedRows("2026-01-01,a%d@contoso.example"+strings.Repeat(",2026-01-01,true,2026-01-01", 6)+"\n", 5_000_000), ""),
		"deleted without id": around(head+"\n", times("2026-01-01,,\n", 2<<30), ""),
	}
}

// usageColumns are those of the report on workloads.
func usageColumns(last, licensed string) string {
	var names []string
	for _, w := range []string{"Exchange", "OneDrive", "SharePoint", "Skype For Business", "Yammer", "Teams"} {
		names = append(names, w+" "+last, "Has "+w+" License", w+" "+licensed)
	}
	return strings.Join(names, ",")
}

// TestP23_HostilePages lets each endpoint answer with pages that would cost much
// memory, packed so that little is sent.
func TestP23_HostilePages(t *testing.T) {
	w := newWorld(t)
	var tried, worst int
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, workers)
	try := func(name, place string, body func(io.Writer), more ...string) {
		base := w.serveHostile(t, func(r *http.Request) func(io.Writer) {
			if !strings.HasPrefix(r.URL.Path, place) {
				return nil
			}
			return body
		})
		dir := t.TempDir()
		args := append(w.syncArgs(dir), "--graph-endpoint", base)
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r, mb := peak(t, dir, append(args, more...)...)
			mu.Lock()
			defer mu.Unlock()
			tried++
			worst = max(worst, mb)
			if r.code == 1 || r.code < 0 || strings.Contains(r.stderr, "panic") || mb > mostMemory {
				t.Errorf("%s at %s: %d MB, want at most %d; %v", name, place, mb, mostMemory, r)
			}
			t.Logf("%s at %s: %d MB, exit code %d", name, place, mb, r.code)
		})
	}
	places := []string{"/v1.0/users", "/v1.0/subscribedSkus", "/v1.0/organization", "/v1.0/auditLogs/directoryAudits", "/v1.0/groups/", "/v1.0/directory/deletedItems", "/v1.0/directory/subscriptions"}
	n := 0
	for name, body := range hostilePages() {
		for i, place := range places {
			if n++; heavy || i == 0 || n%9 == 0 { // each page for users, and a few elsewhere
				try(name, place, body)
			}
		}
	}
	for name, body := range hostileReports() {
		try(name, "/v1.0/reports/", body, "--activity", "apps,active-users")
	}
	all.Wait()
	publish(t, "P23", "pages of blanks, of empty rows and lists, of long strings, names and links, and usage reports of long rows and cells, up to 2 GB unpacked, at each endpoint",
		fmt.Sprintf("at most %d MB, no panic", mostMemory), "%d runs: %d MB at most", tried, worst)
}

// TestP25_LargeLog reads a log that is far larger than what a run may take. What
// matters of it is in the archive afterwards.
func TestP25_LargeLog(t *testing.T) {
	w := newWorld(t)
	const pages, rows, size = 24, 100, 30_000
	long := strings.Repeat("x", size)
	base := w.serveHostile(t, func(r *http.Request) func(io.Writer) {
		page := 0
		fmt.Sscanf(r.URL.Query().Get("page"), "%d", &page)
		if page == 0 && !strings.Contains(r.URL.Query().Get("$filter"), "'Change user license'") {
			return nil
		}
		return func(out io.Writer) {
			if page < pages-1 {
				fmt.Fprintf(out, `{"@odata.nextLink":"http://%s%s?page=%d","value":[`, r.Host, r.URL.Path, page+1)
			} else {
				fmt.Fprint(out, `{"value":[`)
			}
			for i := range rows {
				if i > 0 {
					fmt.Fprint(out, ",")
				}
				fmt.Fprintf(out, `{"id":"large-%d-%d","activityDateTime":"2026-01-10T00:00:00Z","activityDisplayName":"Change user license","result":"success",`+
					`"targetResources":[{"id":"6ea91a8d-e32e-41a1-b7bd-%06d%06d","modifiedProperties":[{"displayName":"Other","oldValue":"[]","newValue":"%s"}]}]}`, page, i, page, i, long)
			}
			fmt.Fprint(out, `]}`)
		}
	})
	worst := 0
	for _, dir := range []string{t.TempDir(), w.copyOf(t, w.first)} { // a first run, and one with changes
		r, mb := peak(t, dir, append(w.syncArgs(dir), "--graph-endpoint", base, "--patience", "1m")...)
		worst = max(worst, mb)
		if r.code != 0 || strings.Contains(r.stderr, "audit-log") || mb > largeLogMemory {
			t.Errorf("%d MB, want at most %d; %v", mb, largeLogMemory, r)
		}
		if r := command("audit", "events", "--db", dbIn(dir), "--format", "csv"); strings.Count(r.stdout, "large-") != pages*rows {
			t.Errorf("%d of %d records are in the archive: %.300v", strings.Count(r.stdout, "large-"), pages*rows, r)
		}
	}
	publish(t, "P25", fmt.Sprintf("a log of %d MB, all of which matters, at a first run and at a later one; all of it archived", pages*rows*size>>20),
		fmt.Sprintf("at most %d MB of memory", largeLogMemory), "%d MB at most", worst)
}

// largeLogMemory is what a run may take, in MB, for a log of seventy.
const largeLogMemory = 160
