//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peakMegabytes is the most memory that a process held at a time.
func peakMegabytes(p *os.ProcessState) float64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	peak := float64(usage.Maxrss)
	if runtime.GOOS != "darwin" { // which counts bytes, the others kilobytes
		peak *= 1024
	}
	return peak / 1e6
}
