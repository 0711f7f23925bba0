//go:build !windows

package private

import "os"

func openUp(path string) error { return os.Chmod(path, 0o644) }
