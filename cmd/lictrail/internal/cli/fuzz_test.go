package cli

import (
	"testing"
	"time"
)

// FuzzFlags reads any text as the values of flags: each is refused as wrong use
// or gives a value that makes sense.
func FuzzFlags(f *testing.F) {
	for _, seed := range []string{"", "2026-03-01", "2026-03-01T08:00:00Z", "90d", "999999w", "20%", "0.2", "5,5%", "NaN", "1e309%", "-0", "9999-12-31"} {
		f.Add(seed)
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		for _, end := range []bool{false, true} {
			at, err := parseTime("since", text, now, end)
			if err == nil && text != "" && at.Location() != time.UTC {
				t.Errorf("%q is %v, not in UTC", text, at)
			}
		}
		if share, err := parseShare("max-shrink", text); err == nil && !(share >= 0 && share <= 1) {
			t.Errorf("%q is the share %v", text, share)
		}
		if limit, err := parseBurst(text); err == nil && (limit.Users < 0 || !(limit.Share >= 0)) {
			t.Errorf("%q is the limit %+v", text, limit)
		}
	})
}
