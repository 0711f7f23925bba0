package proof

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/diff/audit"
	"lictrail/diff/audit/exports"
	"lictrail/graph/graphtest"
	"lictrail/graph/graphtest/exportfile"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestExports lets a tenant live for a week between two runs that read no audit
// log, and two weeks before them, and delivers its log afterwards through each
// form of export. All must give the same answers, the truth must contradict none,
// and a second import must change nothing. A change in several logs counts
// once.
func TestExports(t *testing.T) {
	var want string
	lived := liveWeeks(t)
	formats := slices.DeleteFunc(exportfile.Names(), func(f string) bool { return f == "graph-json" })
	for _, format := range slices.Concat([]string{"graph-json"}, formats, []string{"several logs"}) {
		t.Run(format, func(t *testing.T) {
			w := lived.copy(t)
			formats := []string{format}
			if format == "several logs" {
				formats = []string{"purview-csv", "graph-json", "entra-portal-csv", "azure-monitor-lines", "purview-graph-json"}
			}
			for i, f := range formats {
				first := w.importAll(t, f)
				if i == 0 && first.Corrections+first.Before+first.Unseen == 0 {
					t.Error("the import told nothing: the test proves nothing")
				}
			}
			got := w.answers(t)
			again := w.importAll(t, formats[0])
			if *again != (track.Concluded{}) {
				t.Errorf("the second import told %+v, want nothing", *again)
			}
			if diff := cmp.Diff(got, w.answers(t)); diff != "" {
				t.Errorf("the second import changed answers (-first +second)\n%s", diff)
			}
			if want == "" {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-graph-json +%s)\n%s", format, diff)
			}
			w.compareTruth(t)
		})
	}
}

// TestExports_Twice: in a published Purview export 253 of 417 records stand twice,
// byte for byte. Each is counted and imported once, and gives the same answers as alone.
func TestExports_Twice(t *testing.T) {
	lived := liveWeeks(t)
	var once, twice [][]byte
	for i, e := range lived.tenant.Events() {
		once = append(once, e.JSON())
		if twice = append(twice, e.JSON()); i%417 < 253 {
			twice = append(twice, e.JSON())
		}
	}
	slices.SortStableFunc(twice[len(twice)/2:], func(a, b []byte) int { return bytes.Compare(a, b) }) // copies are not side by side
	for _, format := range []string{"purview-csv", "activity-json"} {
		t.Run(format, func(t *testing.T) {
			plain, doubled := lived.copy(t), lived.copy(t)
			_, file := plain.importEvents(t, format, once)
			got, done := doubled.importEvents(t, format, twice)
			if got.Corrections+got.Before+got.Unseen == 0 {
				t.Error("the import told nothing: the test proves nothing")
			}
			if diff := cmp.Diff(plain.answers(t), doubled.answers(t)); diff != "" {
				t.Errorf("(-once +twice)\n%s", diff)
			}
			doubled.compareTruth(t)
			counts := map[string]int64{}
			for r, err := range exportRecords(t, doubled.tenant.ID, format, twice) {
				if err != nil {
					t.Fatal(err)
				}
				record, err := audit.Read(r.Source, r.Raw)
				if err != nil {
					t.Fatal(err)
				}
				counts[record.ID]++
			}
			h, err := doubled.db.History(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			var stored, repeated int64
			for e, err := range h.Stored(t.Context(), store.EventFilter{}) {
				if err != nil {
					t.Fatal(err)
				}
				stored, repeated = stored+1, repeated+counts[e.ID]-1
			}
			if done.Records != int64(len(twice)) || done.Taken != stored || done.Taken != file.Taken || done.Repeated != repeated || repeated == 0 || done.Already != 0 || done.Fuller != 0 {
				t.Errorf("%d records, %d taken, %d repeated, %d already, %d fuller; want %d, %d (alone %d), %d, 0, 0",
					done.Records, done.Taken, done.Repeated, done.Already, done.Fuller, len(twice), stored, file.Taken, repeated)
			}
			var kinds int64
			for _, n := range done.Kinds {
				kinds += n
			}
			if kinds != done.Taken || !cmp.Equal(done.Kinds, file.Kinds) {
				t.Errorf("kinds %v, want %v", done.Kinds, file.Kinds)
			}
		})
	}
}

// weeks is a tenant that was read before and after a week, without its log.
type weeks struct {
	tenant *graphtest.Tenant
	path   string
	db     *store.DB
}

// copy opens a copy of the history.
func (w *weeks) copy(t *testing.T) *weeks {
	t.Helper()
	raw, err := os.ReadFile(w.path)
	path := filepath.Join(t.TempDir(), "proof.db")
	if err := errors.Join(err, os.WriteFile(path, raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenReadWrite(t.Context(), path, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &weeks{w.tenant, path, db}
}

func liveWeeks(t *testing.T) *weeks {
	t.Helper()
	tenant := graphtest.New(8)
	tenant.Lies, tenant.Pace = graphtest.Lies{NoDetails: 0.05, Duplicate: 0.5, OddEncoding: 0.1, GroupFirst: 0.5}, time.Hour
	tenant.Populate(12, 2)
	server := graphtest.NewServer(tenant)
	base, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	reader, err := cli.SimulatedReader(base)
	if err != nil {
		t.Fatal(err)
	}
	w := &weeks{tenant: tenant, path: filepath.Join(t.TempDir(), "proof.db")}
	db, err := store.OpenReadWrite(t.Context(), w.path, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		end := tenant.Now().Add(7 * 24 * time.Hour)
		tenant.RandomOps(14)
		if tenant.Now().Before(end) {
			tenant.AdvanceTo(end)
		}
		if i < 1 {
			continue // before tracking began
		}
		if _, err := track.Run(t.Context(), reader, db, track.Options{MaxShrink: 0.5, Version: "proof", Now: tenant.Now}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

// importAll delivers the whole log in one form.
func (w *weeks) importAll(t *testing.T, format string) *track.Concluded {
	t.Helper()
	var events [][]byte
	for _, e := range w.tenant.Events() {
		events = append(events, e.JSON())
	}
	told, _ := w.importEvents(t, format, events)
	return told
}

func (w *weeks) importEvents(t *testing.T, format string, events [][]byte) (*track.Concluded, *track.Imported) {
	t.Helper()
	file := track.ExportFile{AuditFile: store.AuditFile{Name: format, SHA256: format, ImportedAt: w.tenant.Now()}, Records: exportRecords(t, w.tenant.ID, format, events)}
	done, err := track.Import(t.Context(), w.db, []track.ExportFile{file}, track.ImportOptions{Now: w.tenant.Now(),
		Whole: snapshot.Window{NotBefore: w.tenant.Events()[0].At, NotAfter: w.tenant.Now()}})
	if err != nil {
		t.Fatal(err)
	}
	if len(done[0].Refused) > 0 || done[0].Records != int64(len(events)) {
		t.Fatalf("%d of %d records, refused %v %v", done[0].Records, len(events), done[0].Refused, done[0].Refusals)
	}
	told, err := track.Conclude(t.Context(), w.db, done[0].From, done[0].To)
	if err != nil {
		t.Fatal(err)
	}
	return told, done[0]
}

// exportRecords writes records in a form, and reads them.
func exportRecords(t *testing.T, tenant string, format string, events [][]byte) iter.Seq2[*exports.Record, error] {
	t.Helper()
	var b bytes.Buffer
	if err := exportfile.Write(&b, format, tenant, events); err != nil {
		t.Fatal(err)
	}
	files, err := exports.Files(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return files[0].Records(exports.UnknownOrder)
}

// answers lists all changes with their causes, times to the second, as that is
// how the unified log has them.
func (w *weeks) answers(t *testing.T) string {
	t.Helper()
	h, err := w.db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var lines []string
	for c, err := range h.Changes(t.Context(), store.ChangeFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		a := &c.Attribution
		line := fmt.Sprintf("%s %s %s observed=%t %s/%s/%s %s", c.User, c.SKU, c.Kind, c.Observed, a.Cause, a.Initiator, a.Confidence, a.UnknownWhy)
		if !a.At.IsZero() {
			line += " at " + a.At.Truncate(time.Second).Format(time.RFC3339)
		}
		if a.Actor != nil {
			line += fmt.Sprintf(" by %s %s", a.Actor.ID, a.Actor.ClientApp)
		}
		if a.Via != nil {
			line += fmt.Sprintf(" via %s %s", a.Via.Trigger, a.Via.Group)
			if a.Via.Actor != nil {
				line += " " + a.Via.Actor.ID
			}
		}
		lines = append(lines, line)
	}
	for a, err := range h.Holdings(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %s first %s %s", a.Person.ID, a.SKU, a.First.Precision, a.First.At.Truncate(time.Second).Format(time.RFC3339)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (w *weeks) compareTruth(t *testing.T) {
	t.Helper()
	h, err := w.db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	s := newScore()
	s.compare(t, w.tenant, h)
	if s.wrong > 0 || s.right == 0 {
		t.Errorf("%d wrong and %d right attributions\n%s", s.wrong, s.right, s.table())
	}
}
