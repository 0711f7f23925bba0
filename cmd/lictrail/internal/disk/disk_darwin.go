package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Of describes the volume that holds an existing file or folder.
func Of(path string) (Volume, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Volume{}, fmt.Errorf("look at the file system of %q: %w", path, err)
	}
	return Volume{Kind: unix.ByteSliceToString(s.Fstypename[:]), Network: s.Flags&unix.MNT_LOCAL == 0, Free: s.Bavail * uint64(s.Bsize)}, nil
}
