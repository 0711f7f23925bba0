package disk

import (
	"fmt"
	"path/filepath"
	"syscall"
	"unsafe"
)

var (
	kernel       = syscall.NewLazyDLL("kernel32.dll")
	driveType    = kernel.NewProc("GetDriveTypeW")
	freeSpace    = kernel.NewProc("GetDiskFreeSpaceExW")
	driveKinds   = map[uintptr]string{2: "removable", 3: "fixed", 4: "network", 5: "optical", 6: "memory"}
	driveNetwork = uintptr(4) // DRIVE_REMOTE
)

// Of tells about the volume that holds an existing file or folder.
func Of(path string) (Volume, error) {
	folder, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return Volume{}, err
	}
	root, err := syscall.UTF16PtrFromString(filepath.VolumeName(path) + `\`)
	if err != nil {
		return Volume{}, err
	}
	kind, _, _ := driveType.Call(uintptr(unsafe.Pointer(root)))
	var free uint64
	if ok, _, err := freeSpace.Call(uintptr(unsafe.Pointer(folder)), uintptr(unsafe.Pointer(&free)), 0, 0); ok == 0 {
		return Volume{}, fmt.Errorf("look at the file system of %q: %w", path, err)
	}
	return Volume{Kind: driveKinds[kind], Network: kind == driveNetwork, Free: free}, nil
}
