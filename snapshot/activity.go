package snapshot

import (
	"errors"
	"slices"
	"time"
)

// ActivitySource is a source that shows when users were last active.
type ActivitySource string

const (
	SignIns            ActivitySource = "sign-ins"            // signInActivity of users
	ActiveUsers        ActivitySource = "active-users"        // usage report getOffice365ActiveUserDetail
	AppsUsage          ActivitySource = "apps"                // usage report getM365AppUserDetail
	ProjectActivations ActivitySource = "project-activations" // getOffice365ActivationsUserDetail, Project's rows
	VisioActivations   ActivitySource = "visio-activations"   // the same, Visio's rows
	CopilotUsage       ActivitySource = "copilot"             // getMicrosoft365CopilotUsageUserDetail
)

// ActivitySources lists all of them.
var ActivitySources = []ActivitySource{SignIns, ActiveUsers, AppsUsage, ProjectActivations, VisioActivations, CopilotUsage}

// ActivityKind is what a user did.
type ActivityKind string

const (
	SignedIn            ActivityKind = "sign-in"                         // lastSuccessfulSignInDateTime
	TriedInteractive    ActivityKind = "interactive-sign-in-attempt"     // lastSignInDateTime: successful or not
	TriedNonInteractive ActivityKind = "non-interactive-sign-in-attempt" // lastNonInteractiveSignInDateTime: successful or not
	UsedExchange        ActivityKind = "exchange"
	UsedOneDrive        ActivityKind = "onedrive"
	UsedSharePoint      ActivityKind = "sharepoint"
	UsedSkype           ActivityKind = "skype"
	UsedYammer          ActivityKind = "yammer"
	UsedTeams           ActivityKind = "teams"
	UsedApps            ActivityKind = "apps" // Microsoft 365 Apps, on any device
	ActivatedProject    ActivityKind = "project-activation"
	ActivatedVisio      ActivityKind = "visio-activation"
	UsedCopilot         ActivityKind = "copilot" // in any app

	UsedCopilotChat       ActivityKind = "copilot-chat" // where the report does not separate work from web
	UsedCopilotChatWork   ActivityKind = "copilot-chat-work"
	UsedCopilotChatWeb    ActivityKind = "copilot-chat-web"
	UsedCopilotTeams      ActivityKind = "copilot-teams"
	UsedCopilotWord       ActivityKind = "copilot-word"
	UsedCopilotExcel      ActivityKind = "copilot-excel"
	UsedCopilotPowerPoint ActivityKind = "copilot-powerpoint"
	UsedCopilotOutlook    ActivityKind = "copilot-outlook"
	UsedCopilotOneNote    ActivityKind = "copilot-onenote"
	UsedCopilotLoop       ActivityKind = "copilot-loop"
	UsedCopilotApp        ActivityKind = "copilot-app" // the Microsoft 365 Copilot app
	UsedCopilotEdge       ActivityKind = "copilot-edge"
	UsedCopilotAgent      ActivityKind = "copilot-agent"
)

// CopilotKinds are what only Copilot's own report shows.
var CopilotKinds = []ActivityKind{
	UsedCopilot, UsedCopilotChat, UsedCopilotChatWork, UsedCopilotChatWeb, UsedCopilotTeams, UsedCopilotWord, UsedCopilotExcel,
	UsedCopilotPowerPoint, UsedCopilotOutlook, UsedCopilotOneNote, UsedCopilotLoop, UsedCopilotApp, UsedCopilotEdge, UsedCopilotAgent,
}

// ActivityKinds lists all of them. The database counts on their order.
var ActivityKinds = append([]ActivityKind{
	SignedIn, TriedInteractive, TriedNonInteractive,
	UsedExchange, UsedOneDrive, UsedSharePoint, UsedSkype, UsedYammer, UsedTeams,
	UsedApps, ActivatedProject, ActivatedVisio,
}, CopilotKinds...)

// CopilotCounts are what the Copilot report counts of a user over its period. A
// count that is nil was not in the report: it is not known, and not 0.
type CopilotCounts struct {
	Days        int // the period: so many days up to the report's refresh date
	Prompts     *int64
	PromptsWork *int64 // in Copilot Chat, work
	PromptsWeb  *int64 // in Copilot Chat, web
	ActiveDays  *int64
}

// Used reports whether a count shows use. That none does may mean that the report
// has no counts.
func (c *CopilotCounts) Used() bool {
	if c == nil {
		return false
	}
	return slices.ContainsFunc([]*int64{c.Prompts, c.PromptsWork, c.PromptsWeb, c.ActiveDays}, func(n *int64) bool { return n != nil && *n > 0 })
}

// ActivityGap is why a source has no data.
type ActivityGap string

const (
	NotRead      ActivityGap = "not-read"   // no run asked for it
	NotPermitted ActivityGap = "permission" // the sign-in may not read it
	NoPremium    ActivityGap = "no-premium" // the tenant has no Entra ID P1 or P2
	Concealed    ActivityGap = "concealed"  // the report names pseudonyms, not users
	ReadFailed   ActivityGap = "failed"     // it was asked for and could not be read
	NotInCloud   ActivityGap = "not-in-this-cloud"
)

// ErrNoPremium is in the error of a read that the service refuses to a tenant without
// Entra ID P1 or P2.
var ErrNoPremium = errors.New("the tenant has no Entra ID P1 or P2")

// ActivityRead is how a run read a source.
type ActivityRead struct {
	Source ActivitySource
	Gap    ActivityGap // "" when it was read
	Since  time.Time   // what happened earlier is not in it
	Until  time.Time   // what happened later is not in it
	Users  int         // that it covers
}

// Use is something that a user did.
type Use struct {
	Kind ActivityKind
	At   time.Time
}

// ActivityRow is what a source reports of one user, who is named by id or, where
// the source has no ids, by the UPN of the day.
type ActivityRow struct {
	User   UserID
	UPN    string
	Name   string // with a UPN: the display name of the day
	Source ActivitySource
	Uses   []Use // the newest of each kind; none when nothing was done
	// Licensed is since when the user is licensed for workloads, as far as the
	// source reports.
	Licensed []WorkloadLicense
	Counts   *CopilotCounts // nil: the source has none
}

// Usage is a usage report as read.
type Usage struct {
	Sources   []ActivitySource // that it reports on
	Since     time.Time        // what happened earlier is not in it; zero: no limit is known
	Until     time.Time        // the day up to which it reports
	Concealed bool             // it names pseudonyms: nothing can be said of users
	Rows      []ActivityRow
}

// UserActivity is what is known of when a user was active.
type UserActivity struct {
	Covered []ActivitySource // the sources whose newest read covers the user, even where it shows no activity
	Last    []Use            // the newest of each kind that any run has seen
	// Counts are those of the newest Copilot report that was read; nil: it has none
	// of this user.
	Counts *CopilotCounts
}

// Covers reports whether a source covers the user.
func (a UserActivity) Covers(s ActivitySource) bool { return slices.Contains(a.Covered, s) }

// Newest returns the newest use, of the kinds given or, without any, of all;
// false when there is none.
func (a UserActivity) Newest(kinds ...ActivityKind) (newest Use, ok bool) {
	for _, u := range a.Last {
		if (len(kinds) == 0 || slices.Contains(kinds, u.Kind)) && u.At.After(newest.At) {
			newest, ok = u, true
		}
	}
	return newest, ok
}
