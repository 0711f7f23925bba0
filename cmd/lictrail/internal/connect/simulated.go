package connect

import (
	"strings"

	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/graph/graphtest"
)

// SimulatedReader reads a simulated tenant at its base URL through the real client.
func SimulatedReader(base string) (Reader, error) {
	o, err := simulated(strings.TrimSuffix(base, "/v1.0"), graphtest.DefaultToken)
	if err != nil {
		return Reader{}, err
	}
	client, err := graph.New(o)
	return Reader{client}, err
}

// SimulatedSources has a run read the audit log of a simulated tenant from
// every source there is, through the real clients.
func SimulatedSources(r Reader, activity string, o *track.Options) error {
	options, err := simulated(activity, graphtest.ActivityToken)
	if err != nil {
		return err
	}
	feed, err := graph.NewFeed(options)
	o.Audit, o.Search, o.Feed = r, r.Client, feed
	return err
}

func simulated(endpoint, token string) (graph.Options, error) {
	credential, err := graph.NewCredential("token", graph.CredentialOptions{Getenv: func(string) string { return token }})
	return graph.Options{Endpoint: endpoint, Credential: credential, Unpaced: true}, err
}
