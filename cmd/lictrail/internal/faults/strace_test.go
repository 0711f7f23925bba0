package faults

import (
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func needStrace(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("strace")
	need(t, err == nil, "strace is not installed (Debian: apt-get install strace), or this is not Linux")
}

// fileCalls are the system calls by which files can be harmed. The driver
// opens with open, not openat.
var fileCalls = []string{
	"open", "openat", "lstat", "stat", "fstat", "newfstatat", "pread64", "pwrite64", "write", "fsync", "fdatasync",
	"ftruncate", "fchmod", "unlink", "unlinkat", "fcntl", "rename", "renameat", "renameat2", "linkat", "close",
	"read", "lseek", "access", "readlinkat", "fchown", "flock",
}

// roomCalls are those of them that a full disk can fail.
var roomCalls = []string{"open", "openat", "pwrite64", "write", "fsync", "fdatasync", "ftruncate", "rename", "renameat", "renameat2", "linkat", "close"}

// traced names system calls for strace; the question mark is for machines that
// lack one.
func traced(names ...string) string { return "trace=?" + strings.Join(names, ",?") }

// calls counts the system calls of a command line, of those given, by thread:
// strace counts by thread, too. What follows the last one that is not on a
// connection or an event does not count: how many there are is never the same.
func calls(t *testing.T, dir string, names []string, args ...string) map[string]int {
	t.Helper()
	log := dir + ".strace"
	defer os.Remove(log)
	// As a strike does it: with --seccomp-bpf threads would be faster, and share
	// the calls otherwise.
	r := execute(t, dir, []string{"strace", "-f", "-y", "-qq", "-o", log, "-e", traced(names...)}, args...)
	if r.code != 0 {
		t.Fatalf("strace %q: %v", args, r)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	byThread, most := map[string]int{}, map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^(\d+) +(\w+)\((\d+<(socket|anon_inode):)?`).FindAllStringSubmatch(string(text), -1) {
		thread, name, onConnection := m[1], m[2], m[3] != ""
		byThread[thread+" "+name]++
		if !onConnection {
			most[name] = max(most[name], byThread[thread+" "+name])
		}
	}
	return most
}

// point is one occurrence of a system call.
type point struct {
	call string
	n    int
}

// all is the number of points to strike when none is left out.
const all = math.MaxInt

// points lists the occurrences to strike, at most so many: evenly spread over
// those of each call.
func points(counts map[string]int, most int) []point {
	total := 0
	for _, n := range counts {
		total += n
	}
	var chosen []point
	for _, call := range slices.Sorted(maps.Keys(counts)) {
		n := counts[call]
		take := n
		if total > most {
			take = max(1, min(n, most*n/total))
		}
		for i := range take {
			chosen = append(chosen, point{call, 1 + i*n/take})
		}
	}
	return chosen
}

// strike runs a command line with a fault injected into one system call, and
// reports whether the fault struck: threads share the calls differently each
// time, so that an occurrence may not come.
func strike(t *testing.T, dir string, p point, fault, when string, args ...string) (result, bool) {
	t.Helper()
	log := dir + ".strace"
	defer os.Remove(log)
	// Not with --seccomp-bpf: it makes strace 6.1 forget the count of occurrences.
	r := execute(t, dir, []string{"strace", "-f", "-qq", "-o", log, "-e", traced(p.call),
		"-e", fmt.Sprintf("inject=%s:%s:when=%d%s", p.call, fault, p.n, when)}, args...)
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return r, r.killed || strings.Contains(string(text), "(INJECTED)")
}
