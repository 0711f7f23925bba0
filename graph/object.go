package graph

import (
	"context"
	"io"

	"github.com/go-json-experiment/json"
)

// getObject reads a single object into w, and hands it to check while it can
// still be read again.
func getObject[W any](ctx context.Context, r *reader, build request, check func(*W) error) error {
	return r.fetch(ctx, build, func(body io.Reader) error {
		var wire struct {
			Error *graphError `json:"error"`
			W     W           `json:",embed"`
		}
		dec := newDecoder(body, new(interner).options())
		if err := json.UnmarshalDecode(dec, &wire); err != nil {
			return err
		}
		if wire.Error != nil {
			return wire.Error
		}
		if err := atEnd(dec); err != nil {
			return err
		}
		return check(&wire.W)
	})
}
