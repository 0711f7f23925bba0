package graph

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// Agent users are read by the cast, page by page. A Graph that does not know the type
// has none to offer; a refusal is an error.
func TestAgents(t *testing.T) {
	tenant := graphtest.New(1)
	tenant.AddUser(tenant.Admins[0], graphtest.UserSpec{Name: "Ann"})
	var want []snapshot.UserID
	for _, name := range []string{"Joiner", "Mover", "Leaver"} {
		want = append(want, snapshot.UserID(tenant.AddAgent(tenant.Admins[0], name).ID))
	}
	slices.Sort(want)
	_, c := simulate(t, tenant, func(o *Options) { o.PageSize = 2 })
	agents, offered, err := c.Agents(t.Context())
	slices.Sort(agents)
	if err != nil || !offered || !slices.Equal(agents, want) {
		t.Errorf("%v, %v, %v, want %v", agents, offered, err, want)
	}

	_, c = simulate(t, tenant, func(*Options) {}, graphtest.WithScopes("Group.Read.All"))
	if _, _, err := c.Agents(t.Context()); !errors.Is(err, ErrAuth) {
		t.Errorf("without permission: %v", err)
	}

	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound} {
		s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error":{"code":"BadRequest","message":"Resource not found for the segment 'microsoft.graph.agentUser'."}}`)
		})
		c, err := New(Options{Endpoint: s.URL, Credential: &fakeToken{tokens: []string{"secret"}}})
		if err != nil {
			t.Fatal(err)
		}
		if agents, offered, err := c.Agents(t.Context()); err != nil || offered || agents != nil {
			t.Errorf("a Graph that answers %d: %v, %v, %v", status, agents, offered, err)
		}
	}
}
