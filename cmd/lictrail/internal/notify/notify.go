// Package notify reports to people and programs what a run has found: a webhook,
// Microsoft Teams, Slack, or a mailbox. A message is built without knowing how it
// is sent, and sending knows nothing of what a message says. It has three rules:
//
//   - What a receiver is sent fits its limits, and says what was left out.
//   - Nothing in a message becomes markup, a link or a mention because somebody
//     chose such a name.
//   - An address of a webhook is a secret, as a password is: an error names the
//     host only.
package notify

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/snapshot"
)

// Event is what a message is about.
type Event string

const (
	Ran    Event = "run"     // a run became history
	Failed Event = "failure" // a run did not do what it was asked to
	Test   Event = "test"    // somebody wants to see whether messages arrive
)

// Message is what there is to say.
type Message struct {
	ID      string // the same however often it is tried: a receiver can recognize a repetition
	At      time.Time
	Version string // of this program
	Event   Event
	Tenant  out.Tenant
	Run     any   // the row of runs, as JSON has it; nil: none was recorded
	Number  int64 // of the run; 0 for none
	First   bool  // it compares with nothing

	ByKind, ByCause []Count  // all changes of the run
	DateMoves       int      // of these, moves of Microsoft's date and nothing else
	By              []Party  // who is responsible for the changes, moves of dates left out, the most first
	Unexplained     int      // changes without a known cause, moves of dates left out
	Open            []Change // the first of them

	Warnings []snapshot.Warning
	Gaps     []out.Gap // what the run could not read, and what it says of changes would need
	NotKnown []string  // the same in sentences
	Head     string    // at the end of the chain of runs; "" where it could not be read
	Failure  *Failure  // why the run failed

	Page *page.Page // the week in full, for mail; nil: there is none, or it may not be sent
}

// Count is how often a word applies.
type Count struct {
	Label string
	N     int
}

// Party is somebody who is responsible for changes, as programs and as people take it.
type Party struct {
	JSON any
	Text string
	N    int // changes
}

// maxParties is how many parties a message names.
const maxParties = 5

// Change is a change as programs and as people take it.
type Change struct {
	JSON any
	Text string
}

// Failure is an error as [out.Error] shows it.
type Failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// MaxOpen is how many changes a message lists at most; more need not be given.
const MaxOpen = 100

// Changes counts what changed, moves of Microsoft's dates left out.
func (m *Message) Changes() int { return total(m.ByKind) - m.DateMoves }

func total(counts []Count) int {
	n := 0
	for _, c := range counts {
		n += c.N
	}
	return n
}

// Title says it in a line.
func (m *Message) Title() string {
	of := shown(orElse(m.Tenant.Name, m.Tenant.ID), 60)
	if of != "" {
		of = " of " + of
	}
	switch {
	case m.Event == Test:
		return "lictrail: this is a test"
	case m.Event == Failed:
		return fmt.Sprintf("lictrail: the run%s failed", of)
	case m.First:
		return fmt.Sprintf("lictrail: tracking%s begins", of)
	case m.Changes() == 0 && len(m.NotKnown) > 0:
		return "lictrail: no change seen in the licenses" + of + ", and not all was read"
	case m.Changes() == 0:
		return "lictrail: no change in the licenses" + of
	}
	title := fmt.Sprintf("lictrail: %s in the licenses%s", plural(m.Changes(), "change"), of)
	if m.Unexplained > 0 {
		title += fmt.Sprintf(", %d unexplained", m.Unexplained)
	}
	return title
}

// lines are the facts of a message, in the order in which they are read.
func (m *Message) lines() []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if m.Event == Test {
		add("Messages of lictrail arrive here. Nothing was read and nothing has changed.")
	}
	if m.Failure != nil {
		add("Exit code %d: %s.", m.Failure.Code, strings.TrimSuffix(shown(m.Failure.Message, 600), "."))
		if m.Failure.Hint != "" {
			add("Try: %s.", strings.TrimSuffix(shown(m.Failure.Hint, 300), "."))
		}
	}
	if m.First {
		add("Run %d is the first: what it found was there before. Changes show from the next run on.", m.Number)
	} else if m.Event == Ran && m.Changes() == 0 && len(m.NotKnown) > 0 {
		add("Run %d shows what the run before it showed.", m.Number)
	} else if m.Event == Ran {
		add("Run %d: %s.", m.Number, plural(m.Changes(), "change"))
	}
	if m.DateMoves > 0 {
		add("Besides, Microsoft's date of %s moved, and nothing else shows.", plural(m.DateMoves, "assignment"))
	}
	if len(m.ByKind) > 0 {
		add("What: %s.", words(m.ByKind))
		add("Causes: %s.", words(m.ByCause))
	}
	if by := m.by(); by != "" {
		add("By: %s.", by)
	}
	for _, text := range m.NotKnown {
		add("%s", shown(text, 400))
	}
	return lines
}

// by names those who are responsible for the most changes: "ada@contoso.com 3, not
// known 1".
func (m *Message) by() string {
	var texts []string
	for i, p := range m.By {
		if i == maxParties {
			texts = append(texts, fmt.Sprintf("%d others", len(m.By)-maxParties))
			break
		}
		texts = append(texts, fmt.Sprintf("%s %d", shown(p.Text, 120), p.N))
	}
	return strings.Join(texts, ", ")
}

// words counts in words: "3 removed, 1 path-moved".
func words(counts []Count) string {
	texts := make([]string, len(counts))
	for i, c := range counts {
		texts[i] = fmt.Sprintf("%d %s", c.N, c.Label)
	}
	return strings.Join(texts, ", ")
}

// open lists unexplained changes for people, n at most, and says how many more
// there are and how to see them.
func (m *Message) open(n int) []string {
	var list []string
	for i, c := range m.Open {
		if i == n {
			break
		}
		list = append(list, shown(c.Text, 300))
	}
	if left := m.Unexplained - len(list); left > 0 {
		list = append(list, fmt.Sprintf("and %d more: lictrail changes --run %d --cause unknown", left, m.Number))
	}
	return list
}

// warnings lists warnings for people, n at most.
func (m *Message) warnings(n int) []string {
	var list []string
	for i, w := range m.Warnings {
		if i == n {
			break
		}
		list = append(list, shown(w.Code+": "+w.Message, 400))
	}
	if left := len(m.Warnings) - len(list); left > 0 {
		list = append(list, fmt.Sprintf("and %d more: lictrail runs show %d", left, m.Number))
	}
	return list
}

// headLine shows the head, and what it is for.
func (m *Message) headLine() string {
	if m.Head == "" {
		return ""
	}
	return fmt.Sprintf("Head %s: keep it. Given to lictrail verify --head, it proves later that nothing up to this run was altered.", m.Head)
}

// listed is a list under its heading.
type listed struct {
	heading string
	items   []string
}

// lists are the parts of a message that may be long, n items of each at most.
func (m *Message) lists(n int) []listed {
	var all []listed
	for _, l := range []listed{{"Unexplained", m.open(n)}, {"Warnings", m.warnings(n)}} {
		if len(l.items) > 0 {
			all = append(all, l)
		}
	}
	return all
}

// fit builds a message with as many items in its lists as the limit allows.
func fit(limit, items int, build func(items int) ([]byte, error)) ([]byte, error) {
	for {
		body, err := build(items)
		if err != nil || len(body) <= limit || items == 0 {
			return body, err
		}
		items /= 2
	}
}

// shown makes a text fit to be shown, and no longer than so many characters.
func shown(text string, limit int) string {
	return cut(out.Safe(cut(text, limit)), limit)
}

// cut shortens a text to so many characters.
func cut(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	n := 0
	for i := range text {
		if n == limit-1 {
			return text[:i] + "…"
		}
		n++
	}
	return text
}

func orElse(text, other string) string {
	if text != "" {
		return text
	}
	return other
}

// plural counts things: "1 user", "3 users".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
