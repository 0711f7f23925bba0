package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// archive measures what an import of audit records takes.
type archive struct {
	Machine   machine `json:"machine"`
	Users     int     `json:"users"`
	Records   int     `json:"records"`
	Megabytes float64 `json:"megabytes"` // of the file
	Import    timing  `json:"import"`
	Again     timing  `json:"again"` // the same file a second time
	DryRun    timing  `json:"dry_run"`
	Database  float64 `json:"database_megabytes"`
	Search    query   `json:"search"` // for a user
	Taken     int64   `json:"taken"`
	Repeated  int64   `json:"repeated"`
}

// timing is what one import took.
type timing struct {
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"records_per_second"`
	usage
}

// importRecords writes a file of audit records about a simulated tenant, and
// measures how long it takes to import it.
func importRecords(ctx context.Context, o options, records int) (*archive, error) {
	if o.Tenant == both {
		o.Tenant = realistic
	}
	s, err := startServer(ctx, o)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	db := filepath.Join(o.Dir, "archive.db")
	if _, _, err := o.command(ctx, s.env(), "sync", "--quiet", "--auth", "token", "--graph-endpoint", s.url, "--db", db); err != nil {
		return nil, err
	}
	a := &archive{Machine: thisMachine(), Users: o.Users, Records: records}
	file := filepath.Join(o.Dir, "records.json")
	if a.Megabytes, err = a.generate(ctx, o, db, file); err != nil {
		return nil, err
	}
	o.Log("a file of %.0f MB with %d records is written", a.Megabytes, records)
	for _, run := range []struct {
		into *timing
		more []string
	}{{&a.Import, nil}, {&a.Again, nil}, {&a.DryRun, []string{"--dry-run"}}} {
		args := append([]string{"audit", "import", file, "--quiet", "--format", "json", "--db", db}, run.more...)
		start := time.Now()
		text, took, err := o.command(ctx, nil, args...)
		if err != nil {
			return nil, err
		}
		seconds := time.Since(start).Seconds()
		*run.into = timing{seconds, float64(records) / seconds, took}
		o.Log("imported in %.1f s, %.1f s of CPU, peak %.0f MB %v", seconds, took.CPU, took.PeakMegabyte, run.more)
		if run.into == &a.Import {
			if err := a.counts(text); err != nil {
				return nil, err
			}
		}
	}
	info, err := os.Stat(db)
	if err != nil {
		return nil, err
	}
	a.Database = float64(info.Size()) / 1e6
	return a, a.search(ctx, o, db)
}

// search measures how long it takes to find the records about a user.
func (a *archive) search(ctx context.Context, o options, db string) error {
	_, users, err := holders(ctx, o, db)
	if err != nil {
		return err
	}
	a.Search.Name = "audit search --user USER"
	a.Search.Milliseconds, err = median(5, func() error {
		text, _, err := o.command(ctx, nil, "audit", "search", "--user", users[len(users)/2], "--format", "json", "--db", db)
		if err != nil {
			return err
		}
		var doc struct{ Items []json.RawMessage }
		err = json.Unmarshal(text, &doc)
		a.Search.Rows = len(doc.Items)
		return err
	})
	return err
}

func (a *archive) counts(text []byte) error {
	var doc struct {
		Items []struct{ Records, Taken, Repeated int64 }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	if len(doc.Items) != 1 || doc.Items[0].Records != int64(a.Records) {
		return fmt.Errorf("the import read %v, want %d records", doc.Items, a.Records)
	}
	a.Taken, a.Repeated = doc.Items[0].Taken, doc.Items[0].Repeated
	return nil
}

// generate writes records of half a year before the run, as the Management
// Activity API gives them: of ten, six of other workloads, one edit of a user by
// directory synchronization, and three license changes; one in ten comes twice.
func (a *archive) generate(ctx context.Context, o options, db, path string) (megabytes float64, err error) {
	tenant, users, err := holders(ctx, o, db)
	if err != nil {
		return 0, err
	}
	began, err := firstRun(ctx, o, db)
	if err != nil {
		return 0, err
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	g := &records{w: w, rng: rand.New(rand.NewPCG(1, 2)), tenant: tenant, users: users, end: began.Add(-24 * time.Hour)}
	fmt.Fprint(w, "[")
	for i := range a.Records {
		if i > 0 {
			fmt.Fprint(w, ",\n")
		}
		at := g.end.Add(-time.Duration(float64(a.Records-i) / float64(a.Records) * float64(180*24*time.Hour)))
		g.record(i, at)
	}
	fmt.Fprint(w, "]\n")
	err = errors.Join(w.Flush(), f.Close())
	info, statErr := os.Stat(path)
	if err = errors.Join(err, statErr); err != nil {
		return 0, err
	}
	return float64(info.Size()) / 1e6, nil
}

// records writes made-up audit records.
type records struct {
	w      io.Writer
	rng    *rand.Rand
	tenant string
	users  []string
	end    time.Time
}

func (g *records) record(i int, at time.Time) {
	id := fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i)
	if i%10 == 9 {
		i-- // the record before, once more
		id = fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i)
	}
	head := fmt.Sprintf(`"CreationTime":"%s","Id":"%s","OrganizationId":"%s","ResultStatus":"Success","UserType":0,"Version":1`,
		at.Format("2006-01-02T15:04:05"), id, g.tenant)
	kind := i % 10
	if kind < 6 {
		fmt.Fprintf(g.w, `{%s,"RecordType":50,"Workload":"Exchange","Operation":"MailItemsAccessed","UserId":"someone@contoso.example","Parameters":[{"Name":"Folder","Value":"%s"}]}`,
			head, strings.Repeat("x", 900))
		return
	}
	user := g.users[g.rng.IntN(len(g.users))]
	operation, property, before, after := "Update user.", "LastDirSyncTime", `[\r\n  \"2026-01-01T00:00:00Z\"\r\n]`, `[\r\n  \"2026-01-01T00:30:00Z\"\r\n]`
	if kind > 6 {
		operation, property, before, after = "Change user license.", "AssignedLicense", "[]", fmt.Sprintf(
			`[\r\n  \"[SkuName=SPE_E3, AccountId=%s, SkuId=05e9a617-0261-4cee-bb44-138d3ef5d965, DisabledPlans=[]]\"\r\n]`, g.tenant)
	}
	if kind == 8 {
		before, after = after, before
	}
	fmt.Fprintf(g.w, `{%s,"RecordType":8,"Workload":"AzureActiveDirectory","Operation":"%s","UserId":"ada@contoso.example","ObjectId":"Not Available",`+
		`"ExtendedProperties":[{"Name":"additionalDetails","Value":"{\"User-Agent\":\"O365AdminPortal\"}"}],"ModifiedProperties":[{"Name":"%s","OldValue":"%s","NewValue":"%s"},`+
		`{"Name":"AssignedPlan","OldValue":"","NewValue":"%s"}],"Actor":[{"ID":"ada@contoso.example","Type":5},{"ID":"User_ad000000-0000-4000-8000-0000000000ad","Type":2}],`+
		`"InterSystemsId":"%08x-1111-4111-8111-%012x","Target":[{"ID":"User_%s","Type":2}]}`,
		head, operation, property, before, after, strings.Repeat("p", 700), i, i, user)
}

// firstRun is when tracking began, by the simulated tenant's clock.
func firstRun(ctx context.Context, o options, db string) (time.Time, error) {
	text, _, err := o.command(ctx, nil, "runs", "--format", "json", "--db", db)
	if err != nil {
		return time.Time{}, err
	}
	var doc struct {
		Items []struct {
			ObservedAt time.Time `json:"observed_at"`
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil || len(doc.Items) != 1 {
		return time.Time{}, fmt.Errorf("read the run: %v", err)
	}
	return doc.Items[0].ObservedAt, nil
}

// holders reads the tenant's id and its users out of the history.
func holders(ctx context.Context, o options, db string) (tenant string, users []string, err error) {
	text, _, err := o.command(ctx, nil, "skus", "--format", "json", "--db", db)
	if err != nil {
		return "", nil, err
	}
	var doc struct{ Tenant struct{ ID string } }
	if err := json.Unmarshal(text, &doc); err != nil {
		return "", nil, err
	}
	if text, _, err = o.command(ctx, nil, "assignments", "--format", "csv", "--db", db); err != nil {
		return "", nil, err
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff"))).ReadAll()
	if err != nil || len(rows) < 2 {
		return "", nil, fmt.Errorf("read the users: %w", err)
	}
	column := slices.Index(rows[0], "user_id")
	for _, row := range rows[1:] {
		if n := len(users); n == 0 || users[n-1] != row[column] {
			users = append(users, row[column])
		}
	}
	return doc.Tenant.ID, users, nil
}
