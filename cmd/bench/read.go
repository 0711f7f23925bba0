package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"lictrail/cmd/bench/yardstick"
	"lictrail/graph"
	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// timeRead reads the users of the simulated tenant at url and throws them away:
// as the SDK's typed models, as plain structs, or with lictrail's decoder.
func timeRead(ctx context.Context, url, kind string, limit int) (*read, error) {
	source := yardstick.Source{Endpoint: url, Token: graphtest.DefaultToken, Fields: graph.UserFields(), Limit: limit}
	reader := map[string]func(context.Context, yardstick.Source) (int, error){
		"models": yardstick.Models, "structs": yardstick.Structs, "decoder": decode,
	}[kind]
	if reader == nil {
		return nil, fmt.Errorf("unknown kind of read %q", kind)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	n, err := reader(ctx, source)
	if err != nil {
		return nil, err
	}
	seconds := time.Since(start).Seconds()
	runtime.ReadMemStats(&after)
	users := float64(n)
	return &read{
		Users: n, Seconds: seconds, PerSecond: users / seconds,
		AllocsAUser: float64(after.Mallocs-before.Mallocs) / users,
		BytesAUser:  float64(after.TotalAlloc-before.TotalAlloc) / users,
	}, nil
}

func decode(ctx context.Context, s yardstick.Source) (int, error) {
	getenv := func(string) string { return s.Token }
	credential, err := graph.NewCredential("token", graph.CredentialOptions{Getenv: getenv})
	if err != nil {
		return 0, err
	}
	client, err := graph.New(graph.Options{Endpoint: strings.TrimSuffix(s.Endpoint, "/v1.0"), Credential: credential})
	if err != nil {
		return 0, err
	}
	defer client.Close()
	stats, err := client.Users(ctx, snapshot.KnownRows{}, func([]snapshot.UserRow) error { return nil }, func() error { return nil })
	return stats.Rows, err
}
