package cli

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"lictrail/cmd/lictrail/internal/config"
)

// shard is one of several equal shares of a fleet's tenants.
type shard struct{ index, of int }

// parseShard reads I/N: share I of N, from 0 on, as an Indexed Job counts.
func parseShard(text string) (shard, error) {
	wrong := usage(fmt.Sprintf("--shard %q is not a share", text), "--shard 0/4 to --shard 3/4 are the four quarters")
	index, of, ok := strings.Cut(text, "/")
	if !ok {
		return shard{}, wrong
	}
	i, err := strconv.Atoi(index)
	n, errN := strconv.Atoi(of)
	if err != nil || errN != nil || n < 1 || i < 0 || i >= n {
		return shard{}, wrong
	}
	return shard{i, n}, nil
}

// has reports whether a tenant is in the share. It goes by the name alone, so that
// a tenant that comes or goes moves no other.
func (s shard) has(name string) bool {
	h := fnv.New32a()
	h.Write([]byte(name)) // never fails
	return h.Sum32()%uint32(s.of) == uint32(s.index)
}

// share is those of the tenants that --shard asks for; without it all of them.
func (e *env) share(tenants []config.Tenant) ([]config.Tenant, error) {
	if e.shard == "" {
		return tenants, nil
	}
	s, err := parseShard(e.shard)
	if err != nil {
		return nil, err
	}
	var mine []config.Tenant
	for _, t := range tenants {
		if s.has(t.Name) {
			mine = append(mine, t)
		}
	}
	e.Notef("shard %s: %d of %d tenants", e.shard, len(mine), len(tenants))
	return mine, nil
}
