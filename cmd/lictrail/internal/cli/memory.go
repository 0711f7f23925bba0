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
	if getenv("GOGC") != "" || getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	percent, limit := debug.SetGCPercent(400), debug.SetMemoryLimit(memoryLimit)
	var ended atomic.Bool
	afterEachCollection(func() bool {
		if !ended.Load() {
			debug.SetMemoryLimit(max(memoryLimit, 2*liveBytes()))
		}
		return !ended.Load()
	})
	return func() {
		ended.Store(true)
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// memoryLimit is what Go may use while little is kept. SQLite's caches come on top.
const memoryLimit = 64 << 20

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
