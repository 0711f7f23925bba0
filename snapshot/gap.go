package snapshot

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Read is something that a run reads beside users and SKUs, if it may. What a
// run could not read stays as it was last read (I11), and an answer that needs
// it has a [Gap].
type Read string

const (
	ReadOrganization  Read = "organization"    // the tenant's name and plans
	ReadSubscriptions Read = "subscriptions"   // what is bought and when it lapses
	ReadAgents        Read = "agents"          // which users are agents
	ReadGroups        Read = "groups"          // names, rules and licenses of groups
	ReadDeletedUsers  Read = "deleted-users"   // who was deleted
	ReadAuditLog      Read = "audit-log"       // who did what, from any source
	ReadOwners        Read = "owners"          // which tenant owns the applications that did something
	ReadActivity      Read = "activity"        // when users were last active, by any [ActivitySource]
	ReadLicensing     Read = "cloud-licensing" // which subscription each license draws on
	ReadNames         Read = "names"           // whom a usage report is about: it may conceal that
	// ReadRuns is anything at all, at a time that a question is about and in which no run
	// looked. It is none of Reads.
	ReadRuns Read = "runs"
	// ReadAttributes are attributes of [KeptNames], which a run reads only when asked to,
	// for an answer that adds up by one. It is none of Reads either.
	ReadAttributes Read = "attributes"
)

// Reads lists all of them.
var Reads = []Read{ReadOrganization, ReadSubscriptions, ReadAgents, ReadGroups, ReadDeletedUsers, ReadAuditLog, ReadOwners, ReadActivity, ReadLicensing, ReadNames}

// GapWhy is why something was not read.
type GapWhy string

const (
	GapNotPermitted GapWhy = "not-permitted"
	GapNotAsked     GapWhy = "not-asked"
	GapFailed       GapWhy = "failed"
	GapNotInCloud   GapWhy = "not-in-this-cloud"
)

// Texts that stand in the message of every error of their kind. The warning that a
// failed read leaves on its run records the message alone, so they must not change.
const (
	NotPermittedText = "not signed in or not permitted"
	NotInCloudFormat = "the cloud %s has no"
)

var notInCloud = regexp.MustCompile(fmt.Sprintf(NotInCloudFormat, `\w+`))

// GapWhyOf returns why a read failed, by the message of its warning.
func GapWhyOf(message string) GapWhy {
	switch {
	case strings.Contains(message, NotPermittedText):
		return GapNotPermitted
	case notInCloud.MatchString(message):
		return GapNotInCloud
	}
	return GapFailed
}

// Gap is something that an answer would have needed and that was not read.
type Gap struct {
	What   Read
	Source ActivitySource // of activity or names: which one; "" for any. Of attributes: the name
	Why    GapWhy
	Run    RunID         // that did not read it
	Since  time.Time     // it is known up to then; zero: it never was
	Until  time.Time     // it is known again from then on; zero: it is not
	Length time.Duration // of the audit log: how much is missing between the two, or since the first; 0 where it is all
	Late   bool          // of the audit log: it was asked for when Microsoft no longer had all of it
}

// Reading is the result of a read in one run.
type Reading struct {
	Run  RunID
	At   time.Time // when the run had ended
	Why  GapWhy    // why it was not read; "" when it was
	Skip bool      // the run had no need to read it
}

// GapOf returns the gap that is left by the readings of one thing, the newest
// first: there is none where the newest succeeded.
func GapOf(what Read, source ActivitySource, readings []Reading) (Gap, bool) {
	gap := Gap{What: what, Source: source}
	for _, r := range readings {
		switch {
		case r.Skip:
		case r.Why == "" && gap.Why == "":
			return Gap{}, false
		case r.Why == "":
			gap.Since = r.At
			return gap, true
		case gap.Why == "":
			gap.Why, gap.Run = r.Why, r.Run
		}
	}
	return gap, gap.Why != ""
}
