package show

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
	"lictrail/snapshot"
)

// GapTexts has, for each read, the facts that it gives, the operation by
// which the required permission is looked up (op), and the command whose run does
// the read (ask).
var GapTexts = map[snapshot.Read]struct{ Facts, op, ask string }{
	snapshot.ReadOrganization:  {"the tenant's name and plans", "organization", ""},
	snapshot.ReadSubscriptions: {"what is bought and when it lapses", "subscriptions", ""},
	snapshot.ReadAgents:        {"which users are agents", "agent users", ""},
	snapshot.ReadGroups:        {"names, rules and licenses of groups", "group", ""},
	snapshot.ReadDeletedUsers:  {"who was deleted", "deleted users", ""},
	snapshot.ReadOwners:        {"who owns the applications that did something", "application owners", ""},
	snapshot.ReadAuditLog:      {"who did what, and what was done and undone between two runs", "directory audits", "lictrail sync --audit-source graph"},
	snapshot.ReadActivity:      {"when users were last active", "usage report", "lictrail sync --activity all"},
	snapshot.ReadLicensing:     {"which subscription each license draws on", "cloud licensing", "lictrail sync --cloud-licensing"},
	snapshot.ReadNames:         {"whom the usage reports are about, which conceal names", "", ""},
	snapshot.ReadAttributes:    {"attributes of users", "", "lictrail sync --attributes"},
	snapshot.ReadRuns:          {"who held what", "", "lictrail sync"},
}

// needsOf is what would fill a gap; "" if nothing is known to.
func needsOf(g snapshot.Gap) string {
	phrase := GapTexts[g.What]
	op := phrase.op
	if g.Source == snapshot.SignIns {
		op = "sign-ins"
	}
	switch {
	case g.What == snapshot.ReadNames:
		return "an administrator shows them under Settings, Org settings, Reports"
	case g.Late:
		return "lictrail sync every week or more often"
	case g.What == snapshot.ReadAttributes:
		return phrase.ask + " " + string(g.Source)
	case g.Why == snapshot.GapNotAsked:
		return phrase.ask
	case g.Why == snapshot.GapNotPermitted:
		for _, p := range graph.Permissions() {
			if p.Op == op {
				return "the application permission " + p.Application
			}
		}
	}
	return ""
}

// sentenceOf describes a gap, or several of one kind, in a sentence.
func sentenceOf(gaps []snapshot.Gap) string {
	g := gaps[0]
	text := "Not known"
	switch {
	case !g.Since.IsZero() && DayText(g.Since) == DayText(g.Until):
		text += fmt.Sprintf(" for %s on %s", lengthText(g.Length), DayText(g.Since))
	case !g.Since.IsZero() && !g.Until.IsZero():
		text += fmt.Sprintf(" for %s from %s to %s", lengthText(g.Length), DayText(g.Since), DayText(g.Until))
	case !g.Since.IsZero() && g.Length > 0:
		text += fmt.Sprintf(" for %s since %s", lengthText(g.Length), DayText(g.Since))
	case !g.Since.IsZero():
		text += " since " + DayText(g.Since)
	case !g.Until.IsZero():
		if g.Length > 0 {
			text += " for " + lengthText(g.Length)
		}
		text += " before " + DayText(g.Until)
	}
	text += ": " + GapTexts[g.What].Facts
	var sources []string
	for _, g := range gaps {
		if g.Source != "" {
			sources = append(sources, string(g.Source))
		}
	}
	if len(sources) > 0 {
		text += " (" + strings.Join(sources, ", ") + ")"
	}
	needs := needsOf(g)
	switch g.Why {
	case snapshot.GapNotAsked:
		if text += ". No run read it"; g.What == snapshot.ReadRuns && g.Since.IsZero() {
			return text + ": tracking began then."
		}
		if g.Late {
			text += " before Microsoft forgot it"
		}
		if needs != "" {
			text += ": " + needs
		}
	case snapshot.GapNotPermitted:
		text += ". It may not be read"
		if needs != "" {
			text += "; what would show it: " + needs
		}
	case snapshot.GapNotInCloud:
		text += ". The tenant's cloud does not offer it"
	default:
		text += fmt.Sprintf(". It could not be read: lictrail runs show %d", g.Run)
	}
	return text + "."
}

// lengthText words a length of time in its largest unit.
func lengthText(d time.Duration) string {
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		if d >= unit.length {
			return Plural(int(d/unit.length), unit.name)
		}
	}
	return "less than a minute"
}

// GapSentences describes gaps in sentences. Gaps that differ only by their source share
// one.
func GapSentences(gaps []snapshot.Gap) []string {
	var texts []string
	for len(gaps) > 0 {
		var same, rest []snapshot.Gap
		for _, g := range gaps {
			like := g
			like.Source, like.Run = gaps[0].Source, gaps[0].Run
			if like == gaps[0] && (g.Source == snapshot.SignIns) == (gaps[0].Source == snapshot.SignIns) {
				same = append(same, g)
			} else {
				rest = append(rest, g)
			}
		}
		texts = append(texts, sentenceOf(same))
		gaps = rest
	}
	return texts
}

// NotKnown stands in a cell for what was not read.
const NotKnown = "not known"

// Gap is a gap as the contract has it.
func Gap(g snapshot.Gap) out.Gap {
	text := func(s string) *string { return OrNull(s) }
	return out.Gap{What: string(g.What), Source: text(string(g.Source)), Why: string(g.Why), Since: Stamp(g.Since), Until: Stamp(g.Until), Needs: text(needsOf(g))}
}

func Gaps(b *ask.Book, command string) []out.Gap {
	list := []out.Gap{}
	for _, g := range b.Gaps(command) {
		list = append(list, Gap(g))
	}
	return list
}

// PrintGaps lists the gaps of an answer: below it in text, on stderr with CSV and records.
// JSON, workbooks and pages have their own place for them. below says that something was
// printed above.
func (p Printer) PrintGaps(below bool) error {
	texts := GapSentences(p.Book.Gaps(p.Command))
	if len(texts) == 0 {
		return nil
	}
	switch {
	case p.Format == "text" && !p.Aside:
		if below {
			if err := p.Printf("\n"); err != nil {
				return err
			}
		}
		for _, text := range texts {
			if err := p.Paragraph(text); err != nil {
				return err
			}
		}
	case !slices.Contains([]string{"json", FormatWorkbook, "html"}, p.Format):
		for _, text := range texts {
			p.Warnf("%s", text)
		}
	}
	return nil
}

func DayText(t time.Time) string { return t.UTC().Format("2 January 2006") }
