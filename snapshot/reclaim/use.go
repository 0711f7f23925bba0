package reclaim

import (
	"fmt"
	"strings"
	"time"

	"lictrail/snapshot"
)

// Gap is why no source shows whether a seat is used.
type Gap string

const (
	GapNotRead    = Gap(snapshot.NotRead)
	GapPermission = Gap(snapshot.NotPermitted)
	GapNoPremium  = Gap(snapshot.NoPremium)
	GapConcealed  = Gap(snapshot.Concealed)
	GapFailed     = Gap(snapshot.ReadFailed)
	GapNotInCloud = Gap(snapshot.NotInCloud)
	NotListed     = Gap("not-listed")  // what was read does not name the user
	NotCovered    = Gap("not-covered") // what was read does not cover this product
	OutOfDate     = Gap("out-of-date") // it was read too long ago
)

// staleAfter is the number of days after which what is known of activity says
// little about today.
const staleAfter = 31

// use is what is known of whether a seat is used.
type use struct {
	source snapshot.ActivitySource // "" when no source reports on it
	gap    Gap                     // why not
	last   *snapshot.Use
	since  time.Time // the source does not see what is earlier
	until  time.Time // nor what is later
	// undated: the source counts use in its period, and has no date for it.
	undated bool
	counts  *snapshot.CopilotCounts // nil: there are none
}

func (u *use) known() bool { return u.source != "" }

// idleSince is when the last use was, or from when on there was none.
func (u *use) idleSince() time.Time {
	if u.last != nil {
		return u.last.At
	}
	return u.since
}

// useOf gathers the evidence on a seat. A seat of Copilot alone is judged by
// Copilot's own report or not at all: a sign-in does not show use of Copilot. Any other
// seat is judged by the account: a user who did not sign in at all used none of the
// seats; one who did may have used any.
func (j *Judging) useOf(h *Holder, seat *Holding) use {
	sku := j.traits[seat.SKU]
	if sku.copilotOnly() {
		return j.copilotUse(h)
	}
	var u use
	switch {
	case j.reports(h, snapshot.SignIns):
		u.source = snapshot.SignIns
		u.last = newest(h)
	case j.reports(h, snapshot.ActiveUsers) && sku.workload:
		u.source = snapshot.ActiveUsers
		u.last = newest(h)
	case j.reports(h, snapshot.AppsUsage) && sku.apps:
		u.source = snapshot.AppsUsage
		u.last = newest(h)
	default:
		u.last, u.gap = newest(h), j.gapOf(h)
		return u
	}
	read := j.Reads[u.source]
	u.since, u.until = read.Since, read.Until
	return u
}

// copilotUse is what Copilot's report shows of a user. A count without a date in the
// period that it counts means that there was use, on a day that is not known.
func (j *Judging) copilotUse(h *Holder) use {
	u := use{last: newest(h, snapshot.CopilotKinds...)}
	if !j.reports(h, snapshot.CopilotUsage) {
		u.gap = j.gapIn(h, snapshot.CopilotUsage)
		return u
	}
	read := j.Reads[snapshot.CopilotUsage]
	u.source, u.since, u.until, u.counts = snapshot.CopilotUsage, read.Since, read.Until, h.Activity.Counts
	u.undated = u.counts.Used() && (u.last == nil || u.last.At.Before(read.Until.AddDate(0, 0, -u.counts.Days)))
	return u
}

func (j *Judging) reports(h *Holder, s snapshot.ActivitySource) bool {
	read, ok := j.Reads[s]
	return ok && read.Gap == "" && h.Activity.Covers(s)
}

func newest(h *Holder, kinds ...snapshot.ActivityKind) *snapshot.Use {
	if u, ok := h.Activity.Newest(kinds...); ok {
		return &u
	}
	return nil
}

// gapOf says why no source reports on the seat. What was read and does not cover
// it comes before what was not read.
func (j *Judging) gapOf(h *Holder) Gap {
	return j.gapIn(h, snapshot.SignIns, snapshot.ActiveUsers, snapshot.AppsUsage)
}

// gapIn says why none of some sources reports on the seat.
func (j *Judging) gapIn(h *Holder, sources ...snapshot.ActivitySource) Gap {
	gap := GapNotRead
	for _, s := range sources {
		read, asked := j.Reads[s]
		switch {
		case !asked:
		case read.Gap != "" && gap == GapNotRead:
			gap = Gap(read.Gap)
		case read.Gap == "" && h.Activity.Covers(s):
			return NotCovered
		case read.Gap == "":
			gap = NotListed
		}
	}
	return gap
}

// GapText says why the seat could not be judged, and what to do about it.
func (r *Row) GapText() string {
	if r.Copilot {
		return r.Gap.copilotText()
	}
	return r.Gap.Text()
}

// copilotText says why no source reports on a Copilot seat.
func (g Gap) copilotText() string {
	switch g {
	case GapNotRead:
		return "no run has read the Copilot usage report, and sign-ins say nothing of Copilot; run lictrail sync --activity copilot"
	case GapPermission:
		return "the Copilot usage report could not be read for want of a permission, and sign-ins say nothing of Copilot; the run's warnings name it"
	case GapConcealed:
		return "the Copilot usage report conceals names; an administrator can show them under Settings, Org settings, Reports"
	case GapFailed:
		return "the Copilot usage report could not be read, and sign-ins say nothing of Copilot; the run's warnings say why"
	case GapNotInCloud:
		return "the tenant's cloud has no Copilot usage report, and sign-ins say nothing of Copilot"
	case NotListed:
		return "the Copilot usage report does not name the user"
	case OutOfDate:
		return "the Copilot usage report was last read long ago; run lictrail sync --activity copilot"
	}
	return g.Text()
}

// Text describes a gap, and what to do about it.
func (g Gap) Text() string {
	switch g {
	case GapNotRead:
		return "no run has read activity; run lictrail sync --activity all"
	case GapPermission:
		return "activity could not be read for want of a permission; the run's warnings name it"
	case GapNoPremium:
		return "the tenant has no Microsoft Entra ID P1 or P2, without which Microsoft shows no sign-ins"
	case GapConcealed:
		return "the usage reports conceal names; an administrator can show them under Settings, Org settings, Reports"
	case GapFailed:
		return "activity could not be read; the run's warnings say why"
	case GapNotInCloud:
		return "the tenant's cloud has no usage reports"
	case NotListed:
		return "what was read of activity does not name the user"
	case NotCovered:
		return "what was read of activity does not cover this product"
	case OutOfDate:
		return "activity was last read long ago; run lictrail sync --activity all"
	}
	return string(g)
}

// shows is the source with its verb: "sign-ins show".
func (u *use) shows() string {
	return map[snapshot.ActivitySource]string{
		snapshot.SignIns:      "sign-ins show",
		snapshot.ActiveUsers:  "the reports on Exchange, OneDrive, SharePoint, Skype, Viva Engage and Teams show",
		snapshot.AppsUsage:    "the report on Microsoft 365 Apps shows",
		snapshot.CopilotUsage: "the report on Copilot shows",
	}[u.source]
}

// lastText describes the newest use.
func (u *use) lastText() string {
	if u.last == nil {
		return " or more"
	}
	return fmt.Sprintf(" (last %s on %s)", strings.ReplaceAll(string(u.last.Kind), "-attempt", " attempt"), day(u.last.At))
}

// traits are what a SKU's plans say of it.
type traits struct {
	copilot, workload, apps, room bool
	desktop                       []desktopApp
}

// copilotOnly: the seat is one of Copilot. A suite that has Copilot among its plans
// is used by whoever uses any of them.
func (t traits) copilotOnly() bool { return t.copilot && !t.workload && !t.apps && len(t.desktop) == 0 }

func traitsOf(sku SKU) traits {
	has := func(sort func(string) bool) bool {
		for _, name := range sku.Plans {
			if sort(name) {
				return true
			}
		}
		return false
	}
	t := traits{copilot: has(isCopilot), workload: has(isWorkload), apps: has(isApps), room: isRoom(sku.Name) || has(isRoom)}
	for _, app := range desktopApps {
		if has(func(plan string) bool { return hasPrefix(plan, app.plan) }) {
			t.desktop = append(t.desktop, app)
		}
	}
	return t
}

func hasPrefix(name string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(strings.ToUpper(name), p) {
			return true
		}
	}
	return false
}

func isCopilot(plan string) bool { return hasPrefix(plan, "M365_COPILOT") }
func isApps(plan string) bool    { return hasPrefix(plan, "OFFICESUBSCRIPTION", "OFFICE_BUSINESS") }

// isWorkload: the report on active users covers the plan's service.
func isWorkload(plan string) bool {
	return snapshot.GivesMailbox(plan) || hasPrefix(plan, "SHAREPOINTENTERPRISE", "SHAREPOINTSTANDARD", "SHAREPOINTDESKLESS",
		"ONEDRIVE", "TEAMS1", "MCOSTANDARD", "MCOIMP", "YAMMER_ENTERPRISE")
}

// desktopApps are the apps whose activations are evidence.
var desktopApps = []desktopApp{
	{"Project", snapshot.ProjectActivations, snapshot.ActivatedProject, "PROJECT_CLIENT_SUBSCRIPTION"},
	{"Visio", snapshot.VisioActivations, snapshot.ActivatedVisio, "VISIO_CLIENT_SUBSCRIPTION"},
}

type desktopApp struct {
	name   string
	source snapshot.ActivitySource
	kind   snapshot.ActivityKind
	plan   string
}
