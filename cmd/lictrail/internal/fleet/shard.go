package fleet

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/exit"
)

// shard is one of several equal shares of a fleet's tenants.
type shard struct{ index, count int }

// parseShard reads I/N: share I of N, from 0 on, as an Indexed Job of Kubernetes
// counts.
func parseShard(text string) (shard, error) {
	wrong := exit.Usage(fmt.Sprintf("--shard %q is not a share", text), "--shard 0/4 to --shard 3/4 are the four quarters")
	index, count, ok := strings.Cut(text, "/")
	if !ok {
		return shard{}, wrong
	}
	i, err := strconv.Atoi(index)
	n, errN := strconv.Atoi(count)
	if err != nil || errN != nil || n < 1 || i < 0 || i >= n {
		return shard{}, wrong
	}
	return shard{i, n}, nil
}

// has reports whether a tenant is in the share. Only the tenant's name decides, so
// that adding or removing a tenant moves no other one.
func (s shard) has(name string) bool {
	h := fnv.New32a()
	h.Write([]byte(name)) // never fails
	return h.Sum32()%uint32(s.count) == uint32(s.index)
}

// share is the tenants that --shard asks for; without it all of them.
func (c *Command) share(tenants []config.Tenant) ([]config.Tenant, error) {
	if c.Shard == "" {
		return tenants, nil
	}
	s, err := parseShard(c.Shard)
	if err != nil {
		return nil, err
	}
	var mine []config.Tenant
	for _, t := range tenants {
		if s.has(t.Name) {
			mine = append(mine, t)
		}
	}
	c.Notef("shard %s: %d of %d tenants", c.Shard, len(mine), len(tenants))
	return mine, nil
}
