package disk

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows"
)

var driveKinds = map[uint32]string{windows.DRIVE_REMOVABLE: "removable", windows.DRIVE_FIXED: "fixed", windows.DRIVE_REMOTE: "network",
	windows.DRIVE_CDROM: "optical", windows.DRIVE_RAMDISK: "memory"}

// Of describes the volume that holds an existing file or folder.
func Of(path string) (Volume, error) {
	folder, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return Volume{}, err
	}
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(path) + `\`)
	if err != nil {
		return Volume{}, err
	}
	kind := windows.GetDriveType(root)
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(folder, &free, nil, nil); err != nil {
		return Volume{}, fmt.Errorf("look at the file system of %q: %w", path, err)
	}
	return Volume{Kind: driveKinds[kind], Network: kind == windows.DRIVE_REMOTE, Free: free}, nil
}
