package audit

import (
	"fmt"
	"testing"

	"lictrail/snapshot"
)

// A table that a spreadsheet saved has times to the minute and often no ids. Its
// row and another copy of the record are one operation, with the better time.
func TestBundles_ToTheMinute(t *testing.T) {
	const row = "derived-row"
	licensed := []string{e3}
	none := []string{}
	type rec struct {
		id, activity, at, correlation string
		before, after                 []string
	}
	for name, test := range map[string]struct {
		records []rec
		want    []string // the bundles' times and numbers of records
	}{
		"with the record from Graph": {[]rec{
			{"1", "Change user license", "2026-03-04T10:20:45.1112223Z", "c1", none, licensed},
			{row, "Change user license", "2026-03-04T10:20Z", "c1", none, licensed},
		}, []string{"10:20:45.111 2"}},
		"with the same row to the second": {[]rec{
			{"derived-second", "Change user license", "2026-03-04T10:20:45Z", "c1", none, licensed},
			{row, "Change user license", "2026-03-04T10:20Z", "c1", none, licensed},
		}, []string{"10:20:45.000 2"}},
		"with the detail elsewhere": {[]rec{
			{row, "Change user license", "2026-03-04T10:20Z", "c1", nil, nil},
			{"1", "Update user", "2026-03-04T10:20:59.5Z", "c1", none, licensed},
		}, []string{"10:20:59.500 2"}},
		"a membership": {[]rec{
			{"1", "Add member to group", "2026-03-04T10:20:45Z", "c1", nil, nil},
			{row, "Add member to group", "2026-03-04T10:20Z", "c1", nil, nil},
		}, []string{"10:20:45.000 2"}},
		"a copy with the same id": {[]rec{
			{"1", "Change user license", "2026-03-04T10:20Z", "c1", none, licensed},
			{"1", "Change user license", "2026-03-04T10:20:45Z", "c1", none, licensed},
		}, []string{"10:20:45.000 1"}},
		"two operations of one minute": {[]rec{
			{row, "Change user license", "2026-03-04T10:20Z", "c1", none, licensed},
			{"1", "Change user license", "2026-03-04T10:20:45Z", "c2", none, licensed},
		}, []string{"10:20:00.000 1", "10:20:45.000 1"}},
		"the minute after": {[]rec{
			{row, "Change user license", "2026-03-04T10:20Z", "c1", none, licensed},
			{"1", "Change user license", "2026-03-04T10:21:30Z", "c1", none, licensed},
		}, []string{"10:20:00.000 1", "10:21:30.000 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var events []snapshot.Event
			for _, r := range test.records {
				e := graphEvent(t, r.id, r.activity, r.at, r.before, r.after)
				e.Correlation = r.correlation
				events = append(events, e)
			}
			var got []string
			for _, b := range Bundles(events) {
				got = append(got, fmt.Sprintf("%s %d", b.At.Format("15:04:05.000"), len(b.Events)))
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Within one log's ids two correlation ids are two operations, however near. The
// ids of two logs may differ for one.
func TestBundles_OtherCorrelation(t *testing.T) {
	for source, want := range map[snapshot.Source]int{snapshot.SourceAzureMonitor: 2, snapshot.SourceUnified: 1} {
		one := graphEvent(t, "1", "Change user license", "2026-03-04T10:20:30Z", nil, []string{e3})
		other := graphEvent(t, "2", "Change user license", "2026-03-04T10:20:31Z", nil, []string{e3})
		one.Correlation, other.Correlation, other.Source = "c1", "c2", source
		if got := len(Bundles([]snapshot.Event{one, other})); got != want {
			t.Errorf("Graph and %s: %d operations, want %d", source, got, want)
		}
	}
}
