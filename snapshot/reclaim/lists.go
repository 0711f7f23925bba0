package reclaim

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"lictrail/snapshot"
)

// ListRow is a row of a list of users that somebody keeps: requests for seats, or users
// whose seats stay.
type ListRow struct {
	Line     int
	User     string // as it names the user
	Day      *snapshot.Day
	Priority int // 0: not given
	Reason   string
}

// listColumns are the names that a column may have, in any case; spaces and marks in
// them do not count.
var listColumns = map[string][]string{
	"user":     {"user", "upn", "userprincipalname", "username", "mail", "email", "emailaddress", "objectid", "userid", "id"},
	"day":      {"requested", "requestedon", "requestedat", "date", "until", "end", "enddate"},
	"priority": {"priority", "prio", "rank"},
	"reason":   {"reason", "note", "why", "comment"},
}

// ParseList reads a CSV file of users with a header, whose columns are separated by
// commas, semicolons or tabs. It is all good, or an error that names the line.
func ParseList(data []byte) ([]ListRow, error) {
	text := strings.TrimPrefix(string(data), "\ufeff")
	lines := strings.SplitAfter(text, "\n")
	skipped := 0
	for len(lines) > 0 && (strings.HasPrefix(lines[0], "#TYPE") || strings.HasPrefix(strings.ToLower(lines[0]), "sep=") || strings.TrimSpace(lines[0]) == "") {
		lines, skipped = lines[1:], skipped+1
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("the file is empty")
	}
	rows := csv.NewReader(strings.NewReader(strings.Join(lines, "")))
	rows.Comma = ','
	for _, c := range []rune{';', '\t'} {
		if strings.Count(lines[0], string(c)) > strings.Count(lines[0], string(rows.Comma)) {
			rows.Comma = c
		}
	}
	rows.TrimLeadingSpace = true
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", skipped+1, err)
	}
	place := map[string]int{}
	for kind, names := range listColumns {
		place[kind] = -1
		for _, name := range names { // the most specific name first
			i := slices.IndexFunc(header, func(h string) bool { return plainLabel(h) == name })
			if i >= 0 {
				place[kind] = i
				break
			}
		}
	}
	if place["user"] < 0 {
		return nil, fmt.Errorf("line %d: no column names the users: call one of them user, upn, mail or id", skipped+1)
	}
	var list []ListRow
	for {
		cells, err := rows.Read()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := rows.FieldPos(0)
		row, err := listRow(cells, place)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line+skipped, err)
		}
		row.Line = line + skipped
		list = append(list, row)
	}
}

// plainLabel leaves letters and digits of a column's name.
func plainLabel(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

func listRow(cells []string, place map[string]int) (ListRow, error) {
	cell := func(kind string) string {
		if place[kind] < 0 {
			return ""
		}
		return strings.TrimSpace(cells[place[kind]])
	}
	row := ListRow{User: cell("user"), Reason: cell("reason")}
	if row.User == "" {
		return row, fmt.Errorf("no user is named")
	}
	if text := cell("day"); text != "" {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			if day, err = time.Parse(time.RFC3339, text); err != nil {
				return row, fmt.Errorf("%q is not a day such as 2026-03-01", text)
			}
		}
		d := snapshot.DayOf(day)
		row.Day = &d
	}
	if text := cell("priority"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return row, fmt.Errorf("priority %q is not a number from 1 on", text)
		}
		row.Priority = n
	}
	return row, nil
}
