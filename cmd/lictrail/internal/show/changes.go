package show

import (
	"fmt"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Changes shows changes; people says whether the text names the user.
func Changes(b *ask.Book, people bool) Listing[*store.ChangeRow] {
	type row = *store.ChangeRow
	who := Column[row]{Column: out.Column{Head: "USER", Keep: true}, CSV: "upn", Text: userOf, Cell: upnOf}
	if !people {
		who.Text, who.Cell = nil, upnOf
	}
	return Listing[row]{
		JSON: func(c row) any { return Change(b, c) },
		None: "no change matches",
		Columns: []Column[row]{
			{CSV: "id", Cell: func(c row) any { return c.ID }},
			{CSV: "run", Cell: func(c row) any { return int64(c.Run) }},
			{Column: out.Column{Head: Zoned("WHEN")}, Text: func(c row) any { return ShortDate(c.When) }},
			{CSV: "when", Cell: func(c row) any { return Stamp(c.When.At) }},
			{CSV: "not_before", Cell: func(c row) any { return Stamp(c.When.NotBefore) }},
			{CSV: "not_after", Cell: func(c row) any { return Stamp(c.When.NotAfter) }},
			{CSV: "precision", Cell: func(c row) any { return string(c.When.Precision) }},
			{CSV: "kind", Cell: func(c row) any { return string(c.Kind) }},
			{CSV: "observed", Cell: func(c row) any { return c.Observed }},
			{CSV: "user_id", Cell: func(c row) any { return string(c.User) }},
			who,
			{CSV: "sku_id", Cell: func(c row) any { return string(c.SKU) }},
			{CSV: "part_number", Cell: func(c row) any { return b.PartNumber(c.SKU) }},
			{CSV: "path", Cell: func(c row) any { return b.PathName(c.Path) }},
			{CSV: "from_path", Cell: func(c row) any { return b.PathName(c.From) }},
			{Column: out.Column{Head: "CHANGE", Min: 18, Rank: 3, Wrap: true}, CSV: "change", Text: func(c row) any { return ChangeText(b, c) }},
			{Column: out.Column{Head: "BY", Keep: true}, Text: func(c row) any { return byCell(&c.Attribution) }},
			{Column: out.Column{Head: "CAUSE", Min: 8, Rank: 1, Wrap: true}, CSV: "cause", Text: func(c row) any { return causeCell(&c.Attribution) },
				Cell: func(c row) any { return string(c.Attribution.Cause) }},
			{CSV: "initiator", Cell: func(c row) any { return string(c.Attribution.Initiator) }},
			{CSV: "actor", Cell: func(c row) any { return ActorLabel(c.Attribution.Actor) }},
			{CSV: "confidence", Cell: func(c row) any { return string(c.Attribution.Confidence) }},
			{CSV: "unknown_why", Cell: func(c row) any { return string(c.Attribution.UnknownWhy) }},
			{CSV: "reason", Cell: func(c row) any { return c.Attribution.Reason }},
			{CSV: "by", Cell: func(c row) any { return PartyLabel(c.Attribution.Responsible()) }},
			{CSV: "via_group", Cell: func(c row) any { return viaGroup(b, c) }},
			{CSV: "user_kind", Cell: kindOf},
			productColumn(b, func(c row) snapshot.SKUID { return c.SKU }),
		},
	}
}

// viaGroup names the group by which a license came or went; "" for none.
func viaGroup(b *ask.Book, c *store.ChangeRow) string {
	switch via := c.Attribution.Via; {
	case via != nil && via.Group != "":
		return b.PathName(&snapshot.PathRef{Kind: snapshot.ByGroup, Group: via.Group})
	case c.Attribution.Cause == snapshot.CauseGroup && c.Path != nil && c.Path.Kind == snapshot.ByGroup:
		return b.PathName(c.Path)
	}
	return ""
}

// causeCell is a cause for a table, where what is not known stands out.
func causeCell(a *snapshot.Attribution) out.Cell {
	return out.Cell{Value: CauseLabel(a), Style: causeStyle(a.Cause)}
}

// causeStyle makes a cause that is not known stand out.
func causeStyle(c snapshot.Cause) out.Style {
	if c == snapshot.CauseUnknown {
		return out.Yellow
	}
	return out.Plain
}

func userOf(c *store.ChangeRow) any {
	if c.Person == nil {
		return nil
	}
	return UserLabel(&c.Person.User)
}

func kindOf(c *store.ChangeRow) any {
	if c.Person == nil {
		return nil
	}
	return c.Person.Kind()
}

func upnOf(c *store.ChangeRow) any {
	if c.Person == nil {
		return nil
	}
	return c.Person.UPN
}

// ReasonOf is the sentence of a change, else its cause.
func ReasonOf(b *ask.Book, c *store.ChangeRow) string {
	a := &c.Attribution
	if a.Reason == "" {
		return CauseLabel(a)
	}
	names := []string{ActorLabel(a.Actor)}
	if a.Via != nil {
		names = append(names, ActorLabel(a.Via.Actor))
	}
	return b.PlanSentence(b.Sentence(a.Reason, c.SKU, names...), c.Plans)
}

// Answer is the answer in short: what, when and why.
func Answer(b *ask.Book, c *store.ChangeRow) []string {
	a := &c.Attribution
	lines := []string{
		fmt.Sprintf("%s: %s, %s", upnOf(c), ChangeText(b, c), LongDate(c.When)),
		"  " + ReasonOf(b, c),
	}
	if a.Cause == snapshot.CauseUnknown {
		return append(lines, "  Cause unknown: "+UnknownTexts[a.UnknownWhy])
	}
	return append(lines, fmt.Sprintf("  Cause %s, started by %s, confidence %s", a.Cause, a.Initiator, a.Confidence))
}

func AtText(v *snapshot.Via) string {
	if v.At.IsZero() {
		return ""
	}
	return " on " + out.InZone(v.At).Format("2 January 2006 15:04 MST")
}

// UnknownTexts says what each reason for not knowing means.
var UnknownTexts = map[snapshot.UnknownWhy]string{
	snapshot.NotCovered:      "the audit log was not read for the whole time in which it happened",
	snapshot.NoEvent:         "no record that was read names this change",
	snapshot.IncompleteEvent: "a record names the user, and not in full what was changed",
	snapshot.Ambiguous:       "several records could be of this change, and they disagree",
}
