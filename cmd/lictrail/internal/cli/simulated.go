package cli

import (
	"strings"

	"lictrail/graph"
	"lictrail/graph/graphtest"
)

// SimulatedReader reads a simulated tenant at its base URL through the real client.
func SimulatedReader(base string) (Reader, error) {
	getenv := func(string) string { return graphtest.DefaultToken }
	credential, err := graph.NewCredential("token", graph.CredentialOptions{Getenv: getenv})
	if err != nil {
		return Reader{}, err
	}
	client, err := graph.New(graph.Options{Endpoint: strings.TrimSuffix(base, "/v1.0"), Credential: credential, Unpaced: true})
	return Reader{client}, err
}
