// Package config reads the file that sets flags once and for all, and names the
// tenants of a fleet. It knows TOML and lines; which keys there are, and what
// may stand in them, is for the flags to say.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// File is a file of settings.
type File struct {
	Name    string
	Values  Values
	Tenants []Tenant // in the order of the file
}

// Values has the values by their keys, tables joined by dots: "sync.patience".
type Values map[string]Value

// Value is what a key is set to, as a flag would be given it.
type Value struct {
	Line  int
	Texts []string // one, or for a list any number
	List  bool
}

// Text is the value as one would write it on the command line.
func (v Value) Text() string { return strings.Join(v.Texts, ",") }

// Tenant is one table [[tenant]].
type Tenant struct {
	Line      int
	Name      string
	EnvPrefix string // of the variables that are this tenant's alone; "" for none
	Values    Values // what differs for this tenant
}

// Tenant returns the tenant of a name; nil when there is none.
func (f *File) Tenant(name string) *Tenant {
	i := slices.IndexFunc(f.Tenants, func(t Tenant) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &f.Tenants[i]
}

// Error is something wrong in a file.
type Error struct {
	File    string
	Line    int // 0 when not known
	Message string
	Hint    string
}

func (e *Error) Error() string { return e.Place() + ": " + e.Message }

// Place is where it stands.
func (e *Error) Place() string { return Place(e.File, e.Line) }

// Place words a line of a file.
func Place(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s, line %d", file, line)
}

// Parse reads a file. Errors are *Error.
func Parse(name string, data []byte) (*File, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		return nil, explain(name, err)
	}
	p := parser{name: name, lines: lines(data)}
	f := &File{Name: name, Values: Values{}}
	tenants, _ := tree["tenant"].([]any)
	if tenants != nil {
		delete(tree, "tenant") // as a string it is the flag of that name
	}
	if err := p.flatten(f.Values, tree, "", ""); err != nil {
		return nil, err
	}
	for i, t := range tenants {
		tenant, err := p.tenant(t, fmt.Sprintf("tenant.%d", i))
		if err != nil {
			return nil, err
		}
		if twin := f.Tenant(tenant.Name); twin != nil {
			return nil, p.wrong(tenant.Line, "give each a name of its own", "a tenant named %q is there already, in line %d", tenant.Name, twin.Line)
		}
		f.Tenants = append(f.Tenants, *tenant)
	}
	return f, nil
}

func explain(name string, err error) *Error {
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		line, _ := wrong.Position()
		return &Error{File: name, Line: line, Message: strings.TrimPrefix(wrong.Error(), "toml: ")}
	}
	return &Error{File: name, Message: strings.TrimPrefix(err.Error(), "toml: ")}
}

type parser struct {
	name  string
	lines map[string]int
}

func (p parser) wrong(line int, hint, format string, args ...any) *Error {
	return &Error{File: p.name, Line: line, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// line finds where a key stands: itself, or the table or list around it.
func (p parser) line(path string) int {
	for {
		if line, ok := p.lines[path]; ok {
			return line
		}
		dot := strings.LastIndexByte(path, '.')
		if dot < 0 {
			return 0
		}
		path = path[:dot]
	}
}

// flatten joins the keys of nested tables. root is where the tree stands in the
// file, key what stands before its keys.
func (p parser) flatten(to Values, tree map[string]any, root, key string) error {
	for name, v := range tree {
		path, full := join(root, name), join(key, name)
		if table, ok := v.(map[string]any); ok {
			if err := p.flatten(to, table, path, full); err != nil {
				return err
			}
			continue
		}
		value, ok := valueOf(v)
		if !ok {
			return p.wrong(p.line(path), "", "%s: want a text, a number, true or false, a date, or a list of these", full)
		}
		value.Line = p.line(path)
		to[full] = value
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func valueOf(v any) (Value, bool) {
	list, ok := v.([]any)
	if !ok {
		text, ok := textOf(v)
		return Value{Texts: []string{text}}, ok
	}
	value := Value{List: true, Texts: []string{}}
	for _, item := range list {
		text, ok := textOf(item)
		if !ok {
			return value, false
		}
		value.Texts = append(value.Texts, text)
	}
	return value, true
}

// textOf writes a scalar as a flag takes it.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64, bool:
		return fmt.Sprint(v), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case toml.LocalDate:
		return v.String(), true
	case interface{ MarshalText() ([]byte, error) }: // a time with its zone
		text, err := v.MarshalText()
		return string(text), err == nil
	}
	return "", false
}

// tenantName is what a tenant may be called: the name goes into CSV, labels and
// the beginning of lines.
var tenantName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// prefix is what the names of variables may begin with.
var prefix = regexp.MustCompile(`^[A-Z][A-Z0-9_]*_$`)

func (p parser) tenant(v any, path string) (*Tenant, error) {
	t := &Tenant{Line: p.line(path), Values: Values{}}
	tree, ok := v.(map[string]any)
	if !ok {
		return nil, p.wrong(p.line("tenant"), "a table [[tenant]] for each, or tenant = \"ID\" for the only one", "tenant is a list of something else than tables")
	}
	if err := p.flatten(t.Values, tree, path, ""); err != nil {
		return nil, err
	}
	take := func(key string) (Value, bool) {
		value, ok := t.Values[key]
		delete(t.Values, key)
		return value, ok
	}
	name, named := take("name")
	if t.Name = name.Text(); !named || !tenantName.MatchString(t.Name) {
		return nil, p.wrong(max(name.Line, t.Line), `name = "contoso", of letters, digits, dots and dashes`, "a table [[tenant]] needs a name, not %q", t.Name)
	}
	before, given := take("env-prefix")
	if t.EnvPrefix = before.Text(); given && !prefix.MatchString(t.EnvPrefix) {
		return nil, p.wrong(before.Line, `env-prefix = "CONTOSO_"`, "env-prefix %q: want capital letters, digits and a _ at the end", t.EnvPrefix)
	}
	if strings.HasPrefix(t.EnvPrefix, "LICTRAIL_") || strings.HasPrefix(t.EnvPrefix, "AZURE_") {
		return nil, p.wrong(before.Line, `env-prefix = "CONTOSO_"`, "env-prefix %q is that of variables for every tenant", t.EnvPrefix)
	}
	return t, nil
}

// lines finds the line of every key and table of a file that is known to be
// valid, by its path: "sync.patience", and "tenant.0.db" in a list of tables.
func lines(data []byte) map[string]int {
	found := map[string]int{}
	count := map[string]int{} // of the tables in each list
	var p unstable.Parser
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		path, line := place(&p, e)
		switch e.Kind {
		case unstable.Table:
			table = within(path, count)
			found[table] = line
		case unstable.ArrayTable:
			list := within(path, count)
			table = fmt.Sprintf("%s.%d", list, count[list])
			count[list]++
			found[table] = line
		case unstable.KeyValue:
			found[join(table, path)] = line
		}
	}
	return found
}

// place returns the dotted key of an expression and its line.
func place(p *unstable.Parser, e *unstable.Node) (path string, line int) {
	for it := e.Key(); it.Next(); {
		path = join(path, string(it.Node().Data))
		if line == 0 {
			line = p.Shape(it.Node().Raw).Start.Line
		}
	}
	return path, line
}

// within puts the number of its newest table behind a list that a path begins with.
func within(path string, count map[string]int) string {
	for list, n := range count {
		if rest, ok := strings.CutPrefix(path, list+"."); ok {
			return fmt.Sprintf("%s.%d.%s", list, n-1, rest)
		}
	}
	return path
}
