package exit

import (
	"slices"
	"testing"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/engine"
)

// The code of several tenants is the one that most needs a person, and every code
// has its place in that order.
func TestWorst(t *testing.T) {
	if len(severity) != len(meanings) {
		t.Errorf("%d codes are in the order, and %d have a meaning", len(severity), len(meanings))
	}
	for code := range meanings {
		if !slices.Contains(severity, code) {
			t.Errorf("code %d is not in the order", code)
		}
	}
	for _, test := range []struct {
		codes []int
		want  int
	}{
		{nil, 0}, {[]int{0, 0}, 0}, {[]int{0, 10}, 10}, {[]int{10, 5, 0}, 5}, {[]int{5, 3}, 3}, {[]int{5, 4, 3}, 4}, {[]int{3, 7}, 7}, {[]int{7, 4}, 4},
		{[]int{4, 2}, 2}, {[]int{2, 1}, 1}, {[]int{4, 6, 1}, 6}, {[]int{6, 130}, 130}, {[]int{7, 5}, 7},
	} {
		if got := Worst(test.codes...); got != test.want {
			t.Errorf("%v end with %d, want %d", test.codes, got, test.want)
		}
	}
}

// The exit code for a history is that of the error or the run behind it.
func TestOfHealth(t *testing.T) {
	failing := func(status string) *ask.TenantHealth {
		return &ask.TenantHealth{Condition: ask.Failing, Health: &ask.Health{Last: &store.Run{Status: status}}}
	}
	for _, c := range []struct {
		tenant *ask.TenantHealth
		want   int
	}{
		{&ask.TenantHealth{Condition: ask.Unreadable, Err: store.ErrNoDatabase}, WrongUse},
		{&ask.TenantHealth{Condition: ask.Unreadable, Err: engine.ErrBusy}, Busy},
		{&ask.TenantHealth{Condition: ask.Unreadable, Err: engine.ErrDamaged}, Damaged},
		{&ask.TenantHealth{Condition: ask.Damaged, Health: &ask.Health{}, Err: engine.ErrDamaged}, Damaged},
		{&ask.TenantHealth{Condition: ask.NeverRun, Health: &ask.Health{}}, WrongUse},
		{failing(store.Failed), Failed},
		{failing(store.Incomplete), Incomplete},
		{&ask.TenantHealth{Condition: ask.Stale, Health: &ask.Health{}}, Failed},
		{&ask.TenantHealth{Condition: ask.Partial, Health: &ask.Health{}}, Done},
		{&ask.TenantHealth{Condition: ask.Healthy, Health: &ask.Health{}}, Done},
	} {
		if got := OfHealth(c.tenant); got != c.want {
			t.Errorf("%s, %v: %d, want %d", c.tenant.Condition, c.tenant.Err, got, c.want)
		}
	}
}
