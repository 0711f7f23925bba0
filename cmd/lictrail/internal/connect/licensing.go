package connect

import (
	"context"
	"fmt"

	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/snapshot"
)

// licensing reads the cloud licensing API.
func (c *Connection) licensing(cloud graph.Cloud, client *graph.Client) track.LicensingReader {
	return licensingReader{client, c.Cloud, cloud.Lacks(graph.FeatureLicensing)}
}

// licensingReader lets the tracker read the API.
type licensingReader struct {
	client *graph.Client
	cloud  string
	why    error // why there is none; nil where there may be
}

// offered asks, unless the cloud has none. A Graph that does not know the API has none
// for this tenant, which is no failure.
func offered[T any](r licensingReader, ask func() ([]T, error)) ([]T, error) {
	if r.why != nil {
		return nil, r.why
	}
	all, err := ask()
	if graph.NotOffered(err) {
		err = fmt.Errorf(snapshot.NotInCloudFormat+" cloud licensing API for this tenant: %w", r.cloud, err)
	}
	return all, err
}

func (r licensingReader) Allotments(ctx context.Context) ([]snapshot.Allotment, error) {
	return offered(r, func() ([]snapshot.Allotment, error) { return r.client.Allotments(ctx) })
}

func (r licensingReader) AllotmentAssignments(ctx context.Context) ([]snapshot.AllotmentAssignment, error) {
	return offered(r, func() ([]snapshot.AllotmentAssignment, error) { return r.client.AllotmentAssignments(ctx) })
}

// WaitingMembers does not take an allotment that Graph does not know for an API that
// it does not have: allotments may go between two requests.
func (r licensingReader) WaitingMembers(ctx context.Context, allotment snapshot.AllotmentID) ([]snapshot.WaitingMember, error) {
	return r.client.WaitingMembers(ctx, allotment)
}

func (r licensingReader) AssignmentErrors(ctx context.Context) ([]snapshot.AssignmentError, error) {
	return offered(r, func() ([]snapshot.AssignmentError, error) { return r.client.AssignmentErrors(ctx) })
}
