package ask

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func day(n int) time.Time { return time.Date(2026, 3, n, 6, 0, 0, 0, time.UTC) }

// within is a date that lies between two days, or on one.
func within(days ...int) snapshot.Date {
	if len(days) == 1 {
		return snapshot.ExactDate(day(days[0]))
	}
	return snapshot.WindowDate(snapshot.Window{NotBefore: day(days[0]), NotAfter: day(days[1])})
}

func ended(days ...int) *snapshot.Date {
	d := within(days...)
	return &d
}

func TestBars(t *testing.T) {
	direct, group, unknown := snapshot.PathRef{Kind: snapshot.Direct}, snapshot.PathRef{Kind: snapshot.ByGroup, Group: "g"}, snapshot.PathRef{Kind: snapshot.Unknown}
	period := func(n int, paths []snapshot.PathRef, stretches ...snapshot.Stretch) *store.Period {
		return &store.Period{User: snapshot.User{ID: "u"}, SKU: "e3", Number: n, Paths: paths, Stretches: stretches}
	}
	span := func(path snapshot.PathRef, from snapshot.Date, to *snapshot.Date) *store.PathSpan {
		return &store.PathSpan{User: "u", SKU: "e3", Path: path, From: from, To: to}
	}
	stretch := func(from snapshot.Date, to *snapshot.Date) snapshot.Stretch {
		return snapshot.Stretch{From: from, To: to}
	}
	for _, c := range []struct {
		name    string
		periods []*store.Period
		spans   []*store.PathSpan
		want    []string
	}{
		{"one path is the period, with its better dates",
			[]*store.Period{period(1, nil, stretch(within(3), ended(20)))},
			[]*store.PathSpan{span(direct, within(1, 8), ended(15, 22))},
			[]string{"direct 03..03-20..20"}},
		{"two paths, one after the other",
			[]*store.Period{period(1, nil, stretch(within(3), nil))},
			[]*store.PathSpan{span(direct, within(3), ended(8, 15)), span(group, within(8, 15), nil)},
			[]string{"direct 03..03-08..15", "group 08..15-"}},
		{"two paths at the same time, the SKU gone at a known time",
			[]*store.Period{period(1, nil, stretch(within(3), ended(20)))},
			[]*store.PathSpan{span(group, within(8, 15), ended(15, 22)), span(direct, within(3), ended(15, 22))},
			[]string{"direct 03..03-20..20", "group 08..15-20..20"}},
		{"taken and given again between two runs",
			[]*store.Period{period(1, nil, stretch(within(3), ended(10))), period(2, nil, stretch(within(11), nil))},
			[]*store.PathSpan{span(direct, within(3), nil)},
			[]string{"direct 03..03-10..10", "direct 11..11-"}},
		{"given and taken between two runs",
			[]*store.Period{period(1, []snapshot.PathRef{group}, stretch(within(10), ended(11))), period(2, nil, stretch(within(15, 22), nil))},
			[]*store.PathSpan{span(direct, within(15, 22), nil)},
			[]string{"group 10..10-11..11", "direct 15..22-"}},
		{"by nobody knows which path",
			[]*store.Period{period(1, nil, stretch(within(10), ended(11)))}, nil,
			[]string{"unknown 10..10-11..11"}},
		{"deleted and restored",
			[]*store.Period{period(1, nil, stretch(within(1), ended(8, 15)), stretch(within(15, 22), nil))},
			[]*store.PathSpan{span(direct, within(1), ended(8, 15)), span(group, within(15, 22), nil)},
			[]string{"direct 01..01-08..15", "group 15..22-"}},
		{"of another user", []*store.Period{period(1, []snapshot.PathRef{unknown}, stretch(within(1), nil))},
			[]*store.PathSpan{{User: "v", SKU: "e3", Path: direct, From: within(1)}, {User: "u", SKU: "e5", Path: direct, From: within(1)}},
			[]string{"unknown 01..01-"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, b := range Bars(c.periods, c.spans) {
				text := fmt.Sprintf("%s %s..%s-", b.Path.Kind, b.From.NotBefore.Format("02"), b.From.NotAfter.Format("02"))
				if b.To != nil {
					text += b.To.NotBefore.Format("02") + ".." + b.To.NotAfter.Format("02")
				}
				got = append(got, text)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("bars (-want +got):\n%s", d)
			}
		})
	}
}
