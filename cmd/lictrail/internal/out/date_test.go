package out

import (
	"testing"
	"time"
)

func TestDates(t *testing.T) {
	day := func(s string) time.Time {
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if at, err := time.Parse(layout, s); err == nil {
				return at
			}
		}
		return time.Time{}
	}
	for _, tc := range []struct {
		name, from, to, at, precision string
		words, short                  string
	}{
		{"exact", "2026-03-05T10:11:12Z", "2026-03-05T10:11:12Z", "2026-03-05T10:11:12Z", Exact,
			"on 5 March 2026 10:11 UTC", "2026-03-05 10:11"},
		{"exact in another zone", "", "", "2026-03-05T00:11:12+02:00", Exact,
			"on 4 March 2026 22:11 UTC", "2026-03-04 22:11"},
		{"exact without at", "2026-03-05", "2026-03-05", "", Exact,
			"on 5 March 2026 00:00 UTC", "2026-03-05 00:00"},
		{"one month", "2026-03-01", "2026-03-08", "2026-03-08", Window,
			"between 1 and 8 March 2026", "2026-03-01…03-08"},
		{"two months", "2026-02-28", "2026-03-03", "2026-03-03", Window,
			"between 28 February and 3 March 2026", "2026-02-28…03-03"},
		{"two years", "2025-12-28", "2026-01-03", "2026-01-03", Window,
			"between 28 December 2025 and 3 January 2026", "2025-12-28…2026-01-03"},
		{"same month of two years", "2025-03-01", "2026-03-08", "2026-03-08", Window,
			"between 1 March 2025 and 8 March 2026", "2025-03-01…2026-03-08"},
		{"same day of two years", "2025-03-05", "2026-03-05", "", Window,
			"between 5 March 2025 and 5 March 2026", "2025-03-05…2026-03-05"},
		{"one day", "2026-03-05T10:11:00Z", "2026-03-05T12:30:01Z", "", Window,
			"between 10:11 and 12:31 UTC on 5 March 2026", "2026-03-05 10:11…12:31"},
		{"to the end of a day", "2026-03-05T10:11:00Z", "2026-03-05T23:59:30Z", "", Window,
			"between 10:11 and 23:59 UTC on 5 March 2026", "2026-03-05 10:11…23:59"},
		{"one minute", "2026-03-05T10:11:01Z", "2026-03-05T10:11:50Z", "", Window,
			"on 5 March 2026 10:11 UTC", "2026-03-05 10:11"},
		{"days by UTC, not by zone", "2026-03-01T23:30:00-05:00", "2026-03-08T01:00:00+02:00", "", Window,
			"between 2 and 7 March 2026", "2026-03-02…03-07"},
		{"before tracking", "", "2019-08-12", "2019-08-12", NoLaterThan,
			"on or before 12 August 2019", "≤ 2019-08-12"},
		{"before tracking, only at", "", "", "2019-08-12", NoLaterThan,
			"on or before 12 August 2019", "≤ 2019-08-12"},
		{"window without a beginning", "", "2026-03-08", "2026-03-08", Window,
			"on or before 8 March 2026", "≤ 2026-03-08"},
		{"nothing", "", "", "", Window, "at an unknown time", "?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			from, to, at := day(tc.from), day(tc.to), day(tc.at)
			if got := DateText(from, to, at, tc.precision); got != tc.words {
				t.Errorf("words %q, want %q", got, tc.words)
			}
			if got := DateShort(from, to, at, tc.precision); got != tc.short {
				t.Errorf("short %q, want %q", got, tc.short)
			}
		})
	}
}

// Times are shown where the reader is, and say where that is.
func TestDate_Zone(t *testing.T) {
	if err := SetZone("Europe/Berlin"); err != nil {
		t.Skip(err)
	}
	defer SetZone("UTC") //nolint:errcheck // UTC is always known
	at := time.Date(2026, 3, 5, 23, 30, 0, 0, time.UTC)
	if got := DateShort(at, at, at, Exact); got != "2026-03-06 00:30" {
		t.Error(got)
	}
	if got := DateText(at, at, at, Exact); got != "on 6 March 2026 00:30 CET" {
		t.Error(got)
	}
	if got := DateText(time.Time{}, at, at, NoLaterThan); got != "on or before 6 March 2026" {
		t.Error(got)
	}
	if ZoneName() != "Europe/Berlin" || SetZone("Mars/Olympus") == nil {
		t.Errorf("the zone is %s", ZoneName())
	}
}
