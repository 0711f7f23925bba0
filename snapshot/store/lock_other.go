//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package store

// Writing reports whether another process is writing to the history; known is
// false, since this system cannot be asked without writing.
func Writing(string) (writing, known bool, err error) { return false, false, nil }
