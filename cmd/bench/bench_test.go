package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain makes this binary bench where it is called so: see [child].
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "bench" {
		main()
		return
	}
	os.Exit(m.Run())
}

// held is what must hold of a small tenant: a ratio of CPU times has a third of
// slack for a noisy machine, a number of bytes next to none. At this size the
// start of a process and the schema weigh more than in docs/performance.md.
var held = map[string]struct{ plain, realistic float64 }{
	"first run / SDK's typed models":               {5.5, 4},
	"first run / floor":                            {0.45, 0.35},
	"week of changes / floor":                      {0.9, 1},
	"week without a change / floor":                {1.1, 1.2},
	"bytes a user after the first run":             {335, 520},
	"KB of a week without a change":                {16, 16},
	"peak of sync, MB":                             {150, 150},
	"peak of report, MB":                           {150, 150},
	"peak of reclaim, MB":                          {150, 150},
	"peak of seat-days --by user, MB":              {150, 150},
	"verify / first run":                           {1.2, 1.2},
	"backup / first run":                           {1.5, 1.5},
	"peak of import, MB":                           {110, 110},
	"peak of a run in which everybody changed, MB": {150, 150},
	"peak of the run after it, MB":                 {120, 120},
}

// TestBench runs a small benchmark and fails on a ratio that is far off, never
// on a time.
func TestBench(t *testing.T) {
	if testing.Short() {
		t.Skip("builds lictrail and takes some seconds")
	}
	o := options{Tenant: both, Users: 6000, Weeks: 1, Plans: 60, Share: 0.01, Sample: 500, Repeat: 1, Dir: t.TempDir(), Log: t.Logf}
	cleanUp, err := o.prepare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer cleanUp()
	all, err := measureAll(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all.Tenants {
		checked := 0
		for _, c := range r.Ratios {
			t.Logf("%s: %s: %.2f", r.Tenant, c.Name, c.Value)
			limit, ok := held[c.Name]
			if !ok {
				continue
			}
			checked++
			if c.Limit = limit.plain; r.Tenant == realistic {
				c.Limit = limit.realistic
			}
			if !c.holds() {
				t.Errorf("%s: %s: %.2f, want %.2f", r.Tenant, c.Name, c.Value, c.Limit)
			}
		}
		if checked != len(held) {
			t.Errorf("%s: %d claims of %d were measured", r.Tenant, checked, len(held))
		}
		if r.Decoder.AllocsAUser > 60 {
			t.Errorf("%s: %.0f allocations a user", r.Tenant, r.Decoder.AllocsAUser)
		}
		for _, q := range r.Queries {
			if q.Rows == 0 {
				t.Errorf("%s: %s: no row", r.Tenant, q.Name)
			}
		}
	}
}

func TestPrint(t *testing.T) {
	one := func(kind string) *result {
		return &result{Tenant: kind, Models: read{PerSecond: 7}, First: syncRun{PerSecond: 90, Added: 2048},
			Weeks: []syncRun{{PerSecond: 80}}, Queries: []query{{"who removed USER", 2, 4}}, Other: []program{{"verify", 3, usage{2, 70}}},
			Ratios: []ratio{{Name: "fast", Value: 9, Limit: 8}, {Name: "small", Value: 300, Limit: 250, AtMost: true}}}
	}
	r := &report{Users: 10, Plans: 60, Share: 0.01, Tenants: []*result{one(plain), one(realistic)}}
	var text, doc bytes.Buffer
	if err := show(&text, false, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"10 users with 60 service plans each, 1 % changed a week.", "\nThe realistic tenant\n", "\nSDK's typed models, nothing kept  7 ", "\nsync, first run ", "2.0 KB\n", "\nsync, week 1 ",
		"\nsync, nothing changed ", "\nsync, everybody changed ", "\nwho removed USER  4     2.0  2000\n", "\nverify   3.00     2.00         70\n",
		"\nfast                9.00    at least 8.00   yes  9.00       at least 8.00   yes\n", "\nsmall               300.00  at most 250.00  NO   300.00     at most 250.00  NO\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if err := show(&doc, true, r); err != nil || !json.Valid(doc.Bytes()) {
		t.Errorf("%v, %s", err, doc.String())
	}
}

func TestRefuses(t *testing.T) {
	for _, args := range []string{"-users 0", "-weeks -1", "-changed 2", "-sample 0", "-audit-records -1", "-tenant odd", "more"} {
		var out bytes.Buffer
		if err := run(t.Context(), strings.Fields(args), nil, &out, &out); err == nil {
			t.Errorf("%s: taken", args)
		}
	}
}
