//go:build !windows

package store

// Here the mode keeps a file to its owner, and SQLite gives what it makes beside
// a database the same mode.

func keep(string) error { return nil }

func keepBeside(string) error { return nil }

func refuseOpen(string) error { return nil }
