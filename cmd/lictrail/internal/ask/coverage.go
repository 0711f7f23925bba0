package ask

import (
	"time"

	"lictrail/snapshot"
)

// CoverageEnd is where the newest run ended, or the last stretch.
func CoverageEnd(n *Book, stretches []snapshot.Coverage) time.Time {
	end := n.History.At.ObservedUntil
	for _, c := range stretches {
		if c.To.After(end) {
			end = c.To
		}
	}
	return end
}
