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

// This file has every sentence of attribution. A reason is for a manager: who
// did what to whom, and when nobody can say, what was looked at.

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

// who names an actor.
func who(actor snapshot.Actor) string {
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

// way says by which path.
func (a *attributor) way(p snapshot.PathRef) string {
	switch p.Kind {
	case snapshot.Direct:
		return " directly"
	case snapshot.ByGroup:
		return " by " + a.groupName(p.Group)
	}
	return ""
}

// did says what a change is, as something that somebody did.
func (a *attributor) did(ch *snapshot.Change) string {
	sku := a.sku(ch.SKU)
	if ch.User == "" {
		return a.didToGroup(ch, sku)
	}
	user := a.user(ch.User)
	switch left := ch.Presence == snapshot.Deleted || ch.Presence == snapshot.Gone; ch.Kind {
	case snapshot.Assigned:
		return fmt.Sprintf("assigned %s to %s", sku, user)
	case snapshot.Removed:
		return fmt.Sprintf("removed %s from %s", sku, user)
	case snapshot.PathAdded, snapshot.PathMoved:
		return fmt.Sprintf("assigned %s to %s%s%s", sku, user, a.way(pathOf(ch)), a.besides(ch, "before"))
	case snapshot.PathRemoved:
		if left {
			return fmt.Sprintf("ended one of the ways in which %s had %s", user, sku)
		}
		if pathOf(ch).Kind == snapshot.Direct {
			return fmt.Sprintf("ended the direct assignment of %s to %s%s", sku, user, a.besides(ch, "after"))
		}
		return fmt.Sprintf("ended the assignment of %s to %s%s%s", sku, user, a.way(pathOf(ch)), a.besides(ch, "after"))
	case snapshot.PlansChanged:
		return fmt.Sprintf("%s in %s of %s", a.switched(ch), sku, user)
	case snapshot.StateChanged:
		return fmt.Sprintf("changed the state of %s of %s%s", sku, user, stateWords(ch.State))
	}
	return fmt.Sprintf("moved the date of %s of %s", sku, user)
}

// besides says that the snapshot before, or after, shows the SKU held by another path
// than that of the change: not where it came or went as a whole.
func (a *attributor) besides(ch *snapshot.Change, snap string) string {
	whole := func(o *snapshot.Change) bool { return o.Kind == snapshot.Assigned || o.Kind == snapshot.Removed }
	if slices.ContainsFunc(a.siblings[userSKU{ch.User, ch.SKU}], whole) {
		return ""
	}
	return fmt.Sprintf(" (held by another path in the snapshot %s)", snap)
}

func (a *attributor) didToGroup(ch *snapshot.Change, sku string) string {
	group := a.groupName(pathOf(ch).Group)
	switch ch.Kind {
	case snapshot.GroupLicenseAdded:
		return fmt.Sprintf("gave %s to %s", sku, group)
	case snapshot.GroupLicenseRemoved:
		return fmt.Sprintf("took %s from %s", sku, group)
	}
	return fmt.Sprintf("%s in %s of %s", a.switched(ch), sku, group)
}

// switched lists service plans switched off and on.
func (a *attributor) switched(ch *snapshot.Change) string {
	if ch.Plans == nil {
		return "changed the service plans"
	}
	var parts []string
	for _, p := range []struct {
		word string
		ids  []snapshot.PlanID
	}{{"switched off ", ch.Plans.Disabled}, {"switched on ", ch.Plans.Enabled}} {
		if len(p.ids) == 0 {
			continue
		}
		names := make([]string, len(p.ids))
		for i, id := range p.ids {
			names[i] = a.planName(ch.SKU, id)
		}
		parts = append(parts, p.word+listing(names))
	}
	return strings.Join(parts, " and ")
}

// listing joins names, and cuts a list that nobody would read.
func listing(names []string) string {
	const most = 3
	if len(names) > most+1 {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

func stateWords(d *snapshot.StateDelta) string {
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

// partyReason tells of a change that an operation's actor made.
func (a *attributor) partyReason(ch *snapshot.Change, o *op, p party) string {
	did := a.did(ch)
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
		return sentence(fmt.Sprintf("%s %s at %s; who owns the app is not known, and a name proves nothing.", who(o.Actor), did, stamp(o.At)))
	case p.cause == snapshot.CauseSubscription:
		return fmt.Sprintf("Microsoft (%q) %s, as it does when a subscription has ended.", cmp.Or(o.Actor.Name, who(o.Actor)), did)
	case p.cause == snapshot.CauseUnknown:
		return sentence(fmt.Sprintf("%s %s at %s; what or who is behind it is not known.", who(o.Actor), did, stamp(o.At)))
	case p.cause == snapshot.CauseMicrosoft:
		return fmt.Sprintf("Microsoft (%q) %s.", cmp.Or(o.Actor.Name, who(o.Actor)), did)
	case p.cause == snapshot.CausePartner:
		return sentence(fmt.Sprintf("%s, of another organization, %s.", who(o.Actor), did))
	case p.cause == snapshot.CauseSelfService && o.Actor.Kind != snapshot.ActorUser:
		return fmt.Sprintf("%s signed up for %s.", a.user(ch.User), a.sku(ch.SKU))
	case p.initiator == snapshot.ByUser:
		return sentence(fmt.Sprintf("%s %s: the user's own account.", who(o.Actor), did))
	}
	return sentence(fmt.Sprintf("%s %s.", who(o.Actor), did))
}

// groupReason tells of a change by a group.
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
		return a.unmovedSentence(ch, t)
	case ch.Kind == snapshot.DateMoved:
		return a.groupDatedSentence(ch, t)
	case t.request && gained(ch):
		return fmt.Sprintf("Microsoft (%q) added %s to %s, which gives %s, as it does when a request to join is approved; the record does not name a person.", t.op.Actor.Name, user, group, sku)
	case t.request:
		return fmt.Sprintf("Microsoft (%q) removed %s from %s, which gave %s; the record does not name a person.", t.op.Actor.Name, user, group, sku)
	case t.op.Activity == snapshot.TriggerGroupLicense:
		return sentence(fmt.Sprintf("%s had the licenses of %s applied again, which gives %s to %s.", who(t.op.Actor), group, sku, user))
	case ch.Kind == snapshot.PlansChanged:
		return sentence(fmt.Sprintf("%s changed the service plans of %s for %s, of which %s is a member.", who(t.op.Actor), sku, group, user))
	case t.kind == snapshot.ByMembership && gained(ch):
		return sentence(fmt.Sprintf("%s added %s to %s, which gives %s.", who(t.op.Actor), user, group, sku))
	case t.kind == snapshot.ByMembership:
		return sentence(fmt.Sprintf("%s removed %s from %s, which gave %s.", who(t.op.Actor), user, group, sku))
	case gained(ch):
		return sentence(fmt.Sprintf("%s gave %s to %s, of which %s is a member.", who(t.op.Actor), sku, group, user))
	}
	return sentence(fmt.Sprintf("%s took %s from %s, of which %s was a member.", who(t.op.Actor), sku, group, user))
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
	return sentence(fmt.Sprintf("%s %s, which moved the date of %s of %s.", who(t.op.Actor), did, sku, user))
}

// ruleSentence tells of a dynamic group.
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
		return sentence(fmt.Sprintf("%s created %s, and %s.", who(t.by.Actor), user, did))
	case t.by.Target != "":
		return sentence(fmt.Sprintf("%s edited %s, and %s.", who(t.by.Actor), user, did))
	}
	return sentence(fmt.Sprintf("%s edited the group, and %s.", who(t.by.Actor), did))
}

// unmovedSentence tells of a change by a group that no event shows moving.
func (a *attributor) unmovedSentence(ch *snapshot.Change, t trigger) string {
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
		return sentence(fact + "; who changed the group is not known, for " + a.gapWords(ch.Window) + ".")
	}
	return sentence(fact + "; no event shows for certain who changed the group.")
}

// unseenByGroupReason tells what snapshots show of a group's license, and what
// may have led to it.
func (a *attributor) unseenByGroupReason(ch *snapshot.Change) string {
	fact := fmt.Sprintf("%s no longer has %s from %s.", a.user(ch.User), a.sku(ch.SKU), a.groupName(pathOf(ch).Group))
	if ch.State != nil {
		fact = a.errorReason(ch)
	}
	return sentence(fmt.Sprintf("%s It is not known whether the group changed, its members did, or the account was deleted and restored, for %s.",
		fact, a.gapWords(ch.Window)))
}

// errorWords say what Microsoft's licensing errors mean.
var errorWords = map[string]string{
	"CountViolation":                     "no seats are left",
	"MutuallyExclusiveViolation":         "it has a service plan that excludes one of another license of the user",
	"DependencyViolation":                "a service plan needs another one that the user does not have, or would no longer have",
	"ProhibitedInUsageLocationViolation": "a service is not available in the user's usage location, or none is set",
	"UniquenessViolation":                "an address of the user must be unique and is not",
	"Other":                              "another license of the same group failed",
}

// errorReason tells of an error of a group's license.
func (a *attributor) errorReason(ch *snapshot.Change) string {
	user, sku, group := a.user(ch.User), a.sku(ch.SKU), a.groupName(pathOf(ch).Group)
	d := ch.State
	if d == nil {
		d = &snapshot.StateDelta{}
	}
	why := errorWords[d.ErrorTo]
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
	return fmt.Sprintf("The state of %s, which %s has from %s, changed%s.", sku, user, group, stateWords(d))
}

// silenceReason says what was looked at where no event tells of a change.
func (a *attributor) silenceReason(ch *snapshot.Change) string {
	w := ch.Window
	if !a.covers(w) {
		return fmt.Sprintf("It is not known who %s, for %s.", a.did(ch), a.gapWords(w))
	}
	return fmt.Sprintf("The audit log was read from %s to %s; no event shows who %s. Events can arrive up to 24 hours late.",
		stamp(w.NotBefore), stamp(w.NotAfter), a.did(ch))
}

// gapWords says for which stretch of a window the log was not read, and why.
func (a *attributor) gapWords(w snapshot.Window) string {
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

// seenWords lists what operations are on record to have done, and who did.
func (a *attributor) seenWords(ch *snapshot.Change, ops []*op) string {
	var list []string
	for _, o := range ops {
		did, moved := "changed it", o.moved(ch.SKU)
		if d, told := groupDelta(o); told {
			moved = d.moved(ch.SKU)
		}
		switch {
		case moved == given:
			did = "gave it"
		case moved == taken:
			did = "took it"
		case o.Activity == snapshot.DeleteUser, o.Activity == snapshot.HardDeleteUser:
			did = "deleted the user"
		case o.Activity == snapshot.RestoreUser:
			did = "restored the user"
		case o.Activity == snapshot.TriggerGroupLicense:
			did = "had the group's licenses applied again"
		}
		list = append(list, fmt.Sprintf("%s %s at %s", who(o.Actor), did, stamp(o.At)))
	}
	return strings.Join(list, ", ")
}

func (a *attributor) clashReason(ch *snapshot.Change, ops []*op) string {
	return fmt.Sprintf("It is not certain who %s: the events do not agree with the snapshots or with each other (%s).",
		a.did(ch), a.seenWords(ch, ops))
}

// eitherReason names the courses of events that fit the evidence.
func (a *attributor) eitherReason(ch *snapshot.Change, list []verdict) string {
	return fmt.Sprintf("It is not certain who %s. What is known fits more than one course of events: %s.", a.did(ch), a.either(ch, list))
}

func (a *attributor) perhapsReason(ch *snapshot.Change, list []verdict) string {
	if len(opsOf(list)) == 0 {
		return a.silenceReason(ch)
	}
	return fmt.Sprintf("It is not known who %s, for %s. Perhaps %s.", a.did(ch), a.gapWords(ch.Window), a.either(ch, list))
}

// eitherGroupReason says that a group did it, and that which step led to it is
// not certain.
func (a *attributor) eitherGroupReason(ch *snapshot.Change, list []verdict) string {
	did := "gave"
	if !gained(ch) {
		did = "no longer gives"
	}
	return fmt.Sprintf("Group-based licensing %s %s to %s. Which change of a group led to it is not certain: %s.", did, a.sku(ch.SKU), a.user(ch.User), a.either(ch, list))
}

// either lists what verdicts rest on, each once.
func (a *attributor) either(ch *snapshot.Change, list []verdict) string {
	var parts []string
	for i := range list {
		if part := a.courseWords(ch, &list[i]); !slices.Contains(parts, part) {
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

// courseWords says in a clause what one course of events rests on.
func (a *attributor) courseWords(ch *snapshot.Change, v *verdict) string {
	step := v.step
	switch group := a.groupName(v.path.Group); {
	case v.deleted && v.by == nil:
		return "the deletion of the account"
	case v.deleted:
		return fmt.Sprintf("%s deleted the account at %s", who(v.by.Actor), stamp(v.by.At))
	case step != nil && step.Activity == snapshot.AddMember:
		return fmt.Sprintf("%s added the user to %s at %s", who(step.Actor), group, stamp(step.At))
	case step != nil && step.Activity == snapshot.RemoveMember:
		return fmt.Sprintf("%s removed the user from %s at %s", who(step.Actor), group, stamp(step.At))
	case step != nil:
		return fmt.Sprintf("%s changed the licenses of %s at %s", who(step.Actor), group, stamp(step.At))
	case v.path.Kind == snapshot.ByGroup && v.Why != replay.Unlogged:
		return fmt.Sprintf("%s changed in a way that is not on record", group)
	case v.by != nil:
		return fmt.Sprintf("%s changed the user's licenses at %s", who(v.by.Actor), stamp(v.by.At))
	case v.Act == replay.Redated:
		return "Microsoft moved the date"
	}
	return "something that is not on record"
}

func (a *attributor) undecidedReason(ch *snapshot.Change, records int) string {
	return fmt.Sprintf("It is not certain who %s: the %d records of the time fit too many courses of events, or none.", a.did(ch), records)
}

func (a *attributor) awayReason(ch *snapshot.Change) string {
	return fmt.Sprintf("It is not certain who %s: the account was deleted and restored meanwhile (%s).", a.did(ch), a.seenWords(ch, a.life[ch.User]))
}

func (a *attributor) perhapsDeletionReason(ch *snapshot.Change, o *op) string {
	user := a.user(ch.User)
	return sentence(fmt.Sprintf("%s removed %s from %s at %s, and the account was deleted at %s. No record shows who deleted it, so it is not certain whether the removal was part of the deletion.",
		who(o.Actor), a.sku(ch.SKU), user, stamp(o.At), stamp(a.deletionTime(ch.User, nil))))
}

func (a *attributor) perhapsDatedReason(ch *snapshot.Change, t trigger) string {
	return sentence(fmt.Sprintf("Microsoft's own date of %s for %s moved to %s. %s changed the group at %s; whether that moved the date is not certain.",
		a.sku(ch.SKU), a.user(ch.User), stamp(ch.Dated), sentence(who(t.op.Actor)), stamp(t.op.At)))
}

func (a *attributor) stateReason(ch *snapshot.Change) string {
	return fmt.Sprintf("The state of %s of %s changed%s. No record of that time shows what led to it.", a.sku(ch.SKU), a.user(ch.User), stateWords(ch.State))
}

// incompleteReason names those who changed the licenses in a way that the log
// does not show.
func (a *attributor) incompleteReason(ch *snapshot.Change, ops []*op) string {
	of := a.user(ch.User)
	if ch.User == "" {
		of = a.groupName(pathOf(ch).Group)
	}
	var list []string
	for _, o := range ops {
		list = append(list, fmt.Sprintf("%s at %s", who(o.Actor), stamp(o.At)))
	}
	return fmt.Sprintf("The log does not show who %s. It shows that the licenses of %s were saved by %s, but not what was changed.",
		a.did(ch), of, listing(list))
}

func (a *attributor) deletionReason(ch *snapshot.Change, gone *op) string {
	user, sku := a.user(ch.User), a.sku(ch.SKU)
	at := a.deletionTime(ch.User, gone)
	switch {
	case gone != nil && !a.isPurge(gone):
		return sentence(fmt.Sprintf("%s deleted %s, who held %s.", who(gone.Actor), user, sku))
	case gone != nil:
		return fmt.Sprintf("Microsoft removed %s, who held %s, for good at %s; no event shows who had deleted the account.", user, sku, stamp(gone.At))
	case at.IsZero():
		return fmt.Sprintf("%s, who held %s, was deleted; it is not known by whom, for no record of it was read.", user, sku)
	}
	return fmt.Sprintf("%s, who held %s, was deleted at %s; it is not known by whom, for no record of it was read.", user, sku, stamp(at))
}

// perhapsTakenReason tells of a deletion, and not that it took the license.
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
	return sentence(fmt.Sprintf("%s deleted %s at %s.", who(gone.Actor), user, stamp(at)))
}

// perhapsGivenReason tells of a restore, and not that the license came with it.
func (a *attributor) perhapsGivenReason(ch *snapshot.Change, back *op) string {
	if back == nil {
		return a.user(ch.User) + " was deleted and is back."
	}
	return sentence(fmt.Sprintf("%s restored %s at %s.", who(back.Actor), a.user(ch.User), stamp(back.At)))
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
	return sentence(fmt.Sprintf("%s restored %s, and %s came back with the account.", who(back.Actor), user, sku))
}

func (a *attributor) dateOfReturnReason(ch *snapshot.Change, back *op) string {
	user, sku := a.user(ch.User), a.sku(ch.SKU)
	if back == nil {
		return fmt.Sprintf("%s was deleted and is back, which moved the date of %s; no event shows who restored the account.", user, sku)
	}
	return sentence(fmt.Sprintf("%s restored %s, which moved the date of %s.", who(back.Actor), user, sku))
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
	word, ids := "added %s to %s", []snapshot.PlanID(nil)
	if ch.Plans != nil {
		ids = append(ids, ch.Plans.Enabled...)
	}
	if ch.Kind == snapshot.SKUPlanRemoved {
		word = "removed %s from %s"
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
	return fmt.Sprintf("Microsoft "+word+", %d %s.", listing(names), a.sku(ch.SKU), ch.Affected, users)
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
		return fmt.Sprintf("The seats of %s changed: %s.", sku, unitWords(ch.Units.From, ch.Units.To))
	}
	return fmt.Sprintf("The subscription of %s changed.", sku)
}

func unitWords(from, to snapshot.Units) string {
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

// perhapsLapsedReason tells of a loss that a lapse explains, if nothing came
// before it.
func (a *attributor) perhapsLapsedReason(ch *snapshot.Change) string {
	return fmt.Sprintf("%s Whether something else took it from %s before is not known, for %s.", a.lapseReason(ch), a.user(ch.User), a.gapWords(ch.Window))
}

// lapseReason tells of a loss by a subscription that lapsed.
func (a *attributor) lapseReason(ch *snapshot.Change) string {
	sku, shows := a.sku(ch.SKU), a.lapsed(ch)
	loss := fmt.Sprintf("%d users lost it", len(a.lost[ch.SKU]))
	if len(a.lost[ch.SKU]) == 1 {
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
