//go:build !unix

package bench

import "os"

// peakMegabytes is not known on this system.
func peakMegabytes(*os.ProcessState) float64 { return 0 }
