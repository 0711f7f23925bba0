package ask_test

import (
	"runtime"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/graph/graphtest"
	"lictrail/snapshot/store"
)

// TestSeatDays_Memory: the memory that rows by user take does not grow with the length
// of the history.
func TestSeatDays_Memory(t *testing.T) {
	tenant := graphtest.New(3)
	tenant.Populate(40, 4)
	path := synced(t, tenant, 2, func() {}, func() {
		tenant.Advance(16 * 365 * 24 * time.Hour)
	})
	book, err := ask.Open(t.Context(), path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	within, _, err := ask.SeatSpan(book, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	rows, err := ask.SeatDays(t.Context(), book, store.Filter{}, within, ask.Charge{By: "user"})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range rows {
		n++
	}
	more, at := uint64(0), 0
	for range rows {
		if at++; at == n-1 {
			more = max(live(), before) - before
		}
	}
	if n < 10_000 || at != n {
		t.Fatalf("there are %d rows, and then %d", n, at)
	}
	if each := more / uint64(n); each > 50 { // a row kept takes 150 bytes and its texts
		t.Errorf("%d rows take %d bytes, %d each", n, more, each)
	}
	t.Logf("%d rows take %d bytes", n, more)
}
