package snapshot

import (
	"slices"
	"testing"
)

// TestDraws: who loses a license when subscription "ends" lapses. "goes" goes on,
// "before" has ended by then, of any other nothing is known.
func TestDraws(t *testing.T) {
	pool := func(id AllotmentID, sku SKUID, subscriptions ...string) Allotment {
		a := Allotment{ID: id, SKU: sku}
		for _, s := range subscriptions {
			a.Subscriptions = append(a.Subscriptions, AllotmentSubscription{ID: s})
		}
		return a
	}
	allotments := []Allotment{
		pool("A", "e3", "ends"), pool("B", "e3", "goes"), pool("C", "e3", "ends", "goes"), pool("D", "e3"), pool("E", "e3", "before"),
		pool("F", "e3", "ends", "before"), pool("G", "e3", "strange"), pool("V", "visio", "goes"), pool("bare", ""),
		{ID: "third", PartNumber: "FABRIKAM"}, {ID: "named", PartNumber: "spe_e3"},
	}
	direct, group, other, untold := PathRef{Kind: Direct}, PathRef{Kind: ByGroup, Group: "staff"}, PathRef{Kind: ByGroup, Group: "other"}, PathRef{Kind: Unknown}
	ann, staff := Holder{HeldByUser, "ann"}, Holder{HeldByGroup, "staff"}
	type draw struct {
		by Holder
		on AllotmentID
	}
	for _, c := range []struct {
		name  string
		paths []PathRef
		draws []draw
		want  Fate
	}{
		{"on the one that ends", []PathRef{direct}, []draw{{ann, "A"}}, FateLost},
		{"on the one that goes on", []PathRef{direct}, []draw{{ann, "B"}}, FateKept},
		{"on both", []PathRef{direct}, []draw{{ann, "A"}, {ann, "B"}}, FateKept},
		{"an allotment that both back", []PathRef{direct}, []draw{{ann, "C"}}, FateUnknown},
		{"one that both back, and one that goes on", []PathRef{direct}, []draw{{ann, "C"}, {ann, "B"}}, FateKept},
		{"one that both back, and one that ends", []PathRef{direct}, []draw{{ann, "C"}, {ann, "A"}}, FateUnknown},
		{"what backs it is not told", []PathRef{direct}, []draw{{ann, "D"}}, FateUnknown},
		{"on one that ended before", []PathRef{direct}, []draw{{ann, "E"}}, FateLost},
		{"on two that end", []PathRef{direct}, []draw{{ann, "F"}}, FateLost},
		{"a subscription of which nothing is known", []PathRef{direct}, []draw{{ann, "G"}}, FateUnknown},
		{"by a group", []PathRef{group}, []draw{{staff, "A"}}, FateLost},
		{"by a group, on the other", []PathRef{group}, []draw{{staff, "B"}}, FateKept},
		{"directly and by a group, on different ones", []PathRef{direct, group}, []draw{{ann, "A"}, {staff, "B"}}, FateKept},
		{"directly and by a group, both end", []PathRef{direct, group}, []draw{{ann, "A"}, {staff, "A"}}, FateLost},
		{"the group's is not listed", []PathRef{direct, other}, []draw{{ann, "A"}}, FateUnknown},
		{"no assignment is listed", []PathRef{direct}, nil, FateUnknown},
		{"the path is not told", []PathRef{untold}, []draw{{ann, "A"}}, FateUnknown},
		{"a path that is not told beside one that is kept", []PathRef{untold, direct}, []draw{{ann, "B"}}, FateKept},
		{"an assignment without a path", []PathRef{group}, []draw{{ann, "A"}, {staff, "A"}}, FateUnknown},
		{"another SKU's does not help", []PathRef{direct}, []draw{{ann, "A"}, {ann, "V"}}, FateLost},
		{"another vendor's does not help", []PathRef{direct}, []draw{{ann, "A"}, {ann, "third"}}, FateLost},
		{"one that may be of the SKU might help", []PathRef{direct}, []draw{{ann, "A"}, {ann, "bare"}}, FateUnknown},
		{"one of the same name might help", []PathRef{direct}, []draw{{ann, "A"}, {ann, "named"}}, FateUnknown},
		{"one without an allotment might help", []PathRef{direct}, []draw{{ann, "A"}, {ann, ""}}, FateUnknown},
		{"the group's other one might help", []PathRef{group}, []draw{{staff, "A"}, {staff, "not listed"}}, FateUnknown},
		{"somebody else's says nothing", []PathRef{direct}, []draw{{ann, "A"}, {Holder{HeldByUser, "bob"}, "B"}}, FateLost},
		{"what the group of somebody else draws on says nothing", []PathRef{direct}, []draw{{ann, "A"}, {staff, "B"}}, FateLost},
		{"no path at all", nil, nil, FateUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			var assignments []AllotmentAssignment
			for _, d := range c.draws {
				assignments = append(assignments, AllotmentAssignment{Allotment: d.on, Holder: d.by})
			}
			if got := NewDraws("e3", "SPE_E3", allotments, assignments).Of("ann", c.paths, lapsing); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	device := func(id string, on ...AllotmentID) (all []AllotmentAssignment) {
		for _, a := range on {
			all = append(all, AllotmentAssignment{Allotment: a, Holder: Holder{HeldByDevice, id}})
		}
		return all
	}
	// Two allotments serve the group: it is another one's license that ann waits for.
	both := []AllotmentAssignment{{Allotment: "A", Holder: staff}, {Allotment: "B", Holder: staff}}
	for _, c := range []struct {
		name  string
		queue []WaitingMember
		known bool
		want  Fate
	}{
		{"nobody waits", nil, true, FateKept},
		{"she waits for the one that goes on", []WaitingMember{{Allotment: "B", Holder: ann}}, true, FateLost},
		{"she waits for the one that ends", []WaitingMember{{Allotment: "A", Holder: ann}}, true, FateKept},
		{"another waits", []WaitingMember{{Allotment: "B", Holder: Holder{HeldByUser, "bob"}}}, true, FateKept},
		{"somebody waits", []WaitingMember{{Allotment: "B", Holder: Holder{Kind: HeldByOther}}}, true, FateUnknown},
		{"a device waits", []WaitingMember{{Allotment: "B", Holder: Holder{HeldByDevice, "pc"}}}, true, FateKept},
		{"who waits is not known", nil, false, FateUnknown},
	} {
		d := NewDraws("e3", "SPE_E3", allotments, both)
		if c.known {
			d.Queue(c.queue)
		}
		if got := d.Of("ann", []PathRef{group}, lapsing); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	d := NewDraws("e3", "SPE_E3", allotments, slices.Concat(device("pc2", "A"), device("pc1", "A", "F"), device("kept", "A", "B"), device("vague", "A", "bare"), device("visio", "V")))
	if got := d.Devices(lapsing); !slices.Equal(got, []string{"pc1", "pc2"}) {
		t.Errorf("devices %v", got)
	}
	if !d.Backs("ends") || d.Backs("elsewhere") {
		t.Error("which subscriptions back the SKU")
	}
}

var lapsing = Lapsing{"ends", func(id string) (lasts, known bool) { return id == "goes", id == "goes" || id == "before" }}
