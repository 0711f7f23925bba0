package fleet

import (
	"fmt"
	"testing"
)

// TestShard: every tenant is in one share, and in the same one whatever other
// tenants there are.
func TestShard(t *testing.T) {
	for _, n := range []int{1, 2, 7, 50} {
		sizes := make([]int, n)
		for i := range 1000 {
			name, in := fmt.Sprintf("tenant-%d", i), 0
			for k := range n {
				s, err := parseShard(fmt.Sprintf("%d/%d", k, n))
				if err != nil {
					t.Fatal(err)
				}
				if s.has(name) {
					in++
					sizes[k]++
				}
			}
			if in != 1 {
				t.Errorf("%s is in %d shares of %d, want 1", name, in, n)
			}
		}
		for k, size := range sizes {
			if size < 1000/n/3 {
				t.Errorf("share %d of %d has %d of 1000 tenants", k, n, size)
			}
		}
	}
	for _, wrong := range []string{"", "1", "4/4", "-1/4", "1/0", "a/b", "1/4/2", "0.5/2"} {
		if s, err := parseShard(wrong); err == nil {
			t.Errorf("--shard %q is %v, want a refusal", wrong, s)
		}
	}
}
