package ask

import (
	"time"

	"lictrail/snapshot"
)

// CoverageEnd is where the newest run ended, or the last stretch.
func CoverageEnd(run time.Time, stretches []snapshot.Coverage) time.Time {
	end := run
	for _, c := range stretches {
		if c.To.After(end) {
			end = c.To
		}
	}
	return end
}
