package show

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func OrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// UserLabel is the name of a user in a table, with a mark for an agent user.
func UserLabel(u *snapshot.User) string {
	if u.IsAgent() {
		return u.UPN + " (agent)"
	}
	return u.UPN
}

// ShortDate formats a date for a table.
func ShortDate(d snapshot.Date) string {
	return out.DateShort(d.NotBefore, d.NotAfter, d.At, string(d.Precision))
}

// LongDate formats a date for a sentence.
func LongDate(d snapshot.Date) string {
	return out.DateText(d.NotBefore, d.NotAfter, d.At, string(d.Precision))
}

// Zoned is the head of a column of times, with the name of their zone.
func Zoned(head string) string { return head + " (" + out.ZoneName() + ")" }

func DayOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.DateOnly)
}

// ChangeText says what a change was, without who and when.
func ChangeText(b *ask.Book, c *store.ChangeRow) string {
	sku := b.SKULabel(c.SKU)
	path := b.PathName(c.Path)
	switch c.Kind {
	case snapshot.Assigned:
		return fmt.Sprintf("%s assigned (%s)", sku, path)
	case snapshot.Removed:
		return fmt.Sprintf("%s removed (%s)%s", sku, path, StateText(c.State))
	case snapshot.PathAdded:
		return fmt.Sprintf("%s: %s added, held already", sku, path)
	case snapshot.PathRemoved:
		return fmt.Sprintf("%s: %s gone%s", sku, path, StateText(c.State))
	case snapshot.PathMoved:
		return fmt.Sprintf("%s moved from %s to %s", sku, b.PathName(c.From), path)
	case snapshot.PlansChanged:
		return fmt.Sprintf("%s plans: %s", sku, PlanText(b, c.Plans))
	case snapshot.StateChanged:
		return fmt.Sprintf("%s (%s) state%s", sku, path, StateText(c.State))
	case snapshot.DateMoved:
		return fmt.Sprintf("%s: Microsoft's date moved, nothing else", sku)
	}
	return tenantChangeText(b, c, sku, path)
}

func tenantChangeText(b *ask.Book, c *store.ChangeRow, sku, path string) string {
	switch c.Kind {
	case snapshot.SKUAdded:
		return sku + " is new in the tenant"
	case snapshot.SKUGone:
		return sku + " is gone from the tenant"
	case snapshot.SKUStatusChanged:
		return fmt.Sprintf("%s status%s", sku, StateText(c.State))
	case snapshot.SKUUnitsChanged:
		return fmt.Sprintf("%s seats: %s", sku, unitsText(c.Units))
	case snapshot.SKUPlanAdded, snapshot.SKUPlanRemoved:
		return fmt.Sprintf("%s: %s (%s)", sku, CatalogText(b, c.Plans), Plural(c.Affected, "user"))
	case snapshot.GroupLicenseAdded:
		return fmt.Sprintf("group %s now gives %s", path, sku)
	case snapshot.GroupLicenseRemoved:
		return fmt.Sprintf("group %s no longer gives %s", path, sku)
	case snapshot.GroupLicenseChanged:
		return fmt.Sprintf("group %s, %s plans: %s", path, sku, PlanText(b, c.Plans))
	}
	return string(c.Kind) + " " + sku
}

func PlanText(b *ask.Book, d *snapshot.PlanDelta) string {
	if d == nil {
		return "-"
	}
	var parts []string
	if len(d.Disabled) > 0 {
		parts = append(parts, "off "+PlanList(b, d.Disabled))
	}
	if len(d.Enabled) > 0 {
		parts = append(parts, "on "+PlanList(b, d.Enabled))
	}
	return strings.Join(parts, ", ")
}

func CatalogText(b *ask.Book, d *snapshot.PlanDelta) string {
	if d == nil {
		return "-"
	}
	if len(d.Enabled) > 0 {
		return "Microsoft added " + PlanList(b, d.Enabled)
	}
	return "Microsoft took out " + PlanList(b, d.Disabled)
}

func PlanList(b *ask.Book, ids []snapshot.PlanID) string {
	labels := make([]string, len(ids))
	for i, id := range ids {
		labels[i] = b.PlanLabel(id)
	}
	return strings.Join(labels, " ")
}

func StateText(d *snapshot.StateDelta) string {
	if d == nil {
		return ""
	}
	label := func(state, failure string) string {
		if state == "" {
			return "none"
		}
		if failure != "" {
			return state + " (" + failure + ")"
		}
		return state
	}
	return fmt.Sprintf(": %s → %s", label(d.From, d.ErrorFrom), label(d.To, d.ErrorTo))
}

func unitsText(d *snapshot.UnitsDelta) string {
	if d == nil {
		return "-"
	}
	var parts []string
	for _, u := range []struct {
		name     string
		from, to int64
	}{
		{"enabled", d.From.Enabled, d.To.Enabled}, {"in grace", d.From.Warning, d.To.Warning},
		{"suspended", d.From.Suspended, d.To.Suspended}, {"locked out", d.From.LockedOut, d.To.LockedOut},
	} {
		if u.from != u.to {
			parts = append(parts, fmt.Sprintf("%d → %d %s", u.from, u.to, u.name))
		}
	}
	return strings.Join(parts, ", ")
}

// ActorLabel names an actor, with the application behind a person.
func ActorLabel(a *snapshot.Actor) string {
	label := PartyLabel(a)
	if a != nil && a.ClientApp != "" {
		label += " (" + a.ClientApp + ")"
	}
	return label
}

// PartyLabel names a party: the UPN, the name or the id; "" for none.
func PartyLabel(a *snapshot.Actor) string {
	if a == nil {
		return ""
	}
	return cmp.Or(a.UPN, a.Name, a.ID, a.AppID)
}

// ByLabel names the party that is responsible for a change: the actor or, where a group
// gave or removed the license, the party that changed the group. It is "" where nobody
// made the change, as with a subscription that ended, and "not known" where somebody did.
func ByLabel(a *snapshot.Attribution) string {
	if a.Unnamed() {
		return NotKnown
	}
	return PartyLabel(a.Responsible())
}

// partyCount says how many changes a party made. Unless people may be named, they are
// given by their object ids.
func partyCount(p *ask.Party, named bool) string {
	return fmt.Sprintf("%s %d", PartyTitle(p, named), p.Changes)
}

// PartyTitle names a party; unless people may be named, by the object id.
func PartyTitle(p *ask.Party, named bool) string {
	switch {
	case p.Actor != nil && named:
		return PartyLabel(p.Actor)
	case p.Actor != nil:
		return cmp.Or(p.Actor.ID, p.Actor.AppID, "others")
	case p.Cause != "":
		return "nobody (" + string(p.Cause) + ")"
	}
	return NotKnown
}

// partyCounts lists the parties with the most changes.
func partyCounts(parties []*ask.Party, named bool) string {
	var labels []string
	for _, p := range parties[:min(len(parties), maxParties)] {
		labels = append(labels, partyCount(p, named))
	}
	if more := len(parties) - maxParties; more > 0 {
		labels = append(labels, fmt.Sprintf("and %d others", more))
	}
	return strings.Join(labels, ", ")
}

// byCell is ByLabel as a cell of a table, which is marked where it is not known.
func byCell(a *snapshot.Attribution) any {
	switch who := ByLabel(a); who {
	case "":
		return nil
	case NotKnown:
		return out.Cell{Value: who, Style: out.Yellow}
	default:
		return who
	}
}

// CauseLabel is the cause in a word or two, for a table.
func CauseLabel(a *snapshot.Attribution) string {
	if a.Cause == snapshot.CauseUnknown && a.UnknownWhy != "" {
		return "unknown: " + string(a.UnknownWhy)
	}
	return string(a.Cause)
}

// Plural counts things: "1 user", "3 users".
func Plural[N ~int | ~int64](n N, thing string) string { return out.Plural(n, thing) }

func Dash(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func TenantLabel(t snapshot.Tenant) string {
	if t.Name != "" {
		return t.Name
	}
	return string(t.ID)
}

// KindsLabel counts changes by kind: "3 removed, 1 path-moved".
func KindsLabel(changes []store.Outline) string {
	counts := make(map[snapshot.Kind]int)
	for _, c := range changes {
		counts[c.Kind]++
	}
	var labels []string
	for _, k := range snapshot.Kinds {
		if counts[k] > 0 {
			labels = append(labels, fmt.Sprintf("%d %s", counts[k], k))
		}
	}
	return strings.Join(labels, ", ")
}
