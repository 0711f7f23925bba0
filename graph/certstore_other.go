//go:build !windows

package graph

import "errors"

func openStored(storePlace) (*storedKey, error) {
	return nil, errors.New("only Windows has a certificate store; elsewhere name a file")
}
