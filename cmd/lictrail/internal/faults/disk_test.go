package faults

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// sizeOf is what a folder's files take.
func sizeOf(t *testing.T, dir string) int64 {
	t.Helper()
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		sum += (info.Size() + 4095) / 4096 * 4096
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestR5_DiskFull runs on file systems of all sizes from one that has no room
// at all to one that has enough.
func TestR5_DiskFull(t *testing.T) {
	onlyHeavy(t)
	need(t, os.Geteuid() == 0, "mounting a small file system needs root")
	w := newWorld(t)
	var sum tally
	codes := map[int]int{}
	const step = 32 << 10
	for _, s := range w.scenes() {
		start := int64(0)
		if s.from != "" {
			start = sizeOf(t, s.from)
		}
		enough := false
		for room := start; !enough && room < start+(8<<20); room += step {
			onDisk(t, room, func(dir string, grow func()) {
				if s.from != "" {
					copyInto(t, s.from, dir)
				}
				r := execute(t, dir, nil, w.syncArgs(dir)...)
				sum.points++
				enough = r.code == 0
				if s.from == "" {
					grow() // a reader, too, needs room for an index, which a history has already
				}
				found := w.judge(t, dir, s.old, s.new)
				switch {
				case found == isTorn || r.code == 0 && found != isNew:
					sum.torn++
					t.Errorf("%s, %d bytes: history is %s: %v", s.name, room, found, r)
				case r.code != 0:
					codes[r.code]++
				}
				grow()
				if !w.recovers(t, dir, s.new) {
					sum.unrecovered++
				}
			})
		}
		if !enough {
			t.Errorf("%s: no size was enough", s.name)
		}
	}
	if len(codes) != 1 || codes[1] == 0 {
		t.Errorf("exit codes of full disks: %v, want 1 alone", codes)
	}
	publish(t, "R5", "a disk that is full at the start, in every phase, and just not", "prior data intact 100 %, one exit code",
		"%d sizes in steps of %d KB: %d torn, %d unrecovered once there was room, %d failures with exit code 1, %d kinds of others",
		sum.points, step>>10, sum.torn, sum.unrecovered, codes[1], len(codes)-1)
}

// onDisk mounts a file system of a size and hands over its folder.
func onDisk(t *testing.T, size int64, do func(dir string, grow func())) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lictrail-faults-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	options := fmt.Sprintf("size=%d,mode=0700", max(size, 4096))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatalf("cannot run: mounting a tmpfs: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	}()
	do(dir, func() {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
			t.Errorf("remount: %v", err)
		}
	})
}

// TestR6_WriteError limits the size of files: a write then fails in its middle.
func TestR6_WriteError(t *testing.T) {
	onlyHeavy(t)
	_, err := exec.LookPath("prlimit")
	need(t, err == nil, "prlimit is not installed (Debian: util-linux)")
	var sum tally
	codes := map[int]int{}
	limited := func(w *world, s scene, step int) {
		enough := false
		for limit := 0; !enough && limit < 64<<20; limit += step {
			s.in(t, func(dir string) {
				r := execute(t, dir, []string{"prlimit", fmt.Sprintf("--fsize=%d", limit)}, w.syncArgs(dir)...)
				enough = r.code == 0
				if r.code != 0 {
					codes[r.code]++
				}
				sum.take(t, w, s, dir, r, limit)
			})
		}
		if !enough {
			t.Errorf("%s: no limit was enough", s.name)
		}
	}
	w, crowd := newWorld(t), newCrowd(t)
	for i, s := range w.scenes() {
		limited(w, s, 32<<10)
		limited(crowd, crowd.scenes()[i], 1<<20)
	}
	if len(codes) != 1 || codes[1] == 0 {
		t.Errorf("exit codes: %v, want 1 alone", codes)
	}
	publish(t, "R6", "writes that fail at a limit of the file's size (RLIMIT_FSIZE), of 20 users and of 2,520, who do not fit SQLite's cache", "prior data intact 100 %, one exit code",
		"%d limits: %d torn, %d false successes, %d unrecovered, %d failures with exit code 1, %d kinds of others",
		sum.points, sum.torn, sum.falseSuccess, sum.unrecovered, codes[1], len(codes)-1)
}

// TestR7_DurableBeforeSuccess watches that what was written is made durable
// before the program says success. That every connection asks for it is held
// by the store's own tests of its pragmas.
func TestR7_DurableBeforeSuccess(t *testing.T) {
	needStrace(t)
	w := newWorld(t)
	log := filepath.Join(t.TempDir(), "strace")
	syncs := 0
	for _, s := range w.scenes() {
		s.in(t, func(dir string) {
			r := execute(t, dir, []string{"strace", "-f", "-y", "--seccomp-bpf", "-qq", "-o", log,
				"-e", traced("pwrite64", "fsync", "fdatasync")}, w.syncArgs(dir)...)
			if r.code != 0 {
				t.Fatal(r)
			}
			text, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			dirty := map[string]bool{}
			for _, m := range regexp.MustCompile(`(?m)(pwrite64|fsync|fdatasync)\(\d+<([^>]*t\.db[^>]*)>`).FindAllStringSubmatch(string(text), -1) {
				if strings.HasSuffix(m[2], "-shm") || strings.HasSuffix(m[2], ".lock") {
					continue // the first is made anew after a crash, the second only says who is at work
				}
				dirty[m[2]] = m[1] == "pwrite64"
				if m[1] != "pwrite64" {
					syncs++
				}
			}
			if len(dirty) < 2 {
				t.Errorf("saw only %v written", dirty)
			}
			for file, unsynced := range dirty {
				if unsynced && !strings.Contains(file, "spool") {
					t.Errorf("%s: %s was written to after its last fsync", s.name, filepath.Base(file))
				}
			}
		})
	}
	publish(t, "R7", "every write to database and WAL has an fsync behind it before exit 0", "≥ 1 a commit", "%d fsyncs in 2 runs, 0 writes without", syncs)
}
