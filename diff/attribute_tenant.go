package diff

import (
	"cmp"
	"slices"
	"time"

	"lictrail/snapshot"
)

// tenant attributes a change to the tenant.
func (a *attributor) tenant(ch *snapshot.Change) snapshot.Attribution {
	switch ch.Kind {
	case snapshot.SKUPlanAdded, snapshot.SKUPlanRemoved:
		at := a.microsoft(ch, snapshot.ByCatalog, a.catalogReason(ch))
		at.Confidence = snapshot.High
		return at
	case snapshot.GroupLicenseAdded, snapshot.GroupLicenseRemoved, snapshot.GroupLicenseChanged:
		return a.groupLicense(ch)
	}
	at := a.billing(a.skuReason(ch))
	if ch.Kind != snapshot.SKUAdded {
		at.Confidence = snapshot.High
	}
	return at
}

func (a *attributor) billing(reason string) snapshot.Attribution {
	return snapshot.Attribution{Cause: snapshot.CauseSubscription, Initiator: snapshot.ByBilling, Confidence: snapshot.Medium,
		Via: &snapshot.Via{Trigger: snapshot.BySubscription}, Reason: reason}
}

// groupLicense attributes a change to the licenses that a group gives.
func (a *attributor) groupLicense(ch *snapshot.Change) snapshot.Attribution {
	from, to := triggerSpan(ch, nil)
	f := a.walk(a.setting(ch, from, to), func(o *op) effect { return a.groupEffect(ch, o) })
	unsure := a.unsure(ch)
	switch {
	case len(f.clash) > 0:
		return a.clash(ch, f.clash)
	case f.op != nil:
		return a.byParty(ch, f.op)
	case len(unsure) == 0 && a.skuGone(ch.SKU):
		return a.billing(a.lapseReason(ch))
	case len(unsure) == 0:
		return a.unknown(ch)
	}
	if o := oneActor(unsure); o != nil && a.covers(ch.Window) {
		at := a.byParty(ch, o)
		at.Confidence = atMost(at.Confidence, snapshot.Medium)
		at.At = onlyTime(unsure)
		return at
	}
	return a.incomplete(ch, unsure)
}

// onlyTime returns the time of a single operation, zero of several.
func onlyTime(ops []*op) time.Time {
	if len(ops) != 1 {
		return time.Time{}
	}
	return ops[0].At
}

// groupEffect compares what an operation set with what the change shows.
func (a *attributor) groupEffect(ch *snapshot.Change, o *op) effect {
	d, _ := groupDelta(o)
	moved := d.moved(ch.SKU)
	switch {
	case ch.Kind == snapshot.GroupLicenseChanged:
		return a.planEffect(ch, &d).effect
	case moved == 0:
		return none
	case (moved == skuAdded) == gained(ch):
		return toward
	}
	return against
}

// unsure lists the events in the change's window that set the licenses of its group and
// do not say which licenses.
func (a *attributor) unsure(ch *snapshot.Change) []*op {
	from, to := triggerSpan(ch, nil)
	return slices.DeleteFunc(between(a.groups[ch.Path.Group], from, to), func(o *op) bool {
		_, known := groupDelta(o)
		return o.Activity != snapshot.SetGroupLicense || known
	})
}

func (a *attributor) skuGone(sku snapshot.SKUID) bool {
	return slices.ContainsFunc(a.catalog[sku], func(c *snapshot.Change) bool { return c.Kind == snapshot.SKUGone })
}

// lapsedFor returns the change of the run that shows a user's SKU to have lapsed.
func (a *attributor) lapsedFor(user snapshot.UserID, sku snapshot.SKUID) *snapshot.Change {
	for _, ch := range a.siblings[userSKU{user, sku}] {
		if c := a.lapsed(ch); c != nil && ch.Kind != snapshot.DateMoved {
			return c
		}
	}
	return nil
}

// lapsed returns the change of the run that shows that the SKU's subscription lapsed, if
// losing the license is explained by it: no user holds the SKU any more, or most of those
// who did lost it in this run.
func (a *attributor) lapsed(ch *snapshot.Change) *snapshot.Change {
	if gained(ch) || ch.Kind == snapshot.PathMoved {
		return nil
	}
	var shows []*snapshot.Change
	for _, c := range a.catalog[ch.SKU] {
		if showsLapse(c) {
			shows = append(shows, c)
		}
	}
	if len(shows) == 0 {
		return nil
	}
	holders, known := a.holders(ch.SKU) // counting them reads many rows
	lost := a.lost[ch.SKU]
	if !(known && holders == 0) && (lost < 2 || lost < holders) {
		return nil
	}
	return slices.MinFunc(shows, func(x, y *snapshot.Change) int {
		return cmp.Compare(slices.Index(snapshot.Kinds, x.Kind), slices.Index(snapshot.Kinds, y.Kind))
	})
}

func showsLapse(c *snapshot.Change) bool {
	switch c.Kind {
	case snapshot.SKUGone:
		return true
	case snapshot.SKUStatusChanged:
		return c.State != nil && slices.Contains([]string{"Suspended", "LockedOut", "Deleted"}, c.State.To)
	case snapshot.SKUUnitsChanged:
		return c.Units != nil && c.Units.To.Enabled+c.Units.To.Warning == 0
	}
	return false
}

// holders returns how many users hold the SKU after the run.
func (a *attributor) holders(sku snapshot.SKUID) (n int, known bool) {
	if a.Holders == nil {
		return 0, false
	}
	return a.Holders(sku), true
}

// subscription attributes a loss to a subscription that lapsed. Where the log was not
// read, something else may have removed the license before.
func (a *attributor) subscription(ch *snapshot.Change) snapshot.Attribution {
	if ch.User != "" && !a.covers(ch.Window) {
		return unknownFor(snapshot.NotCovered, a.perhapsLapsedReason(ch))
	}
	at := a.billing(a.lapseReason(ch))
	if holders, known := a.holders(ch.SKU); known && holders == 0 && a.skuGone(ch.SKU) {
		at.Confidence = snapshot.High
	}
	return at
}
