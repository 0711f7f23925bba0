package disk

import (
	"fmt"
	"strings"
	"syscall"
)

// local is the flag MNT_LOCAL of statfs(2).
const local = 0x1000

// Of tells about the volume that holds an existing file or folder.
func Of(path string) (Volume, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return Volume{}, fmt.Errorf("look at the file system of %q: %w", path, err)
	}
	var kind strings.Builder
	for _, c := range s.Fstypename {
		if c == 0 {
			break
		}
		kind.WriteByte(byte(c))
	}
	return Volume{Kind: kind.String(), Network: s.Flags&local == 0, Free: s.Bavail * uint64(s.Bsize)}, nil
}
