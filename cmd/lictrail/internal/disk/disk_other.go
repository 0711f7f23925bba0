//go:build !linux && !darwin && !windows

package disk

// Of describes the volume that holds an existing file or folder.
func Of(string) (Volume, error) { return Volume{}, ErrUnknown }
