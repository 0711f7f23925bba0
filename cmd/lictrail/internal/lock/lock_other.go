//go:build !unix && !windows

package lock

import "os"

func acquire(string) (*os.File, error) { return nil, errNone }

func letGo(*os.File) {}
