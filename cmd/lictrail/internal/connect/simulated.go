package connect

import (
	"strings"

	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/graph/graphtest"
)

// SimulatedReader makes the client of a simulated tenant at its base URL.
func SimulatedReader(base string) (*graph.Client, error) {
	o, err := simulated(strings.TrimSuffix(base, "/v1.0"), graphtest.DefaultToken)
	if err != nil {
		return nil, err
	}
	return graph.New(o)
}

// SimulatedSources has a run read the audit log of a simulated tenant from
// every source there is, through the real clients.
func SimulatedSources(client *graph.Client, activity string, o *track.Options) error {
	options, err := simulated(activity, graphtest.ActivityToken)
	if err != nil {
		return err
	}
	feed, err := graph.NewFeed(options)
	o.Audit, o.Search, o.Feed = client, client, feed
	return err
}

func simulated(endpoint, token string) (graph.Options, error) {
	credential, err := graph.NewCredential("token", graph.CredentialOptions{Getenv: func(string) string { return token }})
	return graph.Options{Endpoint: endpoint, Credential: credential, Unpaced: true}, err
}
