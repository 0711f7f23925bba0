package store

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lictrail/migrations"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

var flips = flag.Int("flips", 200, "how many bytes TestR8 flips; docs/reliability.md has the figures of 10000")

// R8: bytes flipped, pages zeroed, swapped and cut. Whatever changes what the
// history says must be seen; most damage changes nothing that anybody reads.
func TestR8_Damage(t *testing.T) {
	t.Parallel()
	db := erasedHistory(t)
	want := evidenceOf(t, db)
	path := db.Path()
	closeDB(t, db)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := &damage{good: good, want: want, outcomes: map[string]int{}}
	rng := rand.New(rand.NewPCG(8, 8))
	d.all(t, "byte flipped", *flips, func(int) []byte {
		bad := slices.Clone(good)
		bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		return bad
	})
	const page = 4096
	pages := len(good) / page
	d.all(t, "page zeroed", pages, func(i int) []byte {
		bad := slices.Clone(good)
		clear(bad[i*page : (i+1)*page])
		return bad
	})
	d.all(t, "page swapped with the next", pages-1, func(i int) []byte {
		bad := slices.Clone(good)
		copy(bad[i*page:], good[(i+1)*page:(i+2)*page])
		copy(bad[(i+1)*page:], good[i*page:(i+1)*page])
		return bad
	})
	d.all(t, "file cut before a page", pages, func(i int) []byte { return slices.Clone(good[:i*page]) })
	n := d.outcomes
	t.Logf("R8: %d flips, %d others: %d refused, %d found by verify, %d without a change of any row, %d unseen, %d panics",
		*flips, 3*pages-1, n[outRefused], n[outFound], n[outSame], n[outUnseen], n[outPanic])
}

// evidenceOf is the content less the fingerprints of users, which are derived:
// replaying checks them.
func evidenceOf(t *testing.T, db *DB) map[string][]string {
	t.Helper()
	all := content(t, db)
	for _, d := range ledger.Tables {
		if strings.HasPrefix(d.Why, "no evidence") {
			delete(all, d.Name)
		}
	}
	all["user"] = column(t, db, "SELECT id || ' ' || hex(object_id) || ' ' || typeof(object_id) FROM user ORDER BY id")
	return all
}

// damage is a history that is damaged in many ways.
type damage struct {
	good     []byte
	want     map[string][]string
	outcomes map[string]int // of all kinds of damage
}

// What becomes of a damaged history.
const (
	outRefused = "refused" // it cannot be opened
	outFound   = "found"   // verify finds it
	outSame    = "same"    // every row is as it was
	outUnseen  = "unseen"  // a row is not, and nobody tells
	outPanic   = "panic"
)

// all damages the history in n ways of a kind, two at a time.
func (d *damage) all(t *testing.T, kind string, n int, spoil func(i int) []byte) {
	t.Helper()
	counts, work := map[string]int{}, make(chan []byte)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for worker := range 2 {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", worker))
		wg.Go(func() {
			for bad := range work {
				outcome := d.try(t, path, bad)
				mu.Lock()
				counts[outcome]++
				d.outcomes[outcome]++
				mu.Unlock()
			}
		})
	}
	for i := range n {
		work <- spoil(i)
	}
	close(work)
	wg.Wait()
	t.Logf("%-27s %6d tried, %5d refused, %5d found by verify, %5d without a change of any row, %d unseen, %d panics",
		kind, n, counts[outRefused], counts[outFound], counts[outSame], counts[outUnseen], counts[outPanic])
	if counts[outUnseen] > 0 || counts[outPanic] > 0 {
		t.Errorf("%s: %d unseen, %d panics", kind, counts[outUnseen], counts[outPanic])
	}
	if counts[outRefused]+counts[outFound] == 0 {
		t.Errorf("%s: nothing was ever found, which proves nothing", kind)
	}
}

func (d *damage) try(t *testing.T, path string, bad []byte) (outcome string) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v\n%s", p, debug.Stack())
			outcome = outPanic
		}
	}()
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		os.Remove(path + suffix)
	}
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Error(err)
	}
	db, err := OpenReadOnly(t.Context(), path, migrations.Check)
	if err != nil {
		if told := []error{engine.ErrDamaged, migrations.ErrNewer, migrations.ErrOlder, migrations.ErrForeign, migrations.ErrEmpty, migrations.ErrPlanted}; !slices.ContainsFunc(told, func(kind error) bool { return errors.Is(err, kind) }) {
			t.Errorf("opened: %v", err)
		}
		return outRefused
	}
	defer db.Close()
	v, err := db.Verify(t.Context(), migrations.Apply, "")
	if err != nil {
		t.Errorf("verified: %v", err)
		return outFound
	}
	if len(v.Findings) > 0 {
		return outFound
	}
	if cmp.Equal(d.want, evidenceOf(t, db)) {
		return outSame
	}
	return outUnseen
}
