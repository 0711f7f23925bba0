package graph

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"lictrail/snapshot"
)

const copilotFunction = "getMicrosoft365CopilotUsageUserDetail(period='D180'"

// copilotPlaces: the report has moved below /copilot
// (learn.microsoft.com/microsoft-365/copilot/extensibility/api/admin-settings/reports/copilotreportroot-getmicrosoft365copilotusageuserdetail),
// where version 2 adds counts and more dates. The old address is asked only where
// Graph does not know the new one; it gives JSON unless it is asked for CSV.
var copilotPlaces = []place{
	{path: "/copilot/reports/" + copilotFunction + ",version='v2')", richer: true},
	{path: "/copilot/reports/" + copilotFunction + ")"},
	{path: "/reports/" + copilotFunction + ")?$format=text/csv"},
}

// countColumn is a column with a count.
type countColumn int

const (
	promptsColumn countColumn = iota + 1
	promptsWorkColumn
	promptsWebColumn
	activeDaysColumn
)

// copilotApps are the kinds of use by the words that distinguish their columns. The
// words that all of the columns share are left out: Microsoft, 365, Copilot, app.
var copilotApps = map[string]snapshot.ActivityKind{
	"chat": snapshot.UsedCopilotChat, "chat work": snapshot.UsedCopilotChatWork, "chat web": snapshot.UsedCopilotChatWeb,
	"": snapshot.UsedCopilotApp, "edge": snapshot.UsedCopilotEdge, "agent": snapshot.UsedCopilotAgent,
	"teams": snapshot.UsedCopilotTeams, "word": snapshot.UsedCopilotWord, "excel": snapshot.UsedCopilotExcel,
	"powerpoint": snapshot.UsedCopilotPowerPoint, "outlook": snapshot.UsedCopilotOutlook, "onenote": snapshot.UsedCopilotOneNote,
	"loop": snapshot.UsedCopilotLoop,
}

var copilotCounts = map[string]countColumn{
	"prompts submitted": promptsColumn, "prompts submitted for all apps": promptsColumn,
	"prompts submitted for copilot chat work": promptsWorkColumn, "prompts submitted for copilot chat web": promptsWebColumn,
	"active usage days": activeDaysColumn, "active usage days for all apps": activeDaysColumn,
}

// copilotColumn sorts the columns of the Copilot report by the words of their
// names: "Copilot Chat (work) Last Activity Date" in one edition is "Last activity
// date of Copilot Chat (work) (UTC)" in another.
func copilotColumn(header string) (snapshot.ActivityKind, countColumn) {
	words := strings.FieldsFunc(strings.ToLower(header), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	words = slices.DeleteFunc(words, func(w string) bool { return w == "utc" })
	name := strings.Join(words, " ")
	if count, ok := copilotCounts[name]; ok {
		return "", count
	}
	app, dated := strings.CutSuffix(name, " last activity date")
	if !dated {
		app, dated = strings.CutPrefix(name, "last activity date of ")
	}
	if !dated {
		return "", 0
	}
	shared := []string{"microsoft", "365", "m365", "copilot", "app"}
	own := slices.DeleteFunc(strings.Fields(app), func(w string) bool { return slices.Contains(shared, w) })
	return copilotApps[strings.Join(own, " ")], 0
}

// optionalColumn is a column that need not be there: a kind of use, or a count.
type optionalColumn struct {
	header string
	kind   snapshot.ActivityKind
	count  countColumn
}

// bind finds the optional columns of a file.
func (report *usageReport) bind(header []string) []optionalColumn {
	if report.optional == nil {
		return nil
	}
	var found []optionalColumn
	for _, name := range header {
		if kind, count := report.optional(name); kind != "" || count != 0 {
			found = append(found, optionalColumn{name, kind, count})
		}
	}
	return found
}

// takeOptional adds what the optional columns say of a user. A cell that is empty
// says nothing: it is not 0.
func takeOptional(entry *snapshot.ActivityRow, row map[string]string, columns []optionalColumn) error {
	var counts snapshot.CopilotCounts
	for _, c := range columns {
		if c.kind != "" {
			at, err := usageDay(c.header, row)
			if err != nil {
				return err
			}
			if !at.IsZero() {
				entry.Uses = append(entry.Uses, snapshot.Use{Kind: c.kind, At: at})
			}
			continue
		}
		n, err := usageCount(c.header, row)
		if err != nil {
			return err
		}
		switch c.count {
		case promptsColumn:
			counts.Prompts = n
		case promptsWorkColumn:
			counts.PromptsWork = n
		case promptsWebColumn:
			counts.PromptsWeb = n
		case activeDaysColumn:
			counts.ActiveDays = n
		}
	}
	if counts == (snapshot.CopilotCounts{}) {
		return nil
	}
	days, err := strconv.Atoi(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(row[columnPeriod])), "D"))
	if err != nil || days <= 0 {
		days = int(halfYear.Hours() / 24) // what was asked for
	}
	counts.Days = days
	entry.Counts = &counts
	return nil
}

// usageCount reads a number; nil where the cell is empty.
func usageCount(column string, row map[string]string) (*int64, error) {
	text := strings.TrimSpace(row[column])
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("column %q has %q, which is no count", column, clip(text))
	}
	return &n, nil
}
