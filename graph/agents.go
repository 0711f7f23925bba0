package graph

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"lictrail/snapshot"
)

// Agents lists the agent users: user objects of the derived type agentUser
// (learn.microsoft.com/graph/api/agentuser-list). That plain /users names their
// type, no page says. offered is false where this Graph does not know the type.
func (c *Client) Agents(ctx context.Context) (agents []snapshot.UserID, offered bool, err error) {
	type wireAgent struct {
		ID guid `json:"id"`
	}
	first := c.template("{+baseurl}/users/microsoft.graph.agentUser{?%24select,%24top}", map[string]any{"%24select": "id", "%24top": strconv.Itoa(int(c.opts.PageSize))})
	agents, err = collect(ctx, c, opAgents, first, func(id snapshot.UserID) string { return string(id) },
		func(w *wireAgent) (snapshot.UserID, error) {
			row := rowProblem{kind: "agent user", name: w.ID.text}
			return snapshot.UserID(row.id("id", w.ID)), row.err
		})
	if e := (*Error)(nil); errors.As(err, &e) && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound) {
		return nil, false, nil
	}
	return agents, err == nil, err
}
