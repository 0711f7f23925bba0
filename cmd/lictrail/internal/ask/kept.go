package ask

import (
	"context"
	"fmt"
	"slices"

	"lictrail/snapshot"
)

// Keeps makes sure that runs have kept an attribute of users by which an answer adds
// up, where it is one of [snapshot.KeptNames]. Times in which none did are gaps of the
// answer; that none ever did is an error.
func (b *Book) Keeps(ctx context.Context, name string) error {
	if !slices.Contains(snapshot.KeptNames, name) {
		return nil
	}
	first, end, err := b.History.KeptSince(ctx, name)
	if err != nil {
		return err
	}
	if first == 0 {
		return refuse(fmt.Sprintf("no run has read %s of users", name), "lictrail sync --attributes "+name+", or attributes = [\""+name+"\"] under [sync] in the file of settings")
	}
	gap := snapshot.Gap{What: snapshot.ReadAttributes, Source: snapshot.ActivitySource(name), Why: snapshot.GapNotAsked, Run: b.History.At.ID}
	if first > b.History.First.ID {
		before := gap
		before.Until = b.History.Runs[first].ObservedUntil
		b.unkept = append(b.unkept, before)
	}
	if end > 0 {
		after := gap
		after.Since = b.History.Runs[end].ObservedUntil
		b.unkept = append(b.unkept, after)
	}
	return nil
}
