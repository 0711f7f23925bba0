package replay

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"lictrail/internal/golden"
	"lictrail/snapshot"
)

// TestSolve lists the histories of each file in testdata.
//
//	-- problem --    the paths in both snapshots and the records between them
//	-- histories --  what Solve makes of it
//
// The snapshots are of two Mondays, 04:00 to 04:10. A file may have several
// problems.
func TestSolve(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			for i, f := range ar.Files {
				if strings.HasPrefix(f.Name, "problem") {
					got = solveText(t, string(f.Data))
					continue
				}
				ar.Files[i].Data = []byte(got)
			}
			golden.File(t, name, string(txtar.Format(ar)))
		})
	}
}

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

var days = []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon2"}

// clock parses a day and a time, such as "Tue 09:00" or "Tue 09:00:30".
func clock(t *testing.T, day, at string) time.Time {
	t.Helper()
	if len(at) == len("09:00") {
		at += ":00"
	}
	c, err := time.Parse(time.TimeOnly, at)
	d := slices.Index(days, day)
	if day == "Sun0" {
		d, err = -1, nil
	} else if d < 0 || err != nil {
		t.Fatalf("bad time %q %q", day, at)
	}
	return monday.AddDate(0, 0, d).Add(c.Sub(c.Truncate(24 * time.Hour)))
}

// parseProblem reads lines such as
//
//	path G1 held Sun0 10:00 -> held Wed 08:02 gives yes yes
//	Tue 09:00 left G1
//	Wed 08:02 engine yes -> no
func parseProblem(t *testing.T, text string) (*Problem, []string) {
	t.Helper()
	p := &Problem{Start: monday.Add(4 * time.Hour), StartUntil: monday.Add(4*time.Hour + 10*time.Minute)}
	p.End, p.EndUntil = p.Start.AddDate(0, 0, 7), p.StartUntil.AddDate(0, 0, 7)
	p.Covered = func(from, to time.Time) bool { return true }
	var names []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "path":
			names = append(names, f[1])
			p.Paths = append(p.Paths, parsePath(t, f[1], f[2:]))
		case f[0] == "kept":
			p.Kept = true
		case f[0] == "lapsed":
			p.Lapsed = true
		case f[0] == "uncovered":
			from, to := clock(t, f[1], f[2]), clock(t, f[3], f[4])
			p.Covered = func(a, b time.Time) bool { return !a.Before(to) || !b.After(from) }
		case f[0] == "listed":
			for _, word := range f[1:] {
				p.Listed = append(p.Listed, fact(word))
			}
		default:
			p.Points = append(p.Points, parsePoint(t, names, f))
		}
	}
	slices.SortStableFunc(p.Points, func(a, b Point) int { return a.At.Compare(b.At) })
	return p, names
}

func fact(word string) Fact {
	return map[string]Fact{"yes": Yes, "no": No}[word]
}

func parsePath(t *testing.T, name string, f []string) Path {
	t.Helper()
	p := Path{Kind: snapshot.ByGroup}
	switch name {
	case "direct":
		p.Kind = snapshot.Direct
	case "unknown":
		p.Kind = snapshot.Unknown
	}
	row := &p.Before
	for i := 0; i < len(f); i++ {
		switch f[i] {
		case "->":
			row = &p.After
		case "held":
			row.Held = true
		case "failed":
			row.Failed = true
		case "none":
		case "excused":
			p.Excused = true
		case "returned":
			p.Returned = true
		case "hidden":
			p.Hidden = true
		case "gives":
			p.GivesBefore, p.GivesAfter = fact(f[i+1]), fact(f[i+2])
			i += 2
		default:
			row.Date = clock(t, f[i], f[i+1])
			i++
		}
	}
	return p
}

func parsePoint(t *testing.T, names, f []string) Point {
	t.Helper()
	p := Point{At: clock(t, f[0], f[1]), Named: None, Path: None}
	kinds := map[string]PointKind{"joined": Joined, "left": Left, "set": GroupSet, "recalculated": Recalculated,
		"saved": Saved, "engine": Engine, "either": Either, "deleted": Deleted}
	kind, ok := kinds[f[2]]
	if !ok {
		t.Fatalf("bad point %q", f)
	}
	p.Kind = kind
	rest := f[3:]
	if kind < Saved {
		p.Path, rest = slices.Index(names, rest[0]), rest[1:]
	}
	if len(rest) >= 3 {
		p.Before, p.After = fact(rest[0]), fact(rest[2])
		rest = rest[3:]
	}
	if len(rest) == 1 && rest[0] == "ends" {
		p.Ends, rest = true, nil
	}
	if len(rest) == 2 && rest[0] == "names" {
		p.Named = slices.Index(names, rest[1])
	}
	return p
}

func solveText(t *testing.T, text string) string {
	p, names := parseProblem(t, text)
	r := Solve(p)
	if r.Bounded {
		return "bounded\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "least cost %d\n", r.Cost)
	list := slices.Clone(r.Histories)
	var texts []string
	for _, h := range list {
		texts = append(texts, historyText(p, names, h))
	}
	slices.Sort(texts)
	b.WriteString(strings.Join(texts, ""))
	return b.String()
}

func historyText(p *Problem, names []string, h History) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%2d", h.Cost)
	for _, m := range h.Moves {
		act := map[Act]string{On: "on", Off: "off", Redated: "redated"}[m.Act]
		fmt.Fprintf(&b, "\n   %s %s", names[m.Path], act)
		if m.Turns {
			b.WriteString(", turns")
		}
		switch {
		case m.By != None:
			fmt.Fprintf(&b, ", by the record of %s", stamp(p.Points[m.By].At))
		default:
			b.WriteString(", " + map[Why]string{Followed: "followed", Unlogged: "without a record", Failed: "failed", Excused: "excused", Lapsed: "lapsed"}[m.Why])
		}
		if m.Cause != None {
			fmt.Fprintf(&b, ", after the step of %s", stamp(p.Points[m.Cause].At))
		}
		if m.From.Equal(m.To) {
			fmt.Fprintf(&b, ", %s", stamp(m.From))
		} else {
			fmt.Fprintf(&b, ", %s to %s", stamp(m.From), stamp(m.To))
		}
	}
	b.WriteString("\n")
	return b.String()
}

func stamp(t time.Time) string {
	d := int(t.Sub(monday).Hours()+24)/24 - 1
	name := "Sun0"
	if d >= 0 {
		name = days[d]
	}
	return name + " " + strings.TrimSuffix(t.Format(time.TimeOnly), ":00")
}
