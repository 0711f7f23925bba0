package diff

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"lictrail/snapshot"
)

// world draws events and changes at random, contradictions and all.
type world struct {
	*rand.Rand
	play
	n int
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 7)), play: *newPlay(t, `
sku E3 plans=TEAMS,YAMMER holders=0
sku E5 plans=TEAMS
sku FLOW free
group sales Sales gives=E3,E5
group staff Staff gives=E3 rule="user.department -eq IT"
deleted bob 03-05T10:00 lists=E3
deleted cat 03-05T10:00 lists=
cover 02-20T00:00 03-20T00:00`)}
	if w.IntN(4) == 0 {
		w.ctx.Coverage = nil
	}
	for range w.IntN(30) {
		w.events = append(w.events, w.event())
	}
	w.changes = w.drawChanges()
	return w
}

func oneOf[T any](w *world, list ...T) T { return list[w.IntN(len(list))] }

func (w *world) user() snapshot.UserID { return oneOf[snapshot.UserID](w, "ann", "bob", "cat") }

func (w *world) aSKU() snapshot.SKUID { return oneOf[snapshot.SKUID](w, "E3", "E5", "FLOW") }

func (w *world) set() []snapshot.EventLicense {
	return licenseSet(oneOf(w, "", "E3", "E5", "E3,E5", "E3(TEAMS)", "E3(TEAMS+YAMMER),E5", "E3,FLOW", "FLOW", "E5(TEAMS)"))
}

func (w *world) anActor() snapshot.Actor {
	return actor(oneOf(w, "admin", "other", "ann", "app:Bot", "app:Microsoft Azure AD Group-Based Licensing",
		"app:Microsoft Approval Management", "app:Microsoft Something", "system:Microsoft Online Services", "partner:joe", "sync", "nobody", "id:77"), nil)
}

// event draws a record from a day before the window to the end of it, often
// at its edges.
func (w *world) event() snapshot.Event {
	w.n++
	win := w.ctx.Window
	span := win.NotAfter.Sub(win.NotBefore) + 25*time.Hour
	at := win.NotBefore.Add(-24*time.Hour + time.Duration(w.Int64N(int64(span))))
	if w.IntN(3) == 0 {
		at = oneOf(w, win.NotBefore, w.ctx.ObservedAt, win.NotAfter).Add(time.Duration(w.IntN(20)-10) * time.Minute)
	}
	e := snapshot.Event{Source: oneOf(w, snapshot.SourceGraph, snapshot.SourceGraph, snapshot.SourceUnified), ID: fmt.Sprint("e", w.n),
		At: at.Round(time.Second), Success: w.IntN(10) > 0, Actor: w.anActor(), Group: oneOf[snapshot.GroupID](w, "sales", "staff")}
	e.Activity = oneOf(w, snapshot.ChangeUserLicense, snapshot.ChangeUserLicense, snapshot.ChangeUserLicense, snapshot.UpdateUser, snapshot.AddUser,
		snapshot.AddMember, snapshot.RemoveMember, snapshot.AddMember, snapshot.RemoveMember, snapshot.SetGroupLicense, snapshot.UpdateGroup,
		snapshot.TriggerGroupLicense, snapshot.DeleteUser, snapshot.RestoreUser, snapshot.HardDeleteUser)
	w.fill(&e)
	return e
}

func (w *world) fill(e *snapshot.Event) {
	switch e.Activity {
	case snapshot.SetGroupLicense, snapshot.UpdateGroup, snapshot.TriggerGroupLicense:
		e.RuleChanged = e.Activity == snapshot.UpdateGroup
		if e.Activity == snapshot.SetGroupLicense && w.IntN(4) > 0 {
			e.GroupSKUs = &snapshot.GroupLicenseDetail{Old: w.set(), New: w.set()}
		}
		return
	case snapshot.UpdateUser:
		e.Updated = oneOf(w, []string{"Department"}, []string{"DisplayName"}, nil)
	}
	e.TargetKind, e.Target = "User", w.user()
	license := e.Activity == snapshot.ChangeUserLicense || e.Activity == snapshot.UpdateUser && len(e.Updated) == 0
	if license {
		e.Client = oneOf(w, "", "", "PropagationService", "DirectorySync")
		e.Groups = oneOf(w, nil, []snapshot.GroupID{"sales"}, []snapshot.GroupID{"staff", "elsewhere"})
		e.LicenseTouched = true
	}
	if license && w.IntN(5) > 0 {
		full := w.IntN(6) > 0
		e.License = &snapshot.LicenseDetail{Old: w.set(), New: w.set(), OldKnown: true, NewKnown: full, Complete: full}
	}
}

// drawChanges draws changes, each kind of a path at most once.
func (w *world) drawChanges() []snapshot.Change {
	var list []snapshot.Change
	seen := map[string]bool{}
	for range w.IntN(12) {
		ch := snapshot.Change{Kind: oneOf(w, snapshot.Kinds...), Observed: true, SKU: w.aSKU(), Window: w.ctx.Window}
		switch {
		case strings.HasPrefix(string(ch.Kind), "group-license"):
			ch.Path = pathRef(oneOf(w, "sales", "staff"))
		case strings.HasPrefix(string(ch.Kind), "sku-"):
		default:
			ch.User, ch.Path = w.user(), pathRef(oneOf(w, "direct", "direct", "sales", "staff", "unknown"))
		}
		w.decorate(&ch)
		key := fmt.Sprint(ch.Kind, ch.User, ch.SKU, *cmp.Or(ch.Path, &snapshot.PathRef{}))
		if ch.Kind == snapshot.Assigned || ch.Kind == snapshot.Removed {
			key = fmt.Sprint("whole", ch.User, ch.SKU) // a SKU comes or goes once between two snapshots
		}
		if !seen[key] {
			list = append(list, ch)
		}
		seen[key] = true
	}
	return list
}

func (w *world) decorate(ch *snapshot.Change) {
	switch ch.Kind {
	case snapshot.Removed, snapshot.PathRemoved:
		ch.Presence = oneOf(w, "", "", snapshot.Deleted, snapshot.Gone)
	case snapshot.Assigned, snapshot.PathAdded:
		ch.Returned = w.IntN(5) == 0
	case snapshot.PathMoved:
		ch.From = pathRef(oneOf(w, "direct", "sales"))
	case snapshot.PlansChanged, snapshot.GroupLicenseChanged, snapshot.SKUPlanAdded, snapshot.SKUPlanRemoved:
		ch.Plans = &snapshot.PlanDelta{Disabled: planIDsOf(oneOf(w, "TEAMS", "TEAMS,YAMMER", "")), Enabled: planIDsOf(oneOf(w, "YAMMER", "", ""))}
	case snapshot.StateChanged, snapshot.SKUStatusChanged:
		ch.State = &snapshot.StateDelta{From: oneOf(w, "", "Active", "Error"), To: oneOf(w, "", "Error", "Suspended"), ErrorTo: oneOf(w, "", "CountViolation")}
	}
}

func rounds(full int) uint64 {
	full /= 20 // a history of thirty records on three users takes some milliseconds to replay
	if testing.Short() {
		full /= 10
	}
	return uint64(full)
}

// The order of changes and of bundles carries no meaning.
func TestLaw_AttributeOrderDoesNotMatter(t *testing.T) {
	for seed := range rounds(4000) {
		w := newWorld(t, seed)
		c := w.context()
		want, wantUnseen := Attribute(w.changes, c)
		order := w.Perm(len(w.changes))
		shuffled := make([]snapshot.Change, len(order))
		for to, from := range order {
			shuffled[to] = w.changes[from]
		}
		c.Bundles = slices.Clone(c.Bundles)
		w.Shuffle(len(c.Bundles), func(i, j int) { c.Bundles[i], c.Bundles[j] = c.Bundles[j], c.Bundles[i] })
		got, gotUnseen := Attribute(shuffled, c)
		for to, from := range order {
			if d := gocmp.Diff(want[from], got[to]); d != "" {
				t.Fatalf("seed %d: %s (-in order +shuffled)\n%s", seed, showChange(&shuffled[to]), d)
			}
		}
		if d := gocmp.Diff(wantUnseen, gotUnseen); d != "" {
			t.Fatalf("seed %d: unseen (-in order +shuffled)\n%s", seed, d)
		}
	}
}

// D3: a license record explains at most one coming or going of a user's SKU, and
// none that it cannot have made: neither before the previous snapshot nor after
// this one.
func TestD3_OneEventOneChange(t *testing.T) {
	for seed := range rounds(4000) {
		w := newWorld(t, seed)
		c := w.context()
		list, unseen := Attribute(w.changes, c)
		all := slices.Clone(unseen)
		for i := range list {
			all = append(all, Attributed{Change: w.changes[i], Attribution: list[i]})
		}
		explained := map[string]string{}
		for i := range all {
			ch, a := &all[i].Change, &all[i].Attribution
			if msg := w.illFormed(ch, a); msg != "" {
				t.Fatalf("seed %d: %s: %s\n%s", seed, showChange(ch), msg, showAttribution(a))
			}
			for _, e := range a.Evidence {
				if ch.User == "" || ch.Kind == snapshot.PlansChanged || a.Cause == snapshot.CauseUnknown || !isLicenseEvent(e) {
					continue
				}
				key := fmt.Sprint(e.Source, e.ID, ch.User, ch.SKU)
				if other := explained[key]; other != "" {
					t.Fatalf("seed %d: %s explains %s and %s", seed, e.ID, other, showChange(ch))
				}
				explained[key] = showChange(ch)
			}
		}
	}
}

func isLicenseEvent(e snapshot.EventRef) bool {
	return e.Activity == string(snapshot.ChangeUserLicense)
}

// illFormed says what no attribution may be; "" if it is not.
func (w *world) illFormed(ch *snapshot.Change, a *snapshot.Attribution) string {
	byRef := func(x, y snapshot.EventRef) int { return compareRefs(x, y) }
	switch {
	case (a.Cause == snapshot.CauseUnknown) != (a.UnknownWhy != ""):
		return "unknown without a reason why, or the other way round"
	case a.Cause == snapshot.CauseUnknown && (a.Actor != nil && a.Actor.Kind == snapshot.ActorUser || a.Confidence != snapshot.Low || a.Initiator != snapshot.ByUnknown):
		return "unknown, with an actor, an initiator or confidence"
	case !slices.Contains(snapshot.Causes, a.Cause) || !slices.Contains(snapshot.Initiators, a.Initiator) || a.Confidence == "":
		return "no cause, initiator or confidence"
	case !strings.HasSuffix(a.Reason, ".") || strings.Contains(a.Reason, "%!"):
		return "no reason"
	case !a.At.IsZero() && !w.ctx.Window.Contains(a.At, snapshot.ClockSlack):
		return "a time outside the window"
	case !slices.IsSortedFunc(a.Evidence, byRef):
		return "evidence out of order"
	case !ch.Observed && a.At.IsZero() && (ch.Kind == snapshot.Assigned || ch.Kind == snapshot.Removed):
		return "only the log saw it, and it has no time"
	case !ch.Observed && (ch.Window.NotAfter.IsZero() || ch.Window.NotAfter.Before(ch.Window.NotBefore)):
		return "only the log saw it, and it has no window"
	}
	return ""
}

// An admin changes 200 users within one second; none is mixed up with another.
func TestAttribute_Bulk(t *testing.T) {
	p := newPlay(t, "")
	at := p.at("03-04T10:20:30")
	for i := range 200 {
		id := snapshot.UserID(fmt.Sprintf("user%03d", i))
		by, kind, before, after := "admin", snapshot.Removed, "E3,VISIO", "VISIO"
		if i%3 == 0 {
			by, kind, before, after = "other", snapshot.Assigned, "VISIO", "E3,VISIO"
		}
		p.changes = append(p.changes, snapshot.Change{Kind: kind, Observed: true, User: id, SKU: "E3", Path: pathRef("direct"), Window: p.ctx.Window})
		p.events = append(p.events, snapshot.Event{Source: snapshot.SourceGraph, ID: "e" + string(id), At: at.Add(time.Duration(i*5) * time.Millisecond),
			Activity: snapshot.ChangeUserLicense, Success: true, Actor: actor(by, nil), TargetKind: "User", Target: id,
			License: &snapshot.LicenseDetail{Old: licenseSet(before), New: licenseSet(after), Complete: true, OldKnown: true, NewKnown: true}})
	}
	list, unseen := Attribute(p.changes, p.context())
	if len(unseen) > 0 {
		t.Errorf("%d changes that only the log saw", len(unseen))
	}
	for i, a := range list {
		e := p.events[i]
		if a.Cause != snapshot.CauseAdmin || a.Actor == nil || a.Actor.ID != e.Actor.ID || !a.At.Equal(e.At) || len(a.Evidence) != 1 || a.Evidence[0].ID != e.ID {
			t.Fatalf("%s: %s", p.changes[i].User, showAttribution(&a))
		}
	}
}

func TestAttribute_Nothing(t *testing.T) {
	list, unseen := Attribute(nil, &Context{})
	if len(list) != 0 || len(unseen) != 0 {
		t.Errorf("%v, %v", list, unseen)
	}
	ch := snapshot.Change{Kind: snapshot.Removed, Observed: true, User: "ann", SKU: "E3"}
	list, _ = Attribute([]snapshot.Change{ch}, &Context{})
	if list[0].Cause != snapshot.CauseUnknown || list[0].UnknownWhy != snapshot.NotCovered {
		t.Errorf("without a context: %s", showAttribution(&list[0]))
	}
}
