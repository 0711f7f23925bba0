//go:build unix

package input

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// openFile does not wait for the other end of a pipe.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

const (
	othersRead  = 0o004
	othersWrite = 0o002
	groupWrite  = 0o020
	superuser   = 0
)

// owner is who owns a file; ok is false where the system does not say.
func owner(info fs.FileInfo) (uid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

// stranger reports whether a file is neither this user's nor the administrator's.
func stranger(info fs.FileInfo) bool {
	uid, ok := owner(info)
	return ok && uid != superuser && uid != os.Geteuid()
}

// guard refuses a file that others may change or, if it is a secret, read. A
// secret that everybody may read is taken from the administrator alone, if that
// is somebody else: so containers are handed theirs, and only the administrator
// could change the mode.
func guard(_ *os.File, path string, info fs.FileInfo, care Care) error {
	mode := info.Mode().Perm()
	uid, _ := owner(info)
	handed := uid == superuser && os.Geteuid() != superuser
	switch {
	case stranger(info):
		return refusal(path, fmt.Sprintf("belongs to another user, uid %d", uid), "run lictrail as the file's owner, or make it yours: chown")
	case mode&(groupWrite|othersWrite) != 0:
		return refusal(path, fmt.Sprintf("may be written by others: it has mode %04o", mode), fmt.Sprintf("chmod %s %s", modeWords(care), path))
	case care == Secret && mode&othersRead != 0 && !handed:
		return refusal(path, fmt.Sprintf("may be read by others: it has mode %04o", mode), fmt.Sprintf("chmod %s %s", modeWords(care), path))
	}
	return guardFolders(path)
}

func modeWords(care Care) string {
	if care == Secret {
		return "600"
	}
	return "go-w"
}

// guardFolders refuses a file in a folder, or below one, in which others may put
// another file in its place. That holds for the path as it is given and for
// where links on it lead.
func guardFolders(path string) error {
	given, err := filepath.Abs(path)
	if err != nil {
		return unreadable(path, err)
	}
	real, err := filepath.EvalSymlinks(given)
	if err != nil {
		return unreadable(path, err)
	}
	link, err := os.Lstat(given)
	if err != nil {
		return unreadable(path, err)
	}
	if stranger(link) {
		return refusal(path, "is another user's link", "name the file itself")
	}
	for _, file := range []string{given, real} {
		for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
			if err := guardFolder(path, dir); err != nil {
				return err
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return nil
}

// guardFolder allows a folder of the administrator's that a group may write: who
// is in that group is the administrator's decision. In a folder with the sticky
// bit, such as /tmp, nobody can replace a file of somebody else's.
func guardFolder(path, dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return unreadable(path, err)
	}
	uid, _ := owner(info)
	mode := info.Mode().Perm()
	open := mode&othersWrite != 0 || mode&groupWrite != 0 && uid != superuser
	switch {
	case stranger(info):
		return refusal(path, fmt.Sprintf("lies in the folder %q, which belongs to another user, uid %d", dir, uid), "move it to a folder of your own")
	case open && info.Mode()&fs.ModeSticky == 0 && !readOnly(dir):
		return refusal(path, fmt.Sprintf("may be replaced by others: the folder %q has mode %04o", dir, mode), "chmod go-w "+dir)
	}
	return nil
}

// readOnly reports whether a folder is on a file system that nobody can write to
// from here, such as a volume that a container was handed.
func readOnly(dir string) bool {
	const write = 2 // access(2)
	return errors.Is(syscall.Access(dir, write), syscall.EROFS)
}

func describe(info fs.FileInfo) string {
	whose := "yours"
	if uid, ok := owner(info); ok && uid != os.Geteuid() {
		whose = fmt.Sprintf("of uid %d", uid)
	}
	return fmt.Sprintf("%s, mode %04o", whose, info.Mode().Perm())
}
