package cli

import (
	"fmt"
	"os"
	"syscall"
)

// peakMemory is the most memory that a process held at a time.
func peakMemory(p *os.ProcessState) string {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return "not known"
	}
	return fmt.Sprintf("%d MB", usage.Maxrss>>10)
}
