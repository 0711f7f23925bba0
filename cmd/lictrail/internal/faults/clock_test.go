package faults

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestR16_Clock lets this machine's clock and Graph's be wrong, stand still and
// be far ahead: no change may lie outside its bounds, none before another run.
func TestR16_Clock(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	backwards := now
	wrong, cases := 0, 0
	for _, c := range []struct {
		name  string
		start time.Time        // of the second run by Graph's clock; zero: a week later
		now   func() time.Time // this machine's clock
	}{
		{"machine's clock runs backwards", time.Time{}, func() time.Time { backwards = backwards.Add(-time.Hour); return backwards }},
		{"machine's clock is at 1970", time.Time{}, func() time.Time { return time.Unix(0, 0) }},
		{"machine's clock is at 9999", time.Time{}, func() time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }},
		{"over the end of 32-bit seconds", time.Date(2038, 1, 19, 3, 14, 7, 0, time.UTC), time.Now},
		{"leap day", time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC), time.Now},
		{"year 9999", time.Date(9999, 11, 1, 0, 0, 0, 0, time.UTC), time.Now},
	} {
		cases++
		w := &world{tenant: firstWeek(), now: c.now}
		w.serve(t)
		dir := t.TempDir()
		if a := w.try(t.Context(), t, dir, asIs); a.err != nil {
			t.Errorf("%s: %v", c.name, a.err)
			continue
		}
		if !c.start.IsZero() {
			w.tenant.AdvanceTo(c.start)
		}
		secondWeek(w.tenant)
		for range 2 { // the second of them in the same second
			if a := w.try(t.Context(), t, dir, asIs); a.err != nil {
				t.Errorf("%s: %v", c.name, a.err)
			}
		}
		wrong += outOfBounds(t, c.name, dir)
	}
	w := newWorld(t)
	second := w.copyOf(t, w.first)
	w.sync(t, second)
	zones := []string{"UTC", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"}
	for _, q := range []string{"assignments", "changes", "seat-days", "runs"} {
		var answers []string
		for _, zone := range zones {
			cmd := program(t.Context(), second, nil, q, "--db", dbIn(second), "--format", "json")
			cmd.Env = append(cmd.Env, "TZ="+zone)
			r := finish(cmd)
			answers = append(answers, r.stdout)
			if r.code != 0 || r.stdout != answers[0] {
				wrong++
				t.Errorf("%s in %s: %v, and the answer differs from that in UTC: %v", q, zone, r, r.stdout != answers[0])
			}
		}
	}
	publish(t, "R16", "clocks: backwards, twice in one second, 1970, 2038, leap day, 9999, and four time zones", "0 wrong orders or bounds",
		"%d cases and %d zones: %d wrong", cases, len(zones), wrong)
}

// outOfBounds counts changes whose bounds are not in order, and verifies.
func outOfBounds(t *testing.T, name, dir string) (wrong int) {
	t.Helper()
	if r := command("verify", "--db", dbIn(dir)); r.code != 0 {
		wrong++
		t.Errorf("%s: verify: %v\n%s", name, r, r.stdout)
	}
	var changes struct {
		Items []struct {
			When struct {
				NotBefore, NotAfter *time.Time
			}
		}
	}
	var runs struct {
		Items []struct {
			Status        string
			ObservedAt    *time.Time `json:"observed_at"`
			ObservedUntil *time.Time `json:"observed_until"`
		}
	}
	for question, to := range map[string]any{"changes": &changes, "runs": &runs} {
		r := command(question, "--db", dbIn(dir), "--format", "json")
		text := strings.NewReplacer(`"not_before"`, `"NotBefore"`, `"not_after"`, `"NotAfter"`).Replace(r.stdout)
		if err := json.Unmarshal([]byte(text), to); err != nil {
			t.Fatalf("%s: %v: %v", name, err, r)
		}
	}
	for _, c := range changes.Items {
		if c.When.NotAfter == nil || c.When.NotBefore != nil && c.When.NotBefore.After(*c.When.NotAfter) {
			wrong++
			t.Errorf("%s: a change between %v and %v", name, c.When.NotBefore, c.When.NotAfter)
		}
	}
	slices.SortFunc(runs.Items, func(a, b struct {
		Status        string
		ObservedAt    *time.Time `json:"observed_at"`
		ObservedUntil *time.Time `json:"observed_until"`
	}) int {
		return a.ObservedAt.Compare(*b.ObservedAt)
	})
	for i, r := range runs.Items {
		if r.Status != "complete" || r.ObservedUntil.Before(*r.ObservedAt) || i > 0 && r.ObservedAt.Before(*runs.Items[i-1].ObservedUntil) {
			wrong++
			t.Errorf("%s: run %d: %s, %v to %v", name, i+1, r.Status, r.ObservedAt, r.ObservedUntil)
		}
	}
	return wrong
}
