package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/diff/replay"
	"lictrail/snapshot"
)

// This file has every sentence of attribution. A reason is written for a manager: who
// changed what for whom, or, when that is not known, what was read and what is missing.

func (a *attributor) user(id snapshot.UserID) string {
	if a.UPN != nil {
		if upn := a.UPN(id); upn != "" {
			return upn
		}
	}
	if upn := a.upns[id]; upn != "" {
		return upn
	}
	return "the user"
}

func (a *attributor) sku(id snapshot.SKUID) string {
	if a.SKUName != nil {
		if name := a.SKUName(id); name != "" {
			return name
		}
	}
	return string(id)
}

func (a *attributor) groupName(id snapshot.GroupID) string {
	if a.GroupName != nil {
		if name := a.GroupName(id); name != "" {
			return fmt.Sprintf("%q", name)
		}
	}
	if id == "" {
		return "a group"
	}
	return "group " + string(id)
}

func (a *attributor) planName(sku snapshot.SKUID, id snapshot.PlanID) string {
	name := ""
	if a.PlanName != nil {
		name = a.PlanName(id)
	}
	if a.SKU != nil && (name == "" || name == string(id)) {
		now, _ := a.SKU(sku)
		for _, p := range now.Plans {
			if p.ID == id && p.Name != "" {
				return p.Name
			}
		}
	}
	return cmp.Or(name, string(id))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

// actorName names an actor.
func actorName(actor snapshot.Actor) string {
	switch {
	case actor.Agent:
		return "the agent " + cmp.Or(actor.UPN, actor.Name, actor.ID)
	case actor.Kind == snapshot.ActorUser && actor.UPN != "":
		return actor.UPN
	case actor.Kind == snapshot.ActorUser && actor.Name != "":
		return actor.Name
	case actor.Kind == snapshot.ActorUser && actor.ID != "":
		return "user " + actor.ID
	case actor.Kind == snapshot.ActorSystem && actor.Name != "":
		return fmt.Sprintf("Microsoft (%q)", actor.Name)
	case actor.Name != "":
		return fmt.Sprintf("the app %q", actor.Name)
	case actor.ID != "":
		return "app " + actor.ID
	}
	return "somebody whom the log does not name"
}

// sentence begins a sentence with a capital, unless it begins with a name.
func sentence(s string) string {
	for _, begin := range []string{"the ", "a ", "somebody ", "app ", "user ", "group "} {
		if strings.HasPrefix(s, begin) {
			return strings.ToUpper(s[:1]) + s[1:]
		}
	}
	return s
}

// pathPhrase says by which path a SKU is held.
func (a *attributor) pathPhrase(p snapshot.PathRef) string {
	switch p.Kind {
	case snapshot.Direct:
		return " directly"
	case snapshot.ByGroup:
		return " by " + a.groupName(p.Group)
	}
	return ""
}

// actionPhrase describes a change as an action, without its subject.
func (a *attributor) actionPhrase(ch *snapshot.Change) string {
	sku := a.sku(ch.SKU)
	if ch.User == "" {
		return a.groupActionPhrase(ch, sku)
	}
	user := a.user(ch.User)
	switch deleted := ch.Presence == snapshot.Deleted || ch.Presence == snapshot.Gone; ch.Kind {
	case snapshot.Assigned:
		return fmt.Sprintf("assigned %s to %s", sku, user)
	case snapshot.Removed:
		return fmt.Sprintf("removed %s from %s", sku, user)
	case snapshot.PathAdded, snapshot.PathMoved:
		return fmt.Sprintf("assigned %s to %s%s%s", sku, user, a.pathPhrase(pathOf(ch)), a.otherPathPhrase(ch, "before"))
	case snapshot.PathRemoved:
		if deleted {
			return fmt.Sprintf("ended one of the ways in which %s had %s", user, sku)
		}
		if pathOf(ch).Kind == snapshot.Direct {
			return fmt.Sprintf("ended the direct assignment of %s to %s%s", sku, user, a.otherPathPhrase(ch, "after"))
		}
		return fmt.Sprintf("ended the assignment of %s to %s%s%s", sku, user, a.pathPhrase(pathOf(ch)), a.otherPathPhrase(ch, "after"))
	case snapshot.PlansChanged:
		return fmt.Sprintf("%s in %s of %s", a.plansPhrase(ch), sku, user)
	case snapshot.StateChanged:
		return fmt.Sprintf("changed the state of %s of %s%s", sku, user, statePhrase(ch.State))
	}
	return fmt.Sprintf("moved the date of %s of %s", sku, user)
}

// otherPathPhrase says that the snapshot before, or after, shows that the SKU is held by
// another path than that of the change. It is empty where the user gained or lost the
// SKU as a whole.
func (a *attributor) otherPathPhrase(ch *snapshot.Change, snap string) string {
	whole := func(o *snapshot.Change) bool { return o.Kind == snapshot.Assigned || o.Kind == snapshot.Removed }
	if slices.ContainsFunc(a.siblings[userSKU{ch.User, ch.SKU}], whole) {
		return ""
	}
	return fmt.Sprintf(" (held by another path in the snapshot %s)", snap)
}

func (a *attributor) groupActionPhrase(ch *snapshot.Change, sku string) string {
	group := a.groupName(pathOf(ch).Group)
	switch ch.Kind {
	case snapshot.GroupLicenseAdded:
		return fmt.Sprintf("gave %s to %s", sku, group)
	case snapshot.GroupLicenseRemoved:
		return fmt.Sprintf("took %s from %s", sku, group)
	}
	return fmt.Sprintf("%s in %s of %s", a.plansPhrase(ch), sku, group)
}

// plansPhrase lists the service plans that were switched off and on.
func (a *attributor) plansPhrase(ch *snapshot.Change) string {
	if ch.Plans == nil {
		return "changed the service plans"
	}
	var parts []string
	for _, p := range []struct {
		action string
		ids    []snapshot.PlanID
	}{{"switched off ", ch.Plans.Disabled}, {"switched on ", ch.Plans.Enabled}} {
		if len(p.ids) == 0 {
			continue
		}
		names := make([]string, len(p.ids))
		for i, id := range p.ids {
			names[i] = a.planName(ch.SKU, id)
		}
		parts = append(parts, p.action+listing(names))
	}
	return strings.Join(parts, " and ")
}

// listing joins names, and shortens a long list.
func listing(names []string) string {
	const most = 3
	if len(names) > most+1 {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

func statePhrase(d *snapshot.StateDelta) string {
	switch {
	case d == nil || d.From == d.To:
		return ""
	case d.From == "":
		return " to " + d.To
	case d.To == "":
		return ", which was " + d.From
	}
	return " from " + d.From + " to " + d.To
}

// partyReason describes a change that an operation's actor made.
func (a *attributor) partyReason(ch *snapshot.Change, o *op, p party) string {
	did := a.actionPhrase(ch)
	switch {
	case ch.Kind == snapshot.DateMoved && (o.NoOp || o.Incomplete):
		did = fmt.Sprintf("saved the licenses of %s, which moved the date of %s", a.user(ch.User), a.sku(ch.SKU))
	case ch.Kind == snapshot.DateMoved && o.moved(ch.SKU) == 0:
		did = fmt.Sprintf("switched service plans of %s for %s, which moved its date", a.sku(ch.SKU), a.user(ch.User))
	case ch.Kind == snapshot.DateMoved:
		did = fmt.Sprintf("gave %s to %s again, which moved its date", a.sku(ch.SKU), a.user(ch.User))
	case o.Activity == snapshot.AddUser && ch.Kind == snapshot.Assigned:
		did = fmt.Sprintf("created %s with %s", a.user(ch.User), a.sku(ch.SKU))
	}
	switch {
	case p.why == snapshot.IncompleteEvent:
		return fmt.Sprintf("Somebody %s at %s; the log does not say who.", did, stamp(o.At))
	case p.cause == snapshot.CauseUnknown && a.unowned(o.Actor):
		return sentence(fmt.Sprintf("%s %s at %s; who owns the app is not known, and a name proves nothing.", actorName(o.Actor), did, stamp(o.At)))
	case p.cause == snapshot.CauseSubscription:
		return fmt.Sprintf("Microsoft (%q) %s, as it does when a subscription has ended.", cmp.Or(o.Actor.Name, actorName(o.Actor)), did)
	case p.cause == snapshot.CauseUnknown:
		return sentence(fmt.Sprintf("%s %s at %s; what or who is behind it is not known.", actorName(o.Actor), did, stamp(o.At)))
	case p.cause == snapshot.CauseMicrosoft:
		return fmt.Sprintf("Microsoft (%q) %s.", cmp.Or(o.Actor.Name, actorName(o.Actor)), did)
	case p.cause == snapshot.CausePartner:
		return sentence(fmt.Sprintf("%s, of another organization, %s.", actorName(o.Actor), did))
	case p.cause == snapshot.CauseSelfService && o.Actor.Kind != snapshot.ActorUser:
		return fmt.Sprintf("%s signed up for %s.", a.user(ch.User), a.sku(ch.SKU))
	case p.initiator == snapshot.ByUser:
		return sentence(fmt.Sprintf("%s %s: the user's own account.", actorName(o.Actor), did))
	}
	return sentence(fmt.Sprintf("%s %s.", actorName(o.Actor), did))
}

// groupReason describes a change by a group.
func (a *attributor) groupReason(ch *snapshot.Change, t trigger) string {
	reason := a.groupSentence(ch, t)
	if ch.Kind != snapshot.PathMoved || ch.From == nil {
		return reason
	}
	if ch.From.Kind == snapshot.ByGroup {
		return reason + fmt.Sprintf(" Before, the license came from %s.", a.groupName(ch.From.Group))
	}
	return reason + " Before, the license was assigned directly."
}

func (a *attributor) groupSentence(ch *snapshot.Change, t trigger) string {
	user, sku, group := a.user(ch.User), a.sku(ch.SKU), a.groupName(pathOf(ch).Group)
	switch {
	case t.rule:
		return a.ruleSentence(ch, t)
	case t.op == nil:
		return a.noRecordSentence(ch, t)
	case ch.Kind == snapshot.DateMoved:
		return a.groupDatedSentence(ch, t)
	case t.request && gained(ch):
		return fmt.Sprintf("Microsoft (%q) added %s to %s, which gives %s, as it does when a request to join is approved; the record does not name a person.", t.op.Actor.Name, user, group, sku)
	case t.request:
		return fmt.Sprintf("Microsoft (%q) removed %s from %s, which gave %s; the record does not name a person.", t.op.Actor.Name, user, group, sku)
	case t.op.Activity == snapshot.TriggerGroupLicense:
		return sentence(fmt.Sprintf("%s had the licenses of %s applied again, which gives %s to %s.", actorName(t.op.Actor), group, sku, user))
	case ch.Kind == snapshot.PlansChanged:
		return sentence(fmt.Sprintf("%s changed the service plans of %s for %s, of which %s is a member.", actorName(t.op.Actor), sku, group, user))
	case t.kind == snapshot.ByMembership && gained(ch):
		return sentence(fmt.Sprintf("%s added %s to %s, which gives %s.", actorName(t.op.Actor), user, group, sku))
	case t.kind == snapshot.ByMembership:
		return sentence(fmt.Sprintf("%s removed %s from %s, which gave %s.", actorName(t.op.Actor), user, group, sku))
	case gained(ch):
		return sentence(fmt.Sprintf("%s gave %s to %s, of which %s is a member.", actorName(t.op.Actor), sku, group, user))
	}
	return sentence(fmt.Sprintf("%s took %s from %s, of which %s was a member.", actorName(t.op.Actor), sku, group, user))
}

// groupDatedSentence says what moved the date of a group's path.
func (a *attributor) groupDatedSentence(ch *snapshot.Change, t trigger) string {
	user, sku, group := a.user(ch.User), a.sku(ch.SKU), a.groupName(pathOf(ch).Group)
	did := fmt.Sprintf("set the licenses of %s", group)
	switch t.op.Activity {
	case snapshot.TriggerGroupLicense:
		did = fmt.Sprintf("had the licenses of %s applied again", group)
	case snapshot.AddMember:
		did = fmt.Sprintf("added %s to %s again", user, group)
	}
	return sentence(fmt.Sprintf("%s %s, which moved the date of %s of %s.", actorName(t.op.Actor), did, sku, user))
}

// ruleSentence describes a change by the rule of a dynamic group.
func (a *attributor) ruleSentence(ch *snapshot.Change, t trigger) string {
	user, group := a.user(ch.User), a.groupName(pathOf(ch).Group)
	did := fmt.Sprintf("the rule of %s, which gives %s, took %s in", group, a.sku(ch.SKU), user)
	if !gained(ch) {
		did = fmt.Sprintf("the rule of %s, which gives %s, put %s out", group, a.sku(ch.SKU), user)
	}
	switch {
	case t.by == nil:
		return sentence(did + "; the log does not show for certain whose edit led to it.")
	case t.by.Activity == snapshot.AddUser:
		return sentence(fmt.Sprintf("%s created %s, and %s.", actorName(t.by.Actor), user, did))
	case t.by.Target != "":
		return sentence(fmt.Sprintf("%s edited %s, and %s.", actorName(t.by.Actor), user, did))
	}
	return sentence(fmt.Sprintf("%s edited the group, and %s.", actorName(t.by.Actor), did))
}

// noRecordSentence describes a change by a group where no event shows who changed the
// group.
func (a *attributor) noRecordSentence(ch *snapshot.Change, t trigger) string {
	user, sku, group := a.user(ch.User), a.sku(ch.SKU), a.groupName(pathOf(ch).Group)
	var fact string
	switch {
	case ch.Kind == snapshot.PlansChanged:
		fact = fmt.Sprintf("The service plans that %s gives %s with %s changed", group, user, sku)
	case gained(ch) && t.kind == snapshot.ByGroupLicense:
		fact = fmt.Sprintf("%s came to give %s, and %s is a member", sentence(group), sku, user)
	case gained(ch):
		fact = fmt.Sprintf("%s gave %s to %s", sentence(group), sku, user)
	case t.kind == snapshot.ByGroupLicense:
		fact = fmt.Sprintf("%s no longer gives %s, which %s had from it", sentence(group), sku, user)
	default:
		fact = fmt.Sprintf("%s no longer has %s from %s", user, sku, group)
	}
	if from, to := a.gap(ch.Window); !from.Equal(to) || ch.Window.NotBefore.IsZero() {
		return sentence(fact + "; who changed the group is not known, for " + a.gapPhrase(ch.Window) + ".")
	}
	return sentence(fact + "; no event shows for certain who changed the group.")
}

// unseenByGroupReason says what the snapshots show of a group's license, and what
// may have led to it.
func (a *attributor) unseenByGroupReason(ch *snapshot.Change) string {
	fact := fmt.Sprintf("%s no longer has %s from %s.", a.user(ch.User), a.sku(ch.SKU), a.groupName(pathOf(ch).Group))
	if ch.State != nil {
		fact = a.errorReason(ch)
	}
	return sentence(fmt.Sprintf("%s It is not known whether the group changed, its members did, or the account was deleted and restored, for %s.",
		fact, a.gapPhrase(ch.Window)))
}

// errorText say what Microsoft's licensing errors mean.
var errorText = map[string]string{
	"CountViolation":                     "no seats are left",
	"MutuallyExclusiveViolation":         "it has a service plan that excludes one of another license of the user",
	"DependencyViolation":                "a service plan needs another one that the user does not have, or would no longer have",
	"ProhibitedInUsageLocationViolation": "a service is not available in the user's usage location, or none is set",
	"UniquenessViolation":                "an address of the user must be unique and is not",
	"Other":                              "another license of the same group failed",
}

// errorReason describes an error of a group's license.
func (a *attributor) errorReason(ch *snapshot.Change) string {
	user, sku, group := a.user(ch.User), a.sku(ch.SKU), a.groupName(pathOf(ch).Group)
	d := ch.State
	if d == nil {
		d = &snapshot.StateDelta{}
	}
	why := errorText[d.ErrorTo]
	if why == "" {
		why = "Microsoft's error is " + d.ErrorTo
	}
	switch {
	case ch.Kind != snapshot.StateChanged && d.ErrorTo == "":
		return sentence(fmt.Sprintf("%s can no longer give %s to %s.", group, sku, user))
	case ch.Kind != snapshot.StateChanged:
		return sentence(fmt.Sprintf("%s can no longer give %s to %s: %s.", group, sku, user, why))
	case d.ErrorTo != "" && d.To == stateError:
		return sentence(fmt.Sprintf("%s cannot give %s to %s: %s.", group, sku, user, why))
	case d.ErrorTo != "":
		return fmt.Sprintf("%s, which %s has from %s, is in error: %s.", sku, user, group, why)
	case d.To == "":
		return sentence(fmt.Sprintf("%s no longer tries to give %s to %s.", group, sku, user))
	}
	return fmt.Sprintf("The state of %s, which %s has from %s, changed%s.", sku, user, group, statePhrase(d))
}

// silenceReason says for which time the log was read, where no event shows a change.
func (a *attributor) silenceReason(ch *snapshot.Change) string {
	w := ch.Window
	if !a.covers(w) {
		return fmt.Sprintf("It is not known who %s, for %s.", a.actionPhrase(ch), a.gapPhrase(w))
	}
	return fmt.Sprintf("The audit log was read from %s to %s; no event shows who %s. Events can arrive up to 24 hours late.",
		stamp(w.NotBefore), stamp(w.NotAfter), a.actionPhrase(ch))
}

// gapPhrase says for which stretch of a window the log was not read, and why.
func (a *attributor) gapPhrase(w snapshot.Window) string {
	from, to := a.gap(w)
	if w.NotBefore.IsZero() {
		return "nothing says when it happened"
	}
	words := fmt.Sprintf("the audit log was not read from %s to %s", stamp(from), stamp(to))
	if why := a.whyNot(from, to); len(why) > 0 {
		words += " (" + strings.Join(why, "; ") + ")"
	}
	return words
}

// opsPhrase lists operations: who did what, and when.
func (a *attributor) opsPhrase(ch *snapshot.Change, ops []*op) string {
	var list []string
	for _, o := range ops {
		did, moved := "changed it", o.moved(ch.SKU)
		if d, known := groupDelta(o); known {
			moved = d.moved(ch.SKU)
		}
		switch {
		case moved == skuAdded:
			did = "gave it"
		case moved == skuRemoved:
			did = "took it"
		case o.Activity == snapshot.DeleteUser, o.Activity == snapshot.HardDeleteUser:
			did = "deleted the user"
		case o.Activity == snapshot.RestoreUser:
			did = "restored the user"
		case o.Activity == snapshot.TriggerGroupLicense:
			did = "had the group's licenses applied again"
		}
		list = append(list, fmt.Sprintf("%s %s at %s", actorName(o.Actor), did, stamp(o.At)))
	}
	return strings.Join(list, ", ")
}

func (a *attributor) clashReason(ch *snapshot.Change, ops []*op) string {
	return fmt.Sprintf("It is not certain who %s: the events do not agree with the snapshots or with each other (%s).",
		a.actionPhrase(ch), a.opsPhrase(ch, ops))
}

// eitherReason names the courses of events that fit the evidence.
func (a *attributor) eitherReason(ch *snapshot.Change, list []verdict) string {
	return fmt.Sprintf("It is not certain who %s. What is known fits more than one course of events: %s.", a.actionPhrase(ch), a.coursesPhrase(ch, list))
}

func (a *attributor) perhapsReason(ch *snapshot.Change, list []verdict) string {
	if len(opsOf(list)) == 0 {
		return a.silenceReason(ch)
	}
	return fmt.Sprintf("It is not known who %s, for %s. Perhaps %s.", a.actionPhrase(ch), a.gapPhrase(ch.Window), a.coursesPhrase(ch, list))
}

// eitherGroupReason says that group-based licensing made a change, and that it is not
// certain which step of which group led to it.
func (a *attributor) eitherGroupReason(ch *snapshot.Change, list []verdict) string {
	did := "gave"
	if !gained(ch) {
		did = "no longer gives"
	}
	return fmt.Sprintf("Group-based licensing %s %s to %s. Which change of a group led to it is not certain: %s.", did, a.sku(ch.SKU), a.user(ch.User), a.coursesPhrase(ch, list))
}

// coursesPhrase lists the courses of events that are possible, each once.
func (a *attributor) coursesPhrase(ch *snapshot.Change, list []verdict) string {
	var parts []string
	for i := range list {
		if part := a.coursePhrase(ch, &list[i]); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	const most = 4
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("one of %d more possibilities", len(parts)-most))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return strings.Join(parts[:len(parts)-1], ", ") + ", or " + parts[len(parts)-1]
}

// coursePhrase describes one course of events in a clause.
func (a *attributor) coursePhrase(ch *snapshot.Change, v *verdict) string {
	step := v.step
	switch group := a.groupName(v.path.Group); {
	case v.deleted && v.by == nil:
		return "the deletion of the account"
	case v.deleted:
		return fmt.Sprintf("%s deleted the account at %s", actorName(v.by.Actor), stamp(v.by.At))
	case step != nil && step.Activity == snapshot.AddMember:
		return fmt.Sprintf("%s added the user to %s at %s", actorName(step.Actor), group, stamp(step.At))
	case step != nil && step.Activity == snapshot.RemoveMember:
		return fmt.Sprintf("%s removed the user from %s at %s", actorName(step.Actor), group, stamp(step.At))
	case step != nil:
		return fmt.Sprintf("%s changed the licenses of %s at %s", actorName(step.Actor), group, stamp(step.At))
	case v.path.Kind == snapshot.ByGroup && v.Why != replay.Unlogged:
		return fmt.Sprintf("%s changed in a way that is not on record", group)
	case v.by != nil:
		return fmt.Sprintf("%s changed the user's licenses at %s", actorName(v.by.Actor), stamp(v.by.At))
	case v.Act == replay.Redated:
		return "Microsoft moved the date"
	}
	return "something that is not on record"
}

func (a *attributor) undecidedReason(ch *snapshot.Change, records int) string {
	return fmt.Sprintf("It is not certain who %s: the %d records of the time fit too many courses of events, or none.", a.actionPhrase(ch), records)
}

func (a *attributor) awayReason(ch *snapshot.Change) string {
	return fmt.Sprintf("It is not certain who %s: the account was deleted and restored meanwhile (%s).", a.actionPhrase(ch), a.opsPhrase(ch, a.life[ch.User]))
}

func (a *attributor) perhapsDeletionReason(ch *snapshot.Change, o *op) string {
	user := a.user(ch.User)
	return sentence(fmt.Sprintf("%s removed %s from %s at %s, and the account was deleted at %s. No record shows who deleted it, so it is not certain whether the removal was part of the deletion.",
		actorName(o.Actor), a.sku(ch.SKU), user, stamp(o.At), stamp(a.deletionTime(ch.User, nil))))
}

func (a *attributor) perhapsDatedReason(ch *snapshot.Change, t trigger) string {
	return sentence(fmt.Sprintf("Microsoft's own date of %s for %s moved to %s. %s changed the group at %s; whether that moved the date is not certain.",
		a.sku(ch.SKU), a.user(ch.User), stamp(ch.Dated), sentence(actorName(t.op.Actor)), stamp(t.op.At)))
}

func (a *attributor) stateReason(ch *snapshot.Change) string {
	return fmt.Sprintf("The state of %s of %s changed%s. No record of that time shows what led to it.", a.sku(ch.SKU), a.user(ch.User), statePhrase(ch.State))
}

// incompleteReason names the actors who saved the licenses, where the log does not show
// what they changed.
func (a *attributor) incompleteReason(ch *snapshot.Change, ops []*op) string {
	whose := a.user(ch.User)
	if ch.User == "" {
		whose = a.groupName(pathOf(ch).Group)
	}
	var list []string
	for _, o := range ops {
		list = append(list, fmt.Sprintf("%s at %s", actorName(o.Actor), stamp(o.At)))
	}
	return fmt.Sprintf("The log does not show who %s. It shows that the licenses of %s were saved by %s, but not what was changed.",
		a.actionPhrase(ch), whose, listing(list))
}

func (a *attributor) deletionReason(ch *snapshot.Change, gone *op) string {
	user, sku := a.user(ch.User), a.sku(ch.SKU)
	at := a.deletionTime(ch.User, gone)
	switch {
	case gone != nil && !a.isPurge(gone):
		return sentence(fmt.Sprintf("%s deleted %s, who held %s.", actorName(gone.Actor), user, sku))
	case gone != nil:
		return fmt.Sprintf("Microsoft removed %s, who held %s, for good at %s; no event shows who had deleted the account.", user, sku, stamp(gone.At))
	case at.IsZero():
		return fmt.Sprintf("%s, who held %s, was deleted; it is not known by whom, for no record of it was read.", user, sku)
	}
	return fmt.Sprintf("%s, who held %s, was deleted at %s; it is not known by whom, for no record of it was read.", user, sku, stamp(at))
}

// perhapsTakenReason describes a deletion, without saying that it ended the license.
func (a *attributor) perhapsTakenReason(ch *snapshot.Change, gone *op) string {
	user, at := a.user(ch.User), a.deletionTime(ch.User, gone)
	switch {
	case gone == nil && ch.Presence == snapshot.Gone:
		return a.vanishedReason(ch)
	case at.IsZero():
		return user + " was deleted."
	case gone == nil:
		return fmt.Sprintf("%s was deleted at %s.", user, stamp(at))
	case a.isPurge(gone):
		return fmt.Sprintf("Microsoft removed %s for good at %s.", user, stamp(gone.At))
	}
	return sentence(fmt.Sprintf("%s deleted %s at %s.", actorName(gone.Actor), user, stamp(at)))
}

// perhapsGivenReason describes a restore, without saying that it gave the license.
func (a *attributor) perhapsGivenReason(ch *snapshot.Change, back *op) string {
	if back == nil {
		return a.user(ch.User) + " was deleted and is back."
	}
	return sentence(fmt.Sprintf("%s restored %s at %s.", actorName(back.Actor), a.user(ch.User), stamp(back.At)))
}

func (a *attributor) vanishedReason(ch *snapshot.Change) string {
	return fmt.Sprintf("%s, who held %s, is no longer among the tenant's users, and no list of deleted users that could be read has the account.",
		a.user(ch.User), a.sku(ch.SKU))
}

func (a *attributor) restoredReason(ch *snapshot.Change, back *op) string {
	user, sku := a.user(ch.User), a.sku(ch.SKU)
	if back == nil {
		return fmt.Sprintf("%s was deleted and is back, with %s; no event shows who restored the account.", user, sku)
	}
	return sentence(fmt.Sprintf("%s restored %s, and %s came back with the account.", actorName(back.Actor), user, sku))
}

func (a *attributor) dateOfReturnReason(ch *snapshot.Change, back *op) string {
	user, sku := a.user(ch.User), a.sku(ch.SKU)
	if back == nil {
		return fmt.Sprintf("%s was deleted and is back, which moved the date of %s; no event shows who restored the account.", user, sku)
	}
	return sentence(fmt.Sprintf("%s restored %s, which moved the date of %s.", actorName(back.Actor), user, sku))
}

func (a *attributor) dateReason(ch *snapshot.Change, t snapshot.Trigger) string {
	user, sku := a.user(ch.User), a.sku(ch.SKU)
	if t == snapshot.ByCatalog {
		return fmt.Sprintf("Microsoft changed the service plans of %s, which moved its date for %s.", sku, user)
	}
	if !a.covers(ch.Window) {
		return fmt.Sprintf("Microsoft's own date of %s for %s moved and nothing else did; the audit log was not read for all of this time.", sku, user)
	}
	if ch.Dated.IsZero() {
		return fmt.Sprintf("Microsoft's own date of %s for %s moved and nothing else did; no event shows anybody else at work.", sku, user)
	}
	return fmt.Sprintf("Microsoft's own date of %s for %s moved to %s and nothing else did; no event of that time shows anybody else at work.",
		sku, user, stamp(ch.Dated))
}

func (a *attributor) datedWithReason(ch, with *snapshot.Change) string {
	return fmt.Sprintf("Microsoft's own date of %s for %s moved to %s, when %s was assigned directly, of which there is no event: whoever assigned it may have saved %s again.",
		a.sku(ch.SKU), a.user(ch.User), stamp(ch.Dated), a.sku(with.SKU), a.sku(ch.SKU))
}

func (a *attributor) droppedReason(ch *snapshot.Change) string {
	return fmt.Sprintf("Microsoft took service plans out of %s that were switched off for %s.", a.sku(ch.SKU), a.user(ch.User))
}

func (a *attributor) addedReason(ch *snapshot.Change) string {
	return fmt.Sprintf("Microsoft added service plans to %s that are off for %s.", a.sku(ch.SKU), a.user(ch.User))
}

func (a *attributor) catalogReason(ch *snapshot.Change) string {
	action, ids := "added %s to %s", []snapshot.PlanID(nil)
	if ch.Plans != nil {
		ids = append(ids, ch.Plans.Enabled...)
	}
	if ch.Kind == snapshot.SKUPlanRemoved {
		action = "removed %s from %s"
		if ids = nil; ch.Plans != nil {
			ids = ch.Plans.Disabled
		}
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = a.planName(ch.SKU, id)
	}
	users := "users"
	if ch.Affected == 1 {
		users = "user"
	}
	return fmt.Sprintf("Microsoft "+action+", %d %s.", listing(names), a.sku(ch.SKU), ch.Affected, users)
}

func (a *attributor) skuReason(ch *snapshot.Change) string {
	sku := a.sku(ch.SKU)
	switch {
	case ch.Kind == snapshot.SKUAdded:
		return fmt.Sprintf("%s is new among the tenant's subscriptions.", sku)
	case ch.Kind == snapshot.SKUGone:
		return fmt.Sprintf("%s is no longer among the tenant's subscriptions.", sku)
	case ch.State != nil:
		return fmt.Sprintf("The status of %s went from %s to %s.", sku, ch.State.From, ch.State.To)
	case ch.Units != nil:
		return fmt.Sprintf("The seats of %s changed: %s.", sku, unitsPhrase(ch.Units.From, ch.Units.To))
	}
	return fmt.Sprintf("The subscription of %s changed.", sku)
}

func unitsPhrase(from, to snapshot.Units) string {
	var list []string
	for _, u := range []struct {
		name     string
		from, to int64
	}{{"enabled", from.Enabled, to.Enabled}, {"in grace", from.Warning, to.Warning},
		{"suspended", from.Suspended, to.Suspended}, {"locked out", from.LockedOut, to.LockedOut}} {
		if u.from != u.to {
			list = append(list, fmt.Sprintf("%s from %d to %d", u.name, u.from, u.to))
		}
	}
	return strings.Join(list, ", ")
}

// perhapsLapsedReason describes a loss that a lapsed subscription explains unless
// something else removed the license before.
func (a *attributor) perhapsLapsedReason(ch *snapshot.Change) string {
	return fmt.Sprintf("%s Whether something else took it from %s before is not known, for %s.", a.lapseReason(ch), a.user(ch.User), a.gapPhrase(ch.Window))
}

// lapseReason describes a loss by a subscription that lapsed.
func (a *attributor) lapseReason(ch *snapshot.Change) string {
	sku, shows := a.sku(ch.SKU), a.lapsed(ch)
	loss := fmt.Sprintf("%d users lost it", a.lost[ch.SKU])
	if a.lost[ch.SKU] == 1 {
		loss = "the last user lost it"
	}
	switch {
	case ch.User == "":
		return fmt.Sprintf("%s is no longer among the tenant's subscriptions, and %s no longer gives it.", sku, a.groupName(pathOf(ch).Group))
	case shows != nil && shows.Kind == snapshot.SKUGone:
		return fmt.Sprintf("%s is no longer among the tenant's subscriptions, and %s.", sku, loss)
	case shows != nil && shows.State != nil:
		return fmt.Sprintf("The subscription of %s went from %s to %s, and %s.", sku, shows.State.From, shows.State.To, loss)
	}
	return fmt.Sprintf("%s has no seats left that may be used, and %s.", sku, loss)
}
