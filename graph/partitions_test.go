package graph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// created is a tenant of users made over ten years, each a fraction after a second;
// ancient ones have no createdDateTime.
func created(seed uint64, users, ancient int) *graphtest.Tenant {
	tenant, r := graphtest.New(seed), rand.New(rand.NewPCG(seed, 1))
	for i := range users {
		id := tenant.AddUser(graphtest.NoActor, graphtest.UserSpec{
			Name:    fmt.Sprint("User ", i),
			Ancient: i < ancient,
			Created: graphtest.Epoch.Add(-time.Duration(r.Int64N(int64(10 * 365 * 24 * time.Hour)))),
		})
		if i%3 > 0 {
			_ = tenant.AssignDirect(graphtest.NoActor, id, graphtest.SKUE5) // there are seats
		}
	}
	return tenant
}

// inPartitions makes a client to try: so many partitions, five users a page.
func inPartitions(n int) func(*Options) { return func(o *Options) { o.Partitions = n } }

// readAll reads all users, sorted, and which requests for lists that took.
func readAll(t *testing.T, s *graphtest.Server, c *Client, known snapshot.KnownRows) (rows []snapshot.UserRow, read snapshot.PagesRead, asked []graphtest.Request) {
	t.Helper()
	s.ForgetRequests()
	var sink sinkOf
	read, err := c.Users(context.Background(), known, sink.Page, sink.Restart)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Requests() {
		if r.Endpoint == graphtest.EndpointUsers {
			asked = append(asked, r)
		}
	}
	return sorted(sink.Rows), read, asked
}

func sorted(rows []snapshot.UserRow) []snapshot.UserRow {
	slices.SortFunc(rows, func(a, b snapshot.UserRow) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return rows
}

// fellBack is the reason in the warning that the users were read in one pass, "" if none.
func fellBack(read snapshot.PagesRead) string {
	for _, w := range read.Warnings {
		if w.Code == "partitions" {
			return w.Message
		}
	}
	return ""
}

// TestSpans: partitions leave no time out, share the second of each cut and no more, and
// keep those without a time to themselves.
func TestSpans(t *testing.T) {
	cut, later := at("2021-05-04T03:02:01Z"), at("2022-01-01T00:00:00Z")
	spans := spansOf([]time.Time{cut, later})
	filters := []string{
		"createdDateTime eq null",
		"createdDateTime le 2021-05-04T03:02:01Z",
		"createdDateTime ge 2021-05-04T03:02:01Z and createdDateTime le 2022-01-01T00:00:00Z",
		"createdDateTime ge 2022-01-01T00:00:00Z",
	}
	for i, s := range spans {
		if s.filter() != filters[i] {
			t.Errorf("partition %d: %s", i, s.filter())
		}
	}
	if all := spansOf(nil); len(all) != 2 || all[1].filter() != "createdDateTime ge 2000-01-01T00:00:00Z" {
		t.Errorf("no cut: %v", all)
	}
	for _, test := range []struct {
		created string
		want    string
	}{
		{"", "0"}, {"0001-01-01T00:00:00Z", "1"}, {"2021-05-04T03:02:00.999Z", "1"}, {"2021-05-04T03:02:01Z", "1 2"},
		{"2021-05-04T03:02:01.001Z", "2"}, {"2021-12-31T23:59:59.999Z", "2"}, {"2022-01-01T00:00:00Z", "2 3"}, {"2022-01-01T00:00:00.001Z", "3"}, {"9999-12-31T00:00:00Z", "3"},
	} {
		var has []string
		for i, s := range spans {
			var made *time.Time
			if test.created != "" {
				instant := at(test.created)
				made = &instant
			}
			if s.has(made) {
				has = append(has, fmt.Sprint(i))
			}
		}
		if strings.Join(has, " ") != test.want {
			t.Errorf("%s is of the partitions %v, want %s", test.created, has, test.want)
		}
	}
}

// TestPartitionsFor: how many partitions a tenant is worth.
func TestPartitionsFor(t *testing.T) {
	for _, test := range []struct{ asked, users, want int }{
		{AutoPartitions, 0, 1}, {AutoPartitions, 49_999, 1}, {AutoPartitions, 50_000, 2}, {AutoPartitions, 100_000, 4},
		{AutoPartitions, 199_999, 7}, {AutoPartitions, 200_000, 8}, {AutoPartitions, 3_000_000, 8},
		{2, 10, 2}, {8, 10, 8}, {9, 10, 8},
	} {
		if got := (&Options{Partitions: test.asked}).partitionsFor(test.users); got != test.want {
			t.Errorf("%d asked for, %d users: %d partitions, want %d", test.asked, test.users, got, test.want)
		}
	}
}

// TestAgrees: at its thresholds.
func TestAgrees(t *testing.T) {
	for _, test := range []struct {
		before, after census
		users, listed int
		want          bool
	}{
		{census{100, 90}, census{100, 90}, 100, 10, true},
		{census{100, 90}, census{100, 90}, 99, 10, false},
		{census{100, 90}, census{99, 89}, 99, 10, true},
		{census{99, 89}, census{100, 90}, 99, 10, true},
		{census{99, 89}, census{100, 90}, 120, 10, true}, // the counts lag behind new accounts
		{census{3000, 2990}, census{3000, 2990}, 2997, 10, true},
		{census{3000, 2990}, census{3000, 2990}, 2996, 10, false},
		{census{100, 90}, census{100, 90}, 100, 9, false},
		{census{100, 90}, census{100, 90}, 100, 11, false},
		{census{100, 90}, census{99, 90}, 99, 9, true},
		{census{100, 91}, census{99, 89}, 100, 10, true}, // of two counts that disagree one is enough
		{census{100, 100}, census{100, 100}, 100, 0, true},
	} {
		p := &parted{users: map[[16]byte]placed{}, listed: test.listed}
		for i := range test.users {
			p.users[[16]byte{byte(i), byte(i >> 8)}] = placed{}
		}
		if err := p.agrees(test.before, test.after); (err == nil) != test.want || err != nil && !errors.Is(err, errUnproven) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

// TestPartitions: what one pass reads, by filters that are documented, in about equal parts.
func TestPartitions(t *testing.T) {
	for _, test := range []struct{ users, ancient, n int }{
		{400, 1, 2}, {400, 1, 8}, {400, 0, 8}, {1, 0, 8}, {3, 0, 2}, {0, 0, 4},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			tenant := created(uint64(test.users), test.users, test.ancient)
			whole, one := simulate(t, tenant, inPartitions(1))
			want, _, _ := readAll(t, whole, one, snapshot.KnownRows{})
			s, c := simulate(t, tenant, inPartitions(test.n), graphtest.WithVaryingPages(), graphtest.WithEmptyPages())
			got, read, asked := readAll(t, s, c, snapshot.KnownRows{})
			if holdings(got) != holdings(want) || read.Rows != len(want) || fellBack(read) != "" {
				t.Errorf("%d users, one pass reads %d: %+v", len(got), len(want), read)
			}
			filters := map[string]int{}
			for _, r := range asked {
				if f := r.Query.Get("$filter"); !strings.HasPrefix(f, "id in (") {
					filters[f]++
				}
			}
			if test.users == 400 && len(filters) != test.n+1 {
				t.Errorf("%d partitions", len(filters))
			}
			if filters[""] > 0 {
				t.Errorf("one pass was made as well")
			}
		})
	}
}

// TestCuts: parts of about one size, however accounts came, with few counts.
func TestCuts(t *testing.T) {
	const users, n = 300, 6
	for name, when := range map[string]func(i int) time.Time{
		"evenly":       func(i int) time.Time { return graphtest.Epoch.AddDate(0, 0, -10*i) },
		"in one week":  func(i int) time.Time { return graphtest.Epoch.Add(-time.Duration(i) * 30 * time.Minute * 7) },
		"in one day":   func(i int) time.Time { return graphtest.Epoch.Add(-time.Duration(i) * 5 * time.Minute) },
		"in one blink": func(int) time.Time { return graphtest.Epoch.Add(-300 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := graphtest.New(1)
			for i := range users {
				tenant.AddUser(graphtest.NoActor, graphtest.UserSpec{Name: fmt.Sprint("User ", i), Created: when(i)})
			}
			s, c := simulate(t, tenant, inPartitions(n))
			got, read, _ := readAll(t, s, c, snapshot.KnownRows{})
			if len(got) != len(tenant.UserIDs()) || fellBack(read) != "" {
				t.Fatalf("%d users of %d: %+v", len(got), len(tenant.UserIDs()), read)
			}
			counts, size := 0, map[string]int{}
			for _, r := range s.Requests() {
				if r.Endpoint == graphtest.EndpointUsersCount {
					counts++
				}
			}
			if counts > 2*2+(n-1)*maxProbes {
				t.Errorf("%d counts", counts)
			}
			for _, u := range got {
				for _, r := range s.Requests() {
					if f := r.Query.Get("$filter"); r.Endpoint == graphtest.EndpointUsers && r.Page == 1 && within(f, u.CreatedAt) {
						size[f]++
					}
				}
			}
			if largest := slices.Max(slices.Collect(maps.Values(size))); name != "in one blink" && largest > 2*users/n {
				t.Errorf("the largest part has %d of %d users: %v", largest, users, size)
			}
		})
	}
}

// within evaluates a filter on createdDateTime.
func within(filter string, created *time.Time) bool {
	for _, part := range strings.Split(filter, " and ") {
		words := strings.Fields(part)
		switch {
		case len(words) != 3 || words[0] != "createdDateTime":
			return false
		case words[2] == "null":
			return created == nil
		case created == nil, words[1] == "ge" && created.Before(at(words[2])), words[1] == "le" && created.After(at(words[2])):
			return false
		}
	}
	return true
}

// TestUndated: users without createdDateTime are listed as the service allows, and never
// taken from an index that may have old rows.
func TestUndated(t *testing.T) {
	for _, test := range []struct {
		name           string
		users, ancient int
		opts           []graphtest.Option
		falls          string
		singles        int
	}{
		{"listed by default", 60, 30, []graphtest.Option{graphtest.WithPlainNulls()}, "", 0},
		{"few, from an index", 520, 32, nil, "", 3},
		{"many, from an index", 520, 40, nil, "too many to read by their ids", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			tenant := created(5, test.users, test.ancient)
			s, c := simulate(t, tenant, inPartitions(3), test.opts...)
			got, read, _ := readAll(t, s, c, snapshot.KnownRows{})
			singles := 0
			for _, r := range s.Requests() {
				if r.Page == 1 && strings.HasPrefix(r.Query.Get("$filter"), "id in (") {
					singles++
				}
			}
			if len(got) != len(tenant.UserIDs()) || singles != test.singles || !strings.Contains(fellBack(read), test.falls) || test.falls == "" && fellBack(read) != "" {
				t.Errorf("%d users of %d, %d requests by ids, %+v", len(got), len(tenant.UserIDs()), singles, read)
			}
		})
	}
}

// TestStaleIndex: an index that lags behind shows in no row. What it lacks or has too
// much of makes the read fall back, or is no user's. One thing is left to whoever knows
// the users: one without createdDateTime who was deleted and has just been restored.
func TestStaleIndex(t *testing.T) {
	tenant := created(7, 520, 2)
	ids, undated := tenant.UserIDs(), ""
	for _, id := range ids {
		if tenant.User(id).Created.IsZero() {
			undated = id
		}
	}
	large := func(n int) func(*Options) { return func(o *Options) { o.Partitions, o.PageSize = n, 50 } }
	s, c := simulate(t, tenant, large(3))
	whole, one := simulate(t, tenant, large(1))
	for i, change := range []func() error{
		func() error { return tenant.AssignDirect(graphtest.NoActor, undated, graphtest.SKUE3) },
		func() error { return tenant.Rename(graphtest.NoActor, undated, "Renamed") },
		func() error { return tenant.RemoveDirect(graphtest.NoActor, undated, graphtest.SKUE3) },
		func() error { return tenant.DeleteUser(graphtest.NoActor, undated, graphtest.Entra) },
		func() error {
			tenant.AddUser(graphtest.NoActor, graphtest.UserSpec{Name: "New"})
			return nil
		},
		func() error { return tenant.DeleteUser(graphtest.NoActor, ids[3], graphtest.Entra) },
	} {
		tenant.FreezeIndex()
		if err := change(); err != nil {
			t.Fatal(err)
		}
		got, read, _ := readAll(t, s, c, snapshot.KnownRows{})
		want, _, _ := readAll(t, whole, one, snapshot.KnownRows{})
		if holdings(got) != holdings(want) {
			t.Errorf("change %d: %d users, one pass reads %d; fell back: %q", i, len(got), len(want), fellBack(read))
		}
	}
}

// TestPartitionFaults: whatever goes wrong with a list, the users are those of one pass,
// or there is an error; and where the lists contradict each other a warning says so.
func TestPartitionFaults(t *testing.T) {
	kinds := slices.Concat(graphtest.FilterFaults, graphtest.AllFaults)
	for _, kind := range kinds {
		if changesTruth[kind] || kind == graphtest.FaultHang || kind == graphtest.FaultDrip {
			continue // these take time, or there is something else to read
		}
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			tenant := created(11, 60, 0)
			whole, one := simulate(t, tenant, inPartitions(1))
			want, _, _ := readAll(t, whole, one, snapshot.KnownRows{})
			for _, where := range []string{"eq null", "createdDateTime ge"} {
				for _, page := range []graphtest.Page{graphtest.FirstPage, graphtest.MiddlePage, graphtest.LastPage} {
					if where == "eq null" && page != graphtest.FirstPage {
						continue // it has no other
					}
					for _, times := range []int{1, graphtest.Forever} {
						s, c := simulate(t, tenant, func(o *Options) {
							o.Partitions, o.Quiet, o.Patience = 2, 150*time.Millisecond, 30*time.Second
						}, graphtest.WithPlainNulls())
						s.Inject(graphtest.Fault{Endpoint: graphtest.EndpointUsers, Page: page, Times: times, Kind: kind, Query: where})
						var sink sinkOf
						read, err := usersTo(context.Background(), c, &sink)
						if err == nil && holdings(sorted(sink.Rows)) != holdings(want) {
							t.Errorf("%s, page %d, %d times: silent: %d users of %d, fell back: %q", where, page, times, len(sink.Rows), len(want), fellBack(read))
						}
						if err != nil && errors.Is(err, ErrIncomplete) {
							t.Errorf("%s, page %d, %d times: one pass was not tried: %v", where, page, times, err)
						}
						s.Close()
					}
				}
			}
		})
	}
}

// TestFilterSilentlyWrong: each of these leaves users out or repeats them without an
// error, and is found.
func TestFilterSilentlyWrong(t *testing.T) {
	tenant := created(13, 120, 20)
	for _, kind := range graphtest.FilterFaults {
		for _, where := range []string{"eq null", "createdDateTime le", "createdDateTime ge"} {
			s, c := simulate(t, tenant, inPartitions(3), graphtest.WithPlainNulls())
			s.Inject(graphtest.Fault{Endpoint: graphtest.EndpointUsers, Page: graphtest.FirstPage, Times: graphtest.Forever, Kind: kind, Query: where})
			got, read, _ := readAll(t, s, c, snapshot.KnownRows{})
			if len(got) != len(tenant.UserIDs()) || fellBack(read) == "" {
				t.Errorf("%s, %s: %d users of %d, %+v", kind, where, len(got), len(tenant.UserIDs()), read)
			}
		}
	}
}

// once calls what it holds at the first request that fits.
type once struct {
	mu   sync.Mutex
	fits func(graphtest.Request) bool
	do   func(*graphtest.Tenant)
	skip int
}

func (o *once) hook(tenant *graphtest.Tenant, r graphtest.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.do == nil || !o.fits(r) {
		return
	}
	if o.skip--; o.skip < 0 {
		o.do(tenant)
		o.do = nil
	}
}

// lastPartition is how the requests for the newest users look.
func lastPartition(r graphtest.Request) bool {
	f := r.Query.Get("$filter")
	return r.Endpoint == graphtest.EndpointUsers && strings.Contains(f, " ge ") && !strings.Contains(f, " le ")
}

// TestLostTokenOfPartition: a page token that is lost costs the partition, not the pass, if each
// user comes again as the same. Whoever left or changed meanwhile makes the read fall
// back, and is not taken for present, or for what he was.
func TestLostTokenOfPartition(t *testing.T) {
	victim := func(tenant *graphtest.Tenant) string { // the newest: among the first that the partition lists
		ids := tenant.UserIDs()
		newest := slices.MaxFunc(ids[:len(ids)/4], func(a, b string) int { return tenant.User(a).Created.Compare(tenant.User(b).Created) })
		return newest
	}
	for name, test := range map[string]struct {
		change func(tenant *graphtest.Tenant, user string) error
		falls  bool
	}{
		"nothing happens": {nil, false},
		"a user leaves": {func(tenant *graphtest.Tenant, user string) error {
			return tenant.DeleteUser(graphtest.NoActor, user, graphtest.Entra)
		}, true},
		"a user changes": {func(tenant *graphtest.Tenant, user string) error {
			return tenant.Rename(graphtest.NoActor, user, "Renamed")
		}, true},
		"a user comes": {func(tenant *graphtest.Tenant, _ string) error {
			tenant.AddUser(graphtest.NoActor, graphtest.UserSpec{Name: "New"})
			return nil
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			tenant := created(17, 240, 0)
			user := victim(tenant)
			lost := &once{fits: lastPartition, skip: 6, do: func(tenant *graphtest.Tenant) {
				if test.change != nil {
					if err := test.change(tenant, user); err != nil {
						t.Error(err)
					}
				}
			}}
			s, c := simulate(t, tenant, inPartitions(3), graphtest.WithPlainNulls(), graphtest.WithHook(lost.hook))
			s.Inject(graphtest.Fault{Endpoint: graphtest.EndpointUsers, Page: 7, Kind: graphtest.FaultExpiredPageToken, Query: "createdDateTime ge " + lastCut(t, tenant)})
			got, read, asked := readAll(t, s, c, snapshot.KnownRows{})
			whole, one := simulate(t, tenant, inPartitions(1))
			want, _, _ := readAll(t, whole, one, snapshot.KnownRows{})
			if s.Struck() != 1 || holdings(got) != holdings(want) || (fellBack(read) != "") != test.falls {
				t.Errorf("struck %d times, %d users, one pass reads %d, fell back: %q", s.Struck(), len(got), len(want), fellBack(read))
			}
			times := map[string]int{}
			for _, r := range asked {
				times[fmt.Sprint(r.Query.Get("$filter"), r.Page)]++
			}
			again := 0
			for _, n := range times {
				again += n - 1
			}
			if !test.falls && again != 7 {
				t.Errorf("%d pages were asked for again, want the 7 of one partition: %v", again, times)
			}
		})
	}
}

// lastCut is where the last of three partitions begins.
func lastCut(t *testing.T, tenant *graphtest.Tenant) string {
	t.Helper()
	s, c := simulate(t, tenant, inPartitions(3), graphtest.WithPlainNulls())
	_, _, asked := readAll(t, s, c, snapshot.KnownRows{})
	for _, r := range asked {
		if lastPartition(r) {
			return strings.Fields(r.Query.Get("$filter"))[2]
		}
	}
	t.Fatal("no last partition")
	return ""
}

// TestBoundary: users of the second that two partitions share come in both, and once.
func TestBoundary(t *testing.T) {
	tenant := created(19, 90, 0)
	cut := at(lastCut(t, tenant))
	for i, later := range []time.Duration{0, 0, time.Millisecond, -time.Millisecond, 999 * time.Millisecond} {
		tenant.AddUser(graphtest.NoActor, graphtest.UserSpec{Name: fmt.Sprint("Boundary ", i), Created: cut.Add(later)})
	}
	p := &parted{users: map[[16]byte]placed{}, page: func([]snapshot.UserRow) error { return nil }, spans: spansOf([]time.Time{cut})}
	s, c := simulate(t, tenant, inPartitions(3), graphtest.WithPlainNulls())
	p.c, p.n, p.parts = c, 3, make([]progressOf, len(p.spans))
	for i := range p.spans {
		if err := p.readSpan(context.Background(), i, census{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.users) != len(tenant.UserIDs()) {
		t.Errorf("%d users of %d", len(p.users), len(tenant.UserIDs()))
	}
	twice := at("2021-01-01T00:00:00Z")
	row := snapshot.UserRow{User: snapshot.User{ID: "b1111111-1111-4111-8111-111111111111", Attributes: snapshot.Attributes{CreatedAt: &cut}}}
	if err := errors.Join(p.take(1, []snapshot.UserRow{row}), p.take(2, []snapshot.UserRow{row})); err != nil {
		t.Errorf("the same in both: %v", err)
	}
	row.Name = "Other"
	if err := p.take(1, []snapshot.UserRow{row}); !errors.Is(err, errMoved) {
		t.Errorf("another row in the second: %v", err)
	}
	row.ID, row.CreatedAt = "c1111111-1111-4111-8111-111111111111", &twice
	if err := p.take(2, []snapshot.UserRow{row}); !errors.Is(err, errStray) {
		t.Errorf("a user of another time: %v", err)
	}
	s.Close()
}

// TestComplete: whoever knows users has the last word.
func TestComplete(t *testing.T) {
	tenant := created(23, 60, 0)
	s, c := simulate(t, tenant, inPartitions(3))
	asked := 0
	got, read, _ := readAll(t, s, c, snapshot.KnownRows{Complete: func(context.Context) error {
		asked++
		return errors.New("user x is missing")
	}})
	if asked != 1 || len(got) != len(tenant.UserIDs()) || !strings.HasSuffix(fellBack(read), "user x is missing") {
		t.Errorf("asked %d times, %d users, %+v", asked, len(got), read)
	}
}

// TestPartitionsWhileTenantLives: a law for tenants that change while they are read, with
// faults: whoever was there all the time is read, each row was true at some moment of the
// read, and nobody is read who was not there.
func TestPartitionsWhileTenantLives(t *testing.T) {
	falls := 0
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 3))
		tenant := created(seed, 60+r.IntN(60), r.IntN(2)*r.IntN(10))
		whole, steady := simulate(t, tenant, func(o *Options) { o.PageSize = 100 })
		photo := func() map[string]string {
			rows, _, _ := readAll(t, whole, steady, snapshot.KnownRows{})
			m := map[string]string{}
			for _, u := range rows {
				m[string(u.ID)] = holdings([]snapshot.UserRow{u}) + u.Name
			}
			return m
		}
		var mu sync.Mutex
		photos := []map[string]string{photo()}
		hook := func(tenant *graphtest.Tenant, req graphtest.Request) {
			mu.Lock()
			defer mu.Unlock()
			if req.Endpoint != graphtest.EndpointUsers || r.IntN(12) > 0 {
				return
			}
			ids := tenant.UserIDs()
			user := ids[r.IntN(len(ids))]
			switch r.IntN(5) {
			case 0:
				_ = tenant.DeleteUser(graphtest.NoActor, user, graphtest.Entra)
			case 1:
				tenant.AddUser(graphtest.NoActor, graphtest.UserSpec{Name: "New"})
			case 2:
				_ = tenant.Rename(graphtest.NoActor, user, fmt.Sprint("Renamed ", r.IntN(1000)))
			case 3:
				tenant.FreezeIndex()
			case 4:
				_ = tenant.AssignDirect(graphtest.NoActor, user, graphtest.SKUE3)
			}
			photos = append(photos, photo())
		}
		opts := []graphtest.Option{graphtest.WithHook(hook), graphtest.WithVaryingPages(), graphtest.WithSeed(seed)}
		if r.IntN(2) == 0 {
			opts = append(opts, graphtest.WithPlainNulls())
		}
		s, c := simulate(t, tenant, inPartitions(2+r.IntN(7)), opts...)
		kinds := slices.Concat(graphtest.FilterFaults, []graphtest.FaultKind{
			graphtest.FaultExpiredPageToken, graphtest.Fault429, graphtest.FaultOverlap, graphtest.FaultReset, graphtest.FaultCountDisagrees,
		})
		for range r.IntN(3) {
			s.Inject(graphtest.Fault{Endpoint: graphtest.EndpointUsers, Page: graphtest.MiddlePage, Skip: r.IntN(6), Kind: kinds[r.IntN(len(kinds))], Query: "$filter=createdDateTime"})
		}
		var sink sinkOf
		read, err := usersTo(context.Background(), c, &sink)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if fellBack(read) != "" {
			falls++
		}
		mu.Lock()
		got := map[string]string{}
		for _, u := range sink.Rows {
			id := string(u.ID)
			if got[id] != "" {
				t.Errorf("seed %d: user %s twice", seed, id)
			}
			got[id] = holdings([]snapshot.UserRow{u}) + u.Name
			if !slices.ContainsFunc(photos, func(p map[string]string) bool { return p[id] == got[id] }) {
				t.Errorf("seed %d: user %s is read as what he never was; fell back: %q", seed, id, fellBack(read))
			}
		}
		for id := range photos[0] {
			if got[id] == "" && !slices.ContainsFunc(photos, func(p map[string]string) bool { return p[id] == "" }) {
				t.Errorf("seed %d: user %s was there all the time, and is not read; fell back: %q", seed, id, fellBack(read))
			}
		}
		mu.Unlock()
	}
	if falls == 0 || falls == 24 {
		t.Errorf("%d of 24 reads fell back: the law was tried on one way only", falls)
	}
	t.Logf("%d of 24 reads fell back", falls)
}

// TestLongestChain: with latency alone, the time of a read is its longest chain of
// requests, of which none is sent before the one before is answered. One pass over
// 1,000,000 users is a chain of 1,001 pages; eight partitions are to take a fifth.
func TestLongestChain(t *testing.T) {
	const users, pageSize, n = 2000, 2, 8 // a thousand pages
	tenant := created(29, users, 0)
	chain := func(partitions int) (longest int) {
		s, c := simulate(t, tenant, func(o *Options) { o.Partitions, o.PageSize = partitions, pageSize })
		_, read, asked := readAll(t, s, c, snapshot.KnownRows{})
		if fellBack(read) != "" {
			t.Fatal(fellBack(read))
		}
		chains := map[string]int{}
		for _, r := range asked {
			chains[r.Query.Get("$filter")]++
		}
		return slices.Max(slices.Collect(maps.Values(chains)))
	}
	one, parts := chain(1), chain(n)
	// Two rounds of counts, one of users without a time, and those that find the cuts;
	// the partition that begins last waits for the null one.
	parts += 2 + 1 + maxProbes
	t.Logf("one pass: %d requests in a row; %d partitions: %d; %.1f times as fast", one, n, parts, float64(one)/float64(parts))
	if parts*5 > one {
		t.Errorf("%d partitions take %d requests in a row, one pass %d", n, parts, one)
	}
}

// TestPartitionsThrottled: when one connection is told to wait, none sends anything
// before that time, and the partitions go on after it.
func TestPartitionsThrottled(t *testing.T) {
	const users, wait = 40, 5 * time.Second
	made := func(i int) time.Time { return at("2015-01-01T00:00:00Z").AddDate(0, 0, 50*i) }
	var mu sync.Mutex
	var told time.Time
	early, asked, most, now := 0, 0, 0, 0
	inBubble(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked++
		now++
		most = max(most, now)
		if !told.IsZero() && time.Since(told) < wait {
			early++
		}
		refuse := asked == 30
		mu.Unlock()
		defer func() { mu.Lock(); now--; mu.Unlock() }()
		if refuse {
			time.Sleep(50 * time.Millisecond) // the others are under way
			mu.Lock()
			told = time.Now()
			mu.Unlock()
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		filter, from := r.URL.Query().Get("$filter"), 0
		fmt.Sscanf(r.URL.Query().Get("$skiptoken"), "%d", &from)
		time.Sleep(100 * time.Millisecond)
		var fits []int
		for i := range users {
			if instant := made(i); filter == "" || within(filter, &instant) {
				fits = append(fits, i)
			}
		}
		if strings.HasSuffix(r.URL.Path, "/$count") {
			fmt.Fprint(w, len(fits))
			return
		}
		next, rows := "", ""
		if from < len(fits) {
			rows = fmt.Sprintf(`{"id":"%08x-0000-4000-8000-000000000000","createdDateTime":%q,"assignedLicenses":[]}`, fits[from], made(fits[from]).Format(time.RFC3339))
		}
		if from+1 < len(fits) {
			q := r.URL.Query()
			q.Set("$skiptoken", fmt.Sprint(from+1))
			next = fmt.Sprintf(`"@odata.nextLink":"http://%s%s?%s",`, r.Host, r.URL.Path, q.Encode())
		}
		fmt.Fprintf(w, `{%s"value":[%s]}`, next, rows)
	}, func(t *testing.T, s *server) {
		time.Sleep(25 * 365 * 24 * time.Hour) // a bubble begins in the year 2000
		c, _ := s.client(t, func(o *Options) { o.Now, o.Sleep, o.Partitions = time.Now, nil, 4 })
		var sink sinkOf
		read, err := usersTo(t.Context(), c, &sink)
		if err != nil || len(sink.Rows) != users || fellBack(read) != "" || sink.restarts != 0 {
			t.Errorf("%d users, %+v, %v", len(sink.Rows), read, err)
		}
		if told.IsZero() || early > 0 || asked < 50 {
			t.Errorf("told to wait at %v; %d requests of %d came before the time", told, early, asked)
		}
		if most < 4 || most > 2*4 { // each partition asks for one page ahead
			t.Errorf("%d requests were under way together", most)
		}
	})
}
