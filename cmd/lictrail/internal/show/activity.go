package show

import (
	"fmt"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
)

// CopilotColumns are columns with the counts of the Copilot report. Cells are empty for
// other seats, and where the report lacks a count.
func CopilotColumns[T any](inText bool, value func(T) *snapshot.CopilotCounts) []Column[T] {
	count := func(pick func(*snapshot.CopilotCounts) *int64) func(T) any {
		return func(row T) any {
			if c := value(row); c != nil && pick(c) != nil {
				return *pick(c)
			}
			return nil
		}
	}
	prompts := count(func(c *snapshot.CopilotCounts) *int64 { return c.Prompts })
	days := count(func(c *snapshot.CopilotCounts) *int64 { return c.ActiveDays })
	columns := []Column[T]{
		{Column: out.Column{Head: "PROMPTS", Spare: 3, Right: true, Rank: 1}, CSV: "copilot_prompts", Cell: prompts},
		{CSV: "copilot_prompts_chat_work", Cell: count(func(c *snapshot.CopilotCounts) *int64 { return c.PromptsWork })},
		{CSV: "copilot_prompts_chat_web", Cell: count(func(c *snapshot.CopilotCounts) *int64 { return c.PromptsWeb })},
		{Column: out.Column{Head: "ACTIVE DAYS", Spare: 4, Right: true, Rank: 1}, CSV: "copilot_active_days", Cell: days},
		{CSV: "copilot_period_days", Cell: func(row T) any {
			if c := value(row); c != nil {
				return c.Days
			}
			return nil
		}},
	}
	if inText {
		columns[0].Text, columns[3].Text = prompts, days
	}
	return columns
}

// CopilotText words the counts for a cell of the page: "12 prompts on 5 of 180 days".
func CopilotText(c *snapshot.CopilotCounts) any {
	if c == nil {
		return nil
	}
	prompts, days := "prompts "+NotKnown, "on days "+NotKnown
	if c.Prompts != nil {
		prompts = Plural(*c.Prompts, "prompt")
	}
	if c.ActiveDays != nil {
		days = fmt.Sprintf("on %d", *c.ActiveDays)
	}
	return fmt.Sprintf("%s %s of %d days", prompts, days, c.Days)
}

type copilotJSON struct {
	PeriodDays  int    `json:"period_days"`
	Prompts     *int64 `json:"prompts"`
	PromptsWork *int64 `json:"prompts_chat_work"`
	PromptsWeb  *int64 `json:"prompts_chat_web"`
	ActiveDays  *int64 `json:"active_days"`
}

func newCopilot(c *snapshot.CopilotCounts) *copilotJSON {
	if c == nil {
		return nil
	}
	return &copilotJSON{c.Days, c.Prompts, c.PromptsWork, c.PromptsWeb, c.ActiveDays}
}

// ActivityJSON is what is known of the use of a seat.
type ActivityJSON struct {
	Last    *lastActivityJSON `json:"last"`
	Known   bool              `json:"known"`
	Sources []string          `json:"sources"`
	Copilot *copilotJSON      `json:"copilot"`
}

// Activity shows what is known of the use of a seat, and which sources have data about
// its user.
func Activity(s reclaim.Seen, sources []snapshot.ActivitySource) *ActivityJSON {
	j := &ActivityJSON{Known: s.Known, Sources: []string{}, Copilot: newCopilot(s.Counts)}
	if s.Last != nil {
		j.Last = &lastActivityJSON{Stamp(s.Last.At), string(s.Last.Kind)}
	}
	for _, source := range sources {
		j.Sources = append(j.Sources, string(source))
	}
	return j
}
