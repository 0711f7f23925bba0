package fleet

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
)

// answers are what the command printed for each tenant, in the order of the
// configuration.
type answers struct {
	*out.Streams
	command string
	format  string
	results []result
}

// verdict is the error with the exit code of all tenants, and who failed.
func (a *answers) verdict() error {
	var codes []int
	var failed []string
	for i := range a.results {
		r := &a.results[i]
		codes = append(codes, r.code)
		if !r.ended() {
			meaning, _ := exit.Meaning(r.code)
			failed = append(failed, fmt.Sprintf("%s (%d, %s)", r.tenant.Name, r.code, meaning))
		}
	}
	worst := exit.Worst(codes...)
	switch worst {
	case exit.Done:
		return nil
	case exit.Changed:
		return exit.ErrChanged
	}
	return someFailed(worst, failed, len(a.results), "lictrail "+a.command+" --tenant-name NAME tries one of them again")
}

func someFailed(code int, failed []string, tenants int, hint string) error {
	return &out.Error{Code: code, Err: exit.ErrSomeTenants, Hint: hint,
		Message: fmt.Sprintf("%d of %s failed: %s", len(failed), out.Plural(tenants, "tenant"), strings.Join(failed, ", "))}
}

// Outcome is how one tenant ended in a command that reads all of them in one process.
type Outcome struct {
	Name string
	Err  error
}

// Verdict warns of every tenant that failed and returns one error for all of them,
// nil where none did. A tenant that is alone ends with its own error.
func Verdict(s *out.Streams, all []Outcome, hint string) error {
	var codes []int
	var failed []string
	for _, o := range all {
		if o.Err == nil {
			continue
		}
		if len(all) == 1 {
			return o.Err
		}
		shown := exit.Explained(o.Err)
		s.Warnf("%s: %s", o.Name, shown.Error())
		codes, failed = append(codes, shown.Code), append(failed, o.Name)
	}
	if len(failed) == 0 {
		return nil
	}
	return someFailed(exit.Worst(codes...), failed, len(all), hint)
}

// print puts the answers together.
func (a *answers) print() error {
	switch a.format {
	case "json":
		return a.printJSON()
	case "csv":
		return a.printCSV()
	}
	for i := range a.results {
		r := &a.results[i]
		if r.out.Len() == 0 {
			continue
		}
		if err := a.Printf("%s\n", r.tenant.Name); err != nil {
			return err
		}
		if _, err := a.Out.Write(append(r.out.Bytes(), '\n')); err != nil {
			return err
		}
	}
	if a.command == "sync" {
		return a.printTable()
	}
	return nil
}

// printTable lists the tenants, each with how its run ended.
func (a *answers) printTable() error {
	table := out.NewTable(out.Column{Head: "TENANT", Min: 12, Rank: 1}, out.Column{Head: "RUN"}, out.Column{Head: "USERS"}, out.Column{Head: "ASSIGNED"},
		out.Column{Head: "CHANGES"}, out.Column{Head: "WARN"}, out.Column{Head: "CODE"}, out.Column{Head: "RESULT", Min: 12, Wrap: true})
	for i := range a.results {
		r := &a.results[i]
		meaning, _ := exit.Meaning(r.code)
		row := []any{r.tenant.Name, nil, nil, nil, nil, nil, r.code, meaning}
		if l := r.run; l != nil {
			copy(row[1:], []any{l.Run, l.Users, l.Assignments, l.Changes, l.Warnings})
		}
		if !r.ended() {
			row[7] = out.Cell{Value: meaning, Style: out.Red}
		}
		table.Row(row...)
	}
	return table.Print(a.Streams)
}

// tenantJSON is one tenant in the answer of a fleet: its document is as the command
// prints it for one tenant.
type tenantJSON struct {
	Name     string          `json:"name"`
	Code     int             `json:"exit_code"`
	Error    *out.ErrorJSON  `json:"error"`
	Document json.RawMessage `json:"document"`
}

func (a *answers) printJSON() error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"schema\": %d,\n  \"tenants\": [", out.Schema)
	for i := range a.results {
		r := &a.results[i]
		t := tenantJSON{Name: r.tenant.Name, Code: r.code}
		if json.Valid(r.out.Bytes()) {
			t.Document = r.out.Bytes()
		}
		if !r.ended() {
			meaning, _ := exit.Meaning(r.code)
			l := cmp.Or(r.failed, &logLine{Message: meaning})
			t.Error = out.NewErrorJSON(out.Error{Code: r.code, Message: l.Message, Hint: l.Hint})
		}
		var item bytes.Buffer
		enc := json.NewEncoder(&item)
		enc.SetEscapeHTML(false)
		enc.SetIndent("    ", "  ")
		if err := enc.Encode(t); err != nil {
			return fmt.Errorf("put the answers together: %w", err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    " + strings.TrimSpace(item.String()))
	}
	b.WriteString("\n  ]\n}\n")
	_, err := a.Out.Write(out.EscapeJSON(b.Bytes()))
	return err
}

// printCSV puts the tenant's name before each record, and leaves out the header row
// of all answers but the first.
func (a *answers) printCSV() error {
	var b bytes.Buffer
	for i := range a.results {
		r := &a.results[i]
		text := bytes.TrimPrefix(r.out.Bytes(), byteOrderMark)
		if b.Len() == 0 && len(text) > 0 {
			if !a.OutTTY { // as [out.NewCSV] has it
				b.Write(r.out.Bytes()[:r.out.Len()-len(text)])
			}
		} else if text = text[len(firstRecord(text)):]; len(text) == 0 {
			continue
		}
		name := r.tenant.Name
		if i == a.firstAnswer() {
			name = "tenant" // the header row
		}
		for len(text) > 0 {
			record := firstRecord(text)
			b.WriteString(name + ",")
			b.Write(record)
			text, name = text[len(record):], r.tenant.Name
		}
	}
	_, err := a.Out.Write(b.Bytes())
	return err
}

// firstAnswer is the index of the first tenant with an answer.
func (a *answers) firstAnswer() int {
	return slices.IndexFunc(a.results, func(r result) bool { return r.out.Len() > 0 })
}

var byteOrderMark = []byte("\ufeff")

// firstRecord is the first record of CSV; a line end between quotes is part of it.
func firstRecord(text []byte) []byte {
	quoted := false
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\n' && !quoted:
			return text[:i+1]
		}
	}
	return text
}
