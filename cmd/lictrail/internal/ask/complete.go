package ask

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// Completed is a kind of thing whose name a shell can complete.
type Completed string

// The kinds, by the flags that name such a thing.
const (
	CompletedUser  Completed = "user"
	CompletedSKU   Completed = "sku"
	CompletedGroup Completed = "group"
	CompletedPlan  Completed = "plan"
)

var Completions = []Completed{CompletedUser, CompletedSKU, CompletedGroup, CompletedPlan}

// Completion is a name that a shell may put in.
type Completion struct{ Text, Description string }

// maxCompletions is how many people or groups a shell is offered.
const maxCompletions = 50

// Complete finds the names of a kind that begin with a text, as typed so far. Those of
// SKUs and plans are few and all returned.
func Complete(ctx context.Context, b *Book, kind Completed, begun string) ([]Completion, error) {
	var list []Completion
	switch kind {
	case CompletedUser:
		people, err := b.History.CompletePeople(ctx, begun, maxCompletions)
		for _, p := range people {
			list = append(list, Completion{p.UPN, p.Name})
		}
		return list, err
	case CompletedSKU:
		return completions(slices.Collect(maps.Values(b.History.PartNumbers()))), nil
	case CompletedGroup:
		begun = begun[strings.LastIndexByte(begun, ',')+1:] // of a list, the last
		var names []string
		for _, name := range b.History.Groups() {
			if strings.HasPrefix(strings.ToLower(name), strings.ToLower(begun)) && len(names) < maxCompletions {
				names = append(names, name)
			}
		}
		return completions(names), nil
	case CompletedPlan:
		plans, err := tenantPlans(ctx, b)
		for _, id := range plans {
			list = append(list, Completion{Text: b.History.PlanName(id)})
		}
		return list, err
	}
	return nil, nil
}

func completions(names []string) []Completion {
	list := make([]Completion, len(names))
	for i, name := range names {
		list[i] = Completion{Text: name}
	}
	return list
}
