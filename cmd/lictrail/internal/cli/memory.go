package cli

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// collectLazily lets a command throw much away before it is collected: a listing
// keeps next to nothing, and collected at the usual pace that took a fifth of its
// time. The heap is held below a limit meanwhile, which grows with what is really
// kept: a fixed one would make a large answer spend its time on collecting.
func collectLazily(getenv func(string) string) (restore func()) {
	return collectBelow(getenv, 64<<20, 2)
}

// collectForRun is collectLazily for a run. When it comes to keep much it is collected
// more often than usual, which would let the heap grow to twice of that.
func collectForRun(getenv func(string) string) (restore func()) {
	return collectBelow(getenv, 96<<20, 1.5)
}

// collectBelow collects when five times of what is kept is in use, or the limit is
// reached.
func collectBelow(getenv func(string) string, least int64, times float64) (restore func()) {
	if getenv("GOGC") != "" || getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	percent, unlimited := debug.SetGCPercent(400), limitHeap(least, times)
	return func() {
		unlimited()
		debug.SetGCPercent(percent)
	}
}

// limitHeap sets a soft limit of what Go may use: least, and as many times what the
// last collection left. SQLite's caches come on top.
func limitHeap(least int64, times float64) (restore func()) {
	limit := debug.SetMemoryLimit(least)
	var ended atomic.Bool
	afterEachCollection(func() bool {
		if !ended.Load() {
			debug.SetMemoryLimit(max(least, int64(times*float64(liveBytes()))))
		}
		return !ended.Load()
	})
	return func() {
		ended.Store(true)
		debug.SetMemoryLimit(limit)
	}
}

// afterEachCollection calls do after every collection, until it returns false.
func afterEachCollection(do func() bool) {
	type marker struct{ _ [64]byte } // large enough not to share an allocation
	runtime.AddCleanup(new(marker), func(do func() bool) {
		if do() {
			afterEachCollection(do)
		}
	}, do)
}

// liveBytes is what the last collection left.
func liveBytes() int64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(min(live[0].Value.Uint64(), math.MaxInt64/4))
}
