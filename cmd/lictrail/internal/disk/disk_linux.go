package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

type kind struct {
	name    string
	network bool
}

// kinds are the file systems by the number that statfs gives. Those written as
// numbers have no name in the kernel's headers for programs: statfs(2).
var kinds = map[uint32]kind{
	unix.EXT4_SUPER_MAGIC: {"ext4", false}, unix.XFS_SUPER_MAGIC: {"xfs", false}, unix.BTRFS_SUPER_MAGIC: {"btrfs", false}, 0x2FC12FC1: {"zfs", false},
	unix.TMPFS_MAGIC: {"tmpfs", false}, unix.OVERLAYFS_SUPER_MAGIC: {"overlay", false}, unix.F2FS_SUPER_MAGIC: {"f2fs", false}, unix.BCACHEFS_SUPER_MAGIC: {"bcachefs", false},
	unix.MSDOS_SUPER_MAGIC: {"vfat", false}, unix.EXFAT_SUPER_MAGIC: {"exfat", false}, 0x5346544E: {"ntfs", false}, 0x7366746E: {"ntfs3", false},
	unix.NFS_SUPER_MAGIC: {"nfs", true}, unix.SMB_SUPER_MAGIC: {"smb", true}, unix.CIFS_SUPER_MAGIC: {"cifs", true}, unix.SMB2_SUPER_MAGIC: {"smb2", true},
	unix.V9FS_MAGIC: {"9p", true}, unix.CEPH_SUPER_MAGIC: {"ceph", true}, unix.AFS_SUPER_MAGIC: {"afs", true}, unix.AFS_FS_MAGIC: {"afs", true},
	0x0BD00BD0: {"lustre", true}, 0x01161970: {"gfs2", true}, unix.OCFS2_SUPER_MAGIC: {"ocfs2", true}, unix.CODA_SUPER_MAGIC: {"coda", true},
	0x47504653: {"gpfs", true}, unix.FUSE_SUPER_MAGIC: {"fuse", false},
}

// Of describes the volume that holds an existing file or folder.
func Of(path string) (Volume, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Volume{}, fmt.Errorf("look at the file system of %q: %w", path, err)
	}
	k := kinds[uint32(s.Type)]
	return Volume{Kind: k.name, Network: k.network, Free: s.Bavail * uint64(s.Bsize)}, nil
}
