package diff

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"lictrail/diff/audit"
	"lictrail/internal/golden"
	"lictrail/snapshot"
)

// TestAttribute attributes the changes of each file in testdata/attribute.
//
//	-- case --     the run: window, coverage, SKUs, groups, deleted users
//	-- changes --  what the snapshots show, one change a line
//	-- events --   what the log has, one record a line
//	-- want --     what attribution makes of it
//
// A file may have several cases, distinguished by a suffix of the section names.
func TestAttribute(t *testing.T) {
	files, err := filepath.Glob("testdata/attribute/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) { testAttributeFile(t, name) })
	}
}

func testAttributeFile(t *testing.T, name string) {
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var p *play
	for i, f := range ar.Files {
		section, _, _ := strings.Cut(f.Name, " ")
		switch section {
		case "case":
			p = newPlay(t, string(f.Data))
		case "changes":
			p.changes = p.parseChanges(string(f.Data))
		case "events":
			p.events = p.parseEvents(string(f.Data))
		case "want":
			ar.Files[i].Data = []byte(p.show(Attribute(p.changes, p.context())))
		default:
			t.Fatalf("unknown section %q", f.Name)
		}
	}
	golden.File(t, name, string(txtar.Format(ar)))
}

// play is one case. Its ids are readable words: user ann is ann@contoso.com.
type play struct {
	t       *testing.T
	ctx     Context
	changes []snapshot.Change
	events  []snapshot.Event
	groups  map[snapshot.GroupID]snapshot.Group
	skus    map[snapshot.SKUID]snapshot.SKU
	listed  map[snapshot.SKUID]bool
	free    map[snapshot.SKUID]bool
	holders map[snapshot.SKUID]int
	deleted map[snapshot.UserID]time.Time
	lists   map[userSKU]bool
	known   map[snapshot.UserID]bool
	rows    []row
	apps    map[string]snapshot.Principal       // that were read, by object id
	last    map[snapshot.GroupID]snapshot.Group // as the snapshot before has them, where the case says
}

// row is a path's row in the snapshots before and after.
type row struct {
	user          snapshot.UserID
	before, after *snapshot.Path
}

func newPlay(t *testing.T, text string) *play {
	p := &play{t: t, groups: map[snapshot.GroupID]snapshot.Group{}, skus: map[snapshot.SKUID]snapshot.SKU{},
		listed: map[snapshot.SKUID]bool{}, free: map[snapshot.SKUID]bool{}, holders: map[snapshot.SKUID]int{},
		deleted: map[snapshot.UserID]time.Time{}, lists: map[userSKU]bool{}, known: map[snapshot.UserID]bool{},
		last: map[snapshot.GroupID]snapshot.Group{}, apps: map[string]snapshot.Principal{}}
	p.ctx.Principal = func(id string) (snapshot.Principal, bool) { a, ok := p.apps[id]; return a, ok }
	p.ctx.Tenant = "contoso"
	p.ctx.Window = snapshot.Window{NotBefore: p.at("03-01T10:00"), NotAfter: p.at("03-08T10:20")}
	p.ctx.ObservedAt = p.at("03-08T10:00")
	p.ctx.PreviousUntil = p.at("03-01T10:20")
	for _, line := range lines(text) {
		p.setting(line)
	}
	if len(p.ctx.Coverage) == 0 {
		p.ctx.Coverage = []snapshot.Coverage{{Source: snapshot.SourceGraph, From: p.at("02-20T00:00"), To: p.at("03-20T00:00"), Complete: true}}
	}
	return p
}

// setting reads a line of a case.
func (p *play) setting(f []string) {
	opt := options(f)
	switch f[0] {
	case "window":
		p.ctx.Window = snapshot.Window{NotBefore: p.at(f[1]), NotAfter: p.at(f[2])}
		p.ctx.ObservedAt = p.ctx.Window.NotAfter.Add(-20 * time.Minute)
	case "cover", "failed":
		p.ctx.Coverage = append(p.ctx.Coverage, snapshot.Coverage{Source: snapshot.SourceGraph, From: p.at(f[1]), To: p.at(f[2]),
			Complete: f[0] == "cover", Why: opt["why"]})
	case "uncovered":
		p.ctx.Coverage = []snapshot.Coverage{{Complete: true}}
	case "sku":
		p.sku(f, opt)
	case "group":
		p.group(f, opt)
	case "app": // app "HR Bot" owner=contoso: a service principal that was read
		p.apps["sp-"+f[1]] = snapshot.Principal{ID: "sp-" + f[1], AppID: opt["appid"], Owner: snapshot.TenantID(opt["owner"])}
	case "deleted":
		user := snapshot.UserID(f[1])
		if len(f) > 2 && !strings.Contains(f[2], "=") {
			p.deleted[user] = p.at(f[2])
		}
		list, known := opt["lists"]
		p.known[user] = known
		for _, s := range words(list) {
			p.lists[userSKU{user, snapshot.SKUID(s)}] = true
		}
	case "holds": // holds ann E3 direct 02-01T10:00 [> 03-04T10:00]: a row that is held throughout, and its dates
		path := snapshot.Path{PathKey: snapshot.PathKey{SKU: snapshot.SKUID(f[2]), PathRef: *pathRef(f[3])}, Held: true, State: "Active", UpdatedAt: p.at(f[4])}
		after := path
		if len(f) > 6 {
			after.UpdatedAt = p.at(f[6])
		}
		p.rows = append(p.rows, row{snapshot.UserID(f[1]), &path, &after})
	default:
		p.t.Fatalf("unknown line %q", f)
	}
}

func (p *play) sku(f []string, opt map[string]string) {
	id := snapshot.SKUID(f[1])
	s := snapshot.SKU{ID: id, PartNumber: f[1]}
	for _, name := range words(opt["plans"]) {
		s.Plans = append(s.Plans, snapshot.ServicePlan{ID: planID(name), Name: name})
	}
	p.skus[id], p.listed[id], p.free[id] = s, !slices.Contains(f, "gone"), slices.Contains(f, "free")
	if n, ok := opt["holders"]; ok {
		p.holders[id] = p.number(n)
	}
}

func (p *play) group(f []string, opt map[string]string) {
	g := snapshot.Group{ID: snapshot.GroupID(f[1]), Name: f[2], MembershipRule: opt["rule"], Dynamic: opt["rule"] != "", Gone: slices.Contains(f, "gone")}
	for _, s := range words(opt["gives"]) {
		g.Licenses = append(g.Licenses, snapshot.GroupLicense{SKU: snapshot.SKUID(s)})
	}
	p.groups[g.ID] = g
	if _, ok := opt["gave"]; ok {
		g.Licenses, g.Gone = nil, false
		for _, s := range words(opt["gave"]) {
			g.Licenses = append(g.Licenses, snapshot.GroupLicense{SKU: snapshot.SKUID(s)})
		}
		p.last[g.ID] = g
	}
}

// groupBefore is a group as it was: the changes of its licenses undone.
func (p *play) groupBefore(id snapshot.GroupID) (snapshot.Group, bool) {
	if g, ok := p.last[id]; ok {
		return g, true
	}
	g, ok := p.groups[id]
	g.Licenses = slices.Clone(g.Licenses)
	for _, ch := range p.changes {
		switch {
		case ch.User != "" || ch.Path == nil || ch.Path.Group != id:
		case ch.Kind == snapshot.GroupLicenseAdded:
			g.Licenses = slices.DeleteFunc(g.Licenses, func(l snapshot.GroupLicense) bool { return l.SKU == ch.SKU })
		case ch.Kind == snapshot.GroupLicenseRemoved:
			g.Licenses = append(g.Licenses, snapshot.GroupLicense{SKU: ch.SKU})
		}
	}
	return g, ok
}

// states are the rows that the case's changes and its "holds" lines stand for.
func (p *play) states(id snapshot.UserID) (before, after []snapshot.Path, known bool) {
	for _, r := range p.rows {
		if r.user == id {
			before, after = append(before, *r.before), append(after, *r.after)
		}
	}
	for _, ch := range p.changes {
		if ch.User == id && ch.Path != nil {
			b, a := p.rowsOf(&ch)
			before, after = append(before, b...), append(after, a...)
		}
	}
	unique := func(list []snapshot.Path) []snapshot.Path {
		slices.SortStableFunc(list, func(x, y snapshot.Path) int { return x.PathKey.Compare(y.PathKey) })
		return slices.CompactFunc(list, func(x, y snapshot.Path) bool { return x.PathKey == y.PathKey })
	}
	before, after = unique(before), unique(after)
	for _, ch := range p.changes { // a path that came or went beside another, which the case does not name
		other := snapshot.Path{PathKey: snapshot.PathKey{SKU: ch.SKU, PathRef: *pathRef("elsewhere")}, Held: true, UpdatedAt: p.at("02-01T10:00")}
		whole := slices.ContainsFunc(p.changes, func(o snapshot.Change) bool {
			return o.User == id && o.SKU == ch.SKU && (o.Kind == snapshot.Assigned || o.Kind == snapshot.Removed || o.Kind == snapshot.PathMoved)
		})
		if ch.User == id && isPathChange(&ch) && !whole && ch.Kind != snapshot.PathMoved && ch.Presence == "" {
			before, after = unique(append(before, other)), unique(append(after, other))
		}
	}
	return before, after, true
}

func (p *play) rowsOf(ch *snapshot.Change) (before, after []snapshot.Path) {
	path := snapshot.Path{PathKey: snapshot.PathKey{SKU: ch.SKU, PathRef: *ch.Path}, Held: true, State: "Active"}
	failed := path
	failed.Held, failed.State = false, stateError
	long := p.at("02-01T10:00")
	dated := path
	dated.UpdatedAt = ch.Dated
	if ch.Kind == snapshot.DateMoved && ch.Dated.IsZero() {
		dated.UpdatedAt = p.at("03-04T10:01")
	}
	switch ch.Kind {
	case snapshot.Assigned, snapshot.PathAdded:
		if ch.State != nil && ch.State.From == stateError {
			before = append(before, failed)
		}
		return before, []snapshot.Path{dated}
	case snapshot.Removed, snapshot.PathRemoved:
		path.UpdatedAt = long
		if ch.State != nil && ch.State.To == stateError {
			failed.UpdatedAt = ch.Dated
			after = append(after, failed)
		}
		return []snapshot.Path{path}, after
	case snapshot.PathMoved:
		from := path
		from.PathRef, from.UpdatedAt = *ch.From, long
		return []snapshot.Path{from}, []snapshot.Path{dated}
	case snapshot.StateChanged:
		for i, state := range []string{ch.State.From, ch.State.To} {
			row := path
			row.State, row.Held = state, state != stateError && state != ""
			if i == 0 && state != "" {
				before = append(before, row)
			} else if state != "" {
				row.UpdatedAt = ch.Dated
				after = append(after, row)
			}
		}
		return before, after
	case snapshot.DateMoved:
		path.UpdatedAt = long
		return []snapshot.Path{path}, []snapshot.Path{dated}
	}
	after = []snapshot.Path{path} // the case does not give its date
	path.UpdatedAt = long
	return []snapshot.Path{path}, after
}

func planID(name string) snapshot.PlanID { return snapshot.PlanID("id-of-" + strings.ToLower(name)) }

func (p *play) context() *Context {
	c := p.ctx
	c.Bundles = audit.Bundles(p.events)
	c.PlanID = func(sku snapshot.SKUID, word string) (snapshot.PlanID, bool) {
		for _, s := range p.skus[sku].Plans {
			if s.Name == word || string(s.ID) == word {
				return s.ID, true
			}
		}
		return "", false
	}
	c.GroupName = func(id snapshot.GroupID) string { return p.groups[id].Name }
	c.Group = func(id snapshot.GroupID) (snapshot.Group, bool) { g, ok := p.groups[id]; return g, ok }
	c.SKUName = func(id snapshot.SKUID) string { return string(id) }
	c.UPN = func(id snapshot.UserID) string { return string(id) + "@contoso.com" }
	c.SelfService = func(id snapshot.SKUID) bool { return p.free[id] }
	c.SKU = func(id snapshot.SKUID) (snapshot.SKU, bool) { return p.skus[id], p.listed[id] }
	c.Holders = func(id snapshot.SKUID) int {
		if n, ok := p.holders[id]; ok {
			return n
		}
		return 100
	}
	c.DeletedAt = func(id snapshot.UserID) time.Time { return p.deleted[id] }
	c.States, c.GroupBefore = p.states, p.groupBefore
	return &c
}

// parseChanges reads lines such as
//
//	removed ann E3 sales presence=deleted
//	plans-changed ann E3 direct off=TEAMS on=YAMMER
//	path-moved ann E3 sales from=direct
//	state-changed ann E3 sales state=Active>Error/CountViolation
//	sku-status-changed tenant E3 state=Enabled>Suspended
//	date-moved ann E3 direct dated=03-04T10:20
func (p *play) parseChanges(text string) []snapshot.Change {
	var list []snapshot.Change
	for _, f := range lines(text) {
		opt := options(f)
		ch := snapshot.Change{Kind: snapshot.Kind(f[0]), Observed: true, SKU: snapshot.SKUID(f[2]), Window: p.ctx.Window,
			Presence: snapshot.Presence(opt["presence"]), Returned: slices.Contains(f, "returned"), Back: slices.Contains(f, "back")}
		if !slices.Contains(snapshot.Kinds, ch.Kind) {
			p.t.Fatalf("unknown change %q", f)
		}
		if f[1] != "tenant" {
			ch.User = snapshot.UserID(f[1])
		}
		if len(f) > 3 && !strings.Contains(f[3], "=") {
			ch.Path = pathRef(f[3])
		}
		if from, ok := opt["from"]; ok {
			ch.From = pathRef(from)
		}
		if at, ok := opt["dated"]; ok {
			ch.Dated = p.at(at)
		}
		p.deltas(&ch, opt)
		if left := ch.Presence == snapshot.Deleted || ch.Presence == snapshot.Gone; left && p.known[ch.User] {
			lists := p.lists[userSKU{ch.User, ch.SKU}]
			ch.Listed = &lists
		}
		list = append(list, ch)
	}
	return list
}

func (p *play) deltas(ch *snapshot.Change, opt map[string]string) {
	if opt["off"]+opt["on"] != "" {
		ch.Plans = &snapshot.PlanDelta{Disabled: planIDsOf(opt["off"]), Enabled: planIDsOf(opt["on"])}
	}
	if s, ok := opt["state"]; ok {
		from, to, _ := strings.Cut(s, ">")
		d := &snapshot.StateDelta{}
		d.From, d.ErrorFrom, _ = strings.Cut(from, "/")
		d.To, d.ErrorTo, _ = strings.Cut(to, "/")
		ch.State = d
	}
	if s, ok := opt["units"]; ok {
		from, to, _ := strings.Cut(s, ">")
		ch.Units = &snapshot.UnitsDelta{From: snapshot.Units{Enabled: int64(p.number(from))}, To: snapshot.Units{Enabled: int64(p.number(to))}}
	}
	if s, ok := opt["affected"]; ok {
		ch.Affected = p.number(s)
	}
}

func planIDsOf(list string) []snapshot.PlanID {
	var ids []snapshot.PlanID
	for _, name := range words(list) {
		ids = append(ids, planID(name))
	}
	slices.Sort(ids)
	return ids
}

func pathRef(word string) *snapshot.PathRef {
	switch word {
	case "direct":
		return &snapshot.PathRef{Kind: snapshot.Direct}
	case "unknown":
		return &snapshot.PathRef{Kind: snapshot.Unknown}
	}
	return &snapshot.PathRef{Kind: snapshot.ByGroup, Group: snapshot.GroupID(word)}
}

var activities = map[string]snapshot.Activity{
	"license": snapshot.ChangeUserLicense, "update": snapshot.UpdateUser, "add-user": snapshot.AddUser,
	"delete": snapshot.DeleteUser, "hard-delete": snapshot.HardDeleteUser, "restore": snapshot.RestoreUser,
	"join": snapshot.AddMember, "leave": snapshot.RemoveMember, "set": snapshot.SetGroupLicense,
	"recalculate": snapshot.TriggerGroupLicense, "edit-group": snapshot.UpdateGroup, "add-group": snapshot.AddGroup,
}

// parseEvents reads lines such as
//
//	1 03-04T10:20 license by admin on ann old=E3(TEAMS),VISIO new=VISIO
//	2 03-04T10:20 join by app:"HR Bot" on ann group=sales
//	3 03-04T10:20 set by admin group=sales old= new=E3
//	4 03-04T10:20 license by nobody on ann client=PropagationService new=E3
//	5 03-04T10:20 license by admin on ann bare
//	6 03-04T10:20 license by admin naming ann bare
//
// "naming" gives the user by name only; "bare" has no license details; "cut" shows only part of the new set.
func (p *play) parseEvents(text string) []snapshot.Event {
	var list []snapshot.Event
	for _, f := range lines(text) {
		opt := options(f)
		e := snapshot.Event{Source: snapshot.SourceGraph, ID: f[0], At: p.at(f[1]), Activity: activities[f[2]],
			Success: !slices.Contains(f, "failure"), Client: opt["client"], Group: snapshot.GroupID(opt["group"]),
			Correlation: opt["corr"], Updated: words(opt["updated"]), RuleChanged: slices.Contains(f, "rule")}
		if e.Activity == "" {
			p.t.Fatalf("unknown event %q", f)
		}
		if s := opt["source"]; s != "" {
			e.Source = snapshot.Source(s)
		}
		if i := slices.Index(f, "by"); i > 0 {
			e.Actor = actor(f[i+1], opt)
		}
		if i := slices.Index(f, "on"); i > 0 {
			e.TargetKind, e.Target, e.TargetUPN = "User", snapshot.UserID(f[i+1]), f[i+1]+"@contoso.com"
		}
		if i := slices.Index(f, "naming"); i > 0 {
			e.TargetUPN = f[i+1] + "@Contoso.com"
		}
		for _, g := range words(opt["groups"]) {
			e.Groups = append(e.Groups, snapshot.GroupID(g))
		}
		licenses(&e, f, opt)
		list = append(list, e)
	}
	return list
}

func licenses(e *snapshot.Event, f []string, opt map[string]string) {
	_, hasOld := opt["old"]
	_, hasNew := opt["new"]
	if !hasOld && !hasNew {
		return
	}
	e.LicenseTouched = true
	before, after := licenseSet(opt["old"]), licenseSet(opt["new"])
	if e.Activity == snapshot.SetGroupLicense {
		e.GroupSKUs = &snapshot.GroupLicenseDetail{Old: before, New: after}
		return
	}
	cut := slices.Contains(f, "cut")
	e.License = &snapshot.LicenseDetail{Old: before, New: after, Complete: !cut, OldKnown: true, NewKnown: !cut}
}

// licenseSet reads E3(TEAMS+YAMMER),VISIO.
func licenseSet(s string) []snapshot.EventLicense {
	var set []snapshot.EventLicense
	for _, w := range words(s) {
		sku, off, _ := strings.Cut(strings.TrimSuffix(w, ")"), "(")
		l := snapshot.EventLicense{SKU: snapshot.SKUID(sku), Name: sku}
		if off != "" {
			l.Disabled = strings.Split(off, "+")
			slices.Sort(l.Disabled)
		}
		set = append(set, l)
	}
	slices.SortFunc(set, func(a, b snapshot.EventLicense) int { return strings.Compare(string(a.SKU), string(b.SKU)) })
	return set
}

// actor reads admin, id:8f3e (a user without a name), app:name, system:name, partner:name, sync or
// nobody.
func actor(word string, opt map[string]string) snapshot.Actor {
	kind, name, ok := strings.Cut(word, ":")
	if !ok {
		kind, name = "user", word
	}
	switch {
	case kind == "id":
		return snapshot.Actor{Kind: snapshot.ActorUser, ID: name}
	case word == "nobody":
		return snapshot.Actor{}
	case kind == "app":
		return snapshot.Actor{Kind: snapshot.ActorApp, ID: "sp-" + name, AppID: opt["appid"], Name: name}
	case kind == "system":
		return snapshot.Actor{Kind: snapshot.ActorSystem, Name: name}
	case kind == "partner":
		return snapshot.Actor{Kind: snapshot.ActorUser, ID: name, UPN: name + "@fabrikam.com", Tenant: "fabrikam", Partner: opt["usertype"] == "9"}
	case word == "sync":
		return snapshot.Actor{Kind: snapshot.ActorUser, ID: "sync", UPN: "Sync_DC01_abc@contoso.com", Tenant: "contoso"}
	}
	return snapshot.Actor{Kind: snapshot.ActorUser, ID: name, UPN: name + "@contoso.com", Tenant: opt["tenant"], ClientApp: opt["app"]}
}

// show prints attributions, then the changes that only the log saw.
func (p *play) show(list []snapshot.Attribution, unseen []Attributed) string {
	var out strings.Builder
	for i := range p.changes {
		out.WriteString(showChange(&p.changes[i]) + "\n" + showAttribution(&list[i]))
	}
	for i := range unseen {
		out.WriteString("unseen " + showChange(&unseen[i].Change) + "\n" + showAttribution(&unseen[i].Attribution))
		if w := unseen[i].Window; unseen[i].Attribution.At.IsZero() {
			fmt.Fprintf(&out, "\twindow%s to%s\n", showWhen(w.NotBefore), strings.TrimPrefix(showWhen(w.NotAfter), " at"))
		}
	}
	return out.String()
}

func showChange(ch *snapshot.Change) string {
	s := fmt.Sprintf("%s %s %s", ch.Kind, wordOr(string(ch.User), "tenant"), ch.SKU)
	if ch.Path != nil {
		s += " " + showPath(*ch.Path)
	}
	if ch.Plans != nil && !ch.Observed {
		s += fmt.Sprintf(" off%v on%v", ch.Plans.Disabled, ch.Plans.Enabled)
	}
	return s
}

func showPath(r snapshot.PathRef) string {
	if r.Kind == snapshot.ByGroup {
		return "group:" + string(r.Group)
	}
	return string(r.Kind)
}

func showAttribution(a *snapshot.Attribution) string {
	var out strings.Builder
	fmt.Fprintf(&out, "\t%s", a.Cause)
	if a.UnknownWhy != "" {
		fmt.Fprintf(&out, "/%s", a.UnknownWhy)
	}
	fmt.Fprintf(&out, ", initiator %s, %s%s\n", a.Initiator, a.Confidence, showWhen(a.At))
	if a.Actor != nil {
		fmt.Fprintf(&out, "\tactor %s\n", actorName(*a.Actor))
	}
	if v := a.Via; v != nil {
		fmt.Fprintf(&out, "\tvia %s", v.Trigger)
		if v.Group != "" {
			fmt.Fprintf(&out, " of %s", v.Group)
		}
		if v.Actor != nil {
			fmt.Fprintf(&out, " by %s", actorName(*v.Actor))
		}
		fmt.Fprintf(&out, "%s\n", showWhen(v.At))
	}
	fmt.Fprintf(&out, "\t%q\n", a.Reason)
	if len(a.Evidence) > 0 {
		ids := make([]string, len(a.Evidence))
		for i, e := range a.Evidence {
			ids[i] = e.ID
		}
		fmt.Fprintf(&out, "\tevidence %s\n", strings.Join(ids, " "))
	}
	return out.String()
}

func showWhen(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return " at " + strings.TrimSuffix(strings.TrimSuffix(at.Format("01-02T15:04:05"), "00"), ":")
}

func wordOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// at reads a time of 2026, without year, seconds or zone.
func (p *play) at(s string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04:05.999"} {
		if at, err := time.Parse(layout, "2026-"+s); err == nil {
			return at
		}
	}
	p.t.Fatalf("not a time: %q", s)
	return time.Time{}
}

func (p *play) number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// lines splits a section into lines of fields, without comments.
func lines(text string) [][]string {
	var out [][]string
	for line := range strings.Lines(text) {
		if f := fieldsOf(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
			out = append(out, f)
		}
	}
	return out
}

// fieldsOf splits a line at spaces outside quotes, and drops the quotes.
func fieldsOf(line string) []string {
	quoted := false
	f := strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\t' || r == '\n')
	})
	for i := range f {
		f[i] = strings.ReplaceAll(f[i], `"`, "")
	}
	return f
}

func options(f []string) map[string]string {
	opt := map[string]string{}
	for _, w := range f {
		if k, v, ok := strings.Cut(w, "="); ok {
			opt[k] = v
		}
	}
	return opt
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// TestAttribute_Holders checks that the holders of a SKU are counted only if a change of
// the SKU itself may explain why a user lost it, since counting them reads many rows.
func TestAttribute_Holders(t *testing.T) {
	t.Parallel()
	w := snapshot.Window{NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1000, 0)}
	lost := snapshot.Change{Kind: snapshot.Removed, Observed: true, User: "ann", SKU: "E3", Path: &snapshot.PathRef{Kind: snapshot.Direct}, Window: w}
	gone := snapshot.Change{Kind: snapshot.SKUGone, Observed: true, SKU: "E3", Window: w}
	for _, changes := range [][]snapshot.Change{{lost}, {gone, lost}} {
		counted := false
		Attribute(changes, &Context{Window: w, Coverage: []snapshot.Coverage{{Source: snapshot.SourceGraph, To: w.NotAfter, Complete: true}},
			Holders: func(snapshot.SKUID) int { counted = true; return 0 },
			States: func(snapshot.UserID) (before, after []snapshot.Path, known bool) {
				return []snapshot.Path{{PathKey: snapshot.PathKey{SKU: "E3", PathRef: *lost.Path}, Held: true, State: "Active"}}, nil, true
			}})
		if want := len(changes) > 1; counted != want {
			t.Errorf("of %d changes: counted %t, want %t", len(changes), counted, want)
		}
	}
}
