package exit

import (
	"slices"
	"testing"
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
