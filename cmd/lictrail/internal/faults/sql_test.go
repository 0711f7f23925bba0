package faults

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lictrail/graph/graphtest"
)

// inStatements are the expressions, everywhere or in a function, that stand in
// SQL texts and are not seen to be constant, and why none can come from outside.
var inStatements = map[string]string{
	"l.Name":                                 "a table that tables.go declares",
	"t.Name":                                 "a table that tables.go declares",
	"l.keyText()":                            "columns of a key, as the schema has them, quoted",
	"l.qualifiedKey()":                       "columns of a key, as the schema has them, quoted",
	"l.fromRun()":                            "a column that tables.go declares",
	"q.text":                                 "conditions, which take constant texts",
	"add: condition":                         "constant at every call of conditions.add",
	"skuPlans: where":                        "constant at both calls",
	"keys: where":                            "quoted columns, with places for values",
	"drop: where":                            "a column that tables.go declares",
	"t.name":                                 "a table of the lake, constant",
	"ledger.ForgottenName":                   "constant",
	"Insertion: table":                       "constant at every call, or a table that tables.go declares",
	"rankSome: c.text":                       "conditions, which take constant texts",
	"Prunable: name":                         "a table that tables.go declares",
	"Prunable: where":                        "columns that tables.go declares",
	"unpruned: strings.Join(full, \" OR \")": "quoted columns, with places for values",
	"query: marks(n, func(i int) any { return string(f.SKUs[i]) })": "numbers of places",
	"query: marks(n, func(i int) any { return f.Users[i].Row })":    "numbers of places",
	"Insertion: strings.Join(columns, \", \")":                      "columns, constant at every call",
	"sameVersion: c":                            "columns, constant at every call",
	"indexLater: name":                          "one of three constant names",
	"lasting: strings.Join(all, \", \")":        "columns, constant at every call",
	"lasting: strings.Join(key, \" = ? AND \")": "columns, constant at every call",
	"step: to":                           "the number of a migration",
	"query: arg(string(sku))":            "a number of a place",
	"query: arg(string(c.Group))":        "a number of a place",
	"query: strings.Join(any, \" OR \")": "columns, with places for values",
	"query: strings.Join(marks, \", \")": "numbers of places",
	"addUsersAt: marks":                  "places for values",
	"package: snapshot.AgentType":        "constant",
	"withoutForeignKeys: on":             "0 or 1",
	"FirstUses: days":                    "no statement: a sentence for people",
	// Views that export prints for other engines, and that lictrail never runs.
	"package: name": "a table of the lake, constant",
	"package: strings.ReplaceAll(location, \"`\", \"``\")": "the place that the caller gave, quoted",
	"package: quoted(location)":                            "the place that the caller gave, quoted",
	"duckTable: strings.Join(columns, \", \")":             "columns of the lake, constant",
	"duckTable: quoted(location + \"/\")":                  "the place that the caller gave, quoted",
	"duckTable: quoted(none)":                              "the place that the caller gave, quoted",
	"duckTable: quoted(location + \"/_delta_log/*.json\")": "the place that the caller gave, quoted",
}

// TestP10_SQL reads every statement in our sources, and then sends names through
// all of them that would break one.
func TestP10_SQL(t *testing.T) {
	excused := map[string]bool{}
	for _, dir := range sqlPackages(t) {
		for _, at := range looseSQL(t, dir, excused) {
			t.Errorf("%s: %s is not constant and becomes part of a statement: bind it, or say in inStatements where it comes from", dir, at)
		}
	}
	for at := range inStatements {
		if !excused[at] {
			t.Errorf("inStatements has %s, which is no part of a statement", at)
		}
	}
	names, asked := hostileNames(t)
	publish(t, "P10", "SQL: parts of statements that are neither constant nor bound; names with quotes, NUL and 1 MB through runs and every reading command",
		"every identifier constant, values bound; 0 failures", "0 parts that are not constant, beside %d kinds of names and places that are listed with their origin; %d names, %d questions: 0 failed, 0 altered",
		len(excused), names, asked)
}

// TestP10_Lint: what the reading of sources must find, and what not.
func TestP10_Lint(t *testing.T) {
	dir := t.TempDir()
	source := `package p
const columns = "a, b"
func f(name string, n int) {
	use("SELECT " + columns + " FROM t WHERE a = ?", name)
	use("SELECT * FROM t WHERE a = '" + name + "'")
	where := " WHERE a = ?"
	where += " AND b = ?"
	use("SELECT 1 FROM t" + where + given("a"))
	use(fmt.Sprintf("DELETE FROM t WHERE a = %s AND b = %d", bad(name), 7))
	query := "SELECT 1"
	query += " WHERE " + name
	query += clause
	report("it says " + name)
}
func given(column string) string { return " AND " + column + " = ?" }`
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := looseSQL(t, dir, map[string]bool{}), []string{"f: name", "f: given(\"a\")", "f: bad(name)", "f: name", "f: clause"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// sqlPackages are the folders of our packages that use a database.
func sqlPackages(t *testing.T) []string {
	t.Helper()
	dirs := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "\"database/sql\"\n") {
			dirs[filepath.Dir(path)] = true
		}
		return err
	})
	if err != nil || len(dirs) < 2 {
		t.Fatal(dirs, err)
	}
	return slices.Sorted(maps.Keys(dirs))
}

// looseSQL lists what is put into SQL texts by + or Sprintf in the sources of a
// folder, is not constant and not excused by inStatements.
func looseSQL(t *testing.T, dir string, excused map[string]bool) []string {
	t.Helper()
	l := &sqlLint{files: token.NewFileSet(), constant: map[string]bool{}, calls: map[string][]call{}, known: map[string]bool{}, excused: excused}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var functions []*ast.FuncDecl
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(l.files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				f = &ast.FuncDecl{Name: ast.NewIdent("package"), Type: &ast.FuncType{Params: &ast.FieldList{}}, Body: &ast.BlockStmt{List: []ast.Stmt{&ast.DeclStmt{Decl: d}}}}
			}
			functions = append(functions, f)
			ast.Inspect(f, func(n ast.Node) bool { l.collect(n, f); return true })
		}
	}
	for _, f := range functions {
		l.within = f
		ast.Inspect(f, l.look)
	}
	return l.loose
}

type sqlLint struct {
	files    *token.FileSet
	constant map[string]bool   // names of constants
	calls    map[string][]call // by name of the function
	known    map[string]bool   // whether a variable can only be constant, while and after it is found out
	within   *ast.FuncDecl     // the function that is read
	excused  map[string]bool   // entries of inStatements that were met
	loose    []string
}

// call is a call, and the function it stands in.
type call struct {
	*ast.CallExpr
	in *ast.FuncDecl
}

func (l *sqlLint) collect(n ast.Node, in *ast.FuncDecl) {
	switch n := n.(type) {
	case *ast.GenDecl:
		for _, s := range n.Specs {
			if s, ok := s.(*ast.ValueSpec); ok && n.Tok == token.CONST {
				for _, name := range s.Names {
					l.constant[name.Name] = true
				}
			}
		}
	case *ast.CallExpr:
		name := nameOf(n.Fun)
		l.calls[name] = append(l.calls[name], call{n, in})
	}
}

// nameOf is the last part of a name.
func nameOf(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

// sqlWord is a word by which a text is known to be SQL.
var sqlWord = regexp.MustCompile(`\b(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA|ATTACH|VACUUM|FROM|WHERE|AND|OR|IN|IS|VALUES|ORDER BY|SET|JOIN)\b`)

// look takes apart the outermost expression that makes a text.
func (l *sqlLint) look(n ast.Node) bool {
	var parts []ast.Expr
	switch n := n.(type) {
	case *ast.BinaryExpr:
		parts = operands(n)
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Sprintf" {
			parts = n.Args
		}
	case *ast.AssignStmt:
		if name, ok := n.Lhs[0].(*ast.Ident); ok && n.Tok == token.ADD_ASSIGN && name.Name == "query" {
			parts = append(operands(n.Rhs[0]), &ast.BasicLit{Kind: token.STRING, Value: "SELECT"})
		}
	}
	if !slices.ContainsFunc(parts, func(x ast.Expr) bool {
		text, ok := x.(*ast.BasicLit)
		return ok && text.Kind == token.STRING && sqlWord.MatchString(text.Value)
	}) {
		return true
	}
	for _, x := range parts {
		if !l.isConstant(x, l.within) {
			l.loose = append(l.loose, l.at(x, l.within))
		}
	}
	return false
}

// at names an expression and the function in which it stands.
func (l *sqlLint) at(x ast.Expr, in *ast.FuncDecl) string {
	var b strings.Builder
	must(printer.Fprint(&b, l.files, x))
	return in.Name.Name + ": " + b.String()
}

// operands are the terms of a sum.
func operands(x ast.Expr) []ast.Expr {
	if sum, ok := x.(*ast.BinaryExpr); ok && sum.Op == token.ADD {
		return append(operands(sum.X), operands(sum.Y)...)
	}
	return []ast.Expr{x}
}

// isConstant reports whether a part can only be made of constants, of numbers
// of places and of names that engine.QuoteAll quotes.
func (l *sqlLint) isConstant(x ast.Expr, in *ast.FuncDecl) bool {
	all := func(list []ast.Expr) bool {
		return !slices.ContainsFunc(list, func(x ast.Expr) bool { return !l.isConstant(x, in) })
	}
	switch x := x.(type) {
	case *ast.BasicLit:
		return true
	case *ast.BinaryExpr:
		return all([]ast.Expr{x.X, x.Y})
	case *ast.CallExpr:
		switch nameOf(x.Fun) {
		case "QuoteAll", "len":
			return true
		case "Sprintf":
			return all(x.Args)
		case "Repeat":
			return all(x.Args[:1])
		}
	case *ast.Ident:
		if l.constant[x.Name] || l.variable(x.Name, in) {
			return true
		}
	}
	at := l.at(x, in)
	_, anywhere, _ := strings.Cut(at, ": ")
	for _, known := range []string{at, anywhere} {
		if inStatements[known] != "" {
			l.excused[known] = true
			return true
		}
	}
	return false
}

// variable reports whether a variable of a function is given nothing but what
// is constant, be it by assignment or, if it is a parameter, by every caller.
func (l *sqlLint) variable(name string, in *ast.FuncDecl) bool {
	key := in.Name.Name + " " + name
	if known, ok := l.known[key]; ok {
		return known
	}
	l.known[key] = true // in what is added to itself
	var given []bool
	place := 0
	for _, p := range in.Type.Params.List {
		for _, n := range p.Names {
			if n.Name == name {
				for _, c := range l.calls[in.Name.Name] {
					given = append(given, !in.Name.IsExported() && place < len(c.Args) && l.isConstant(c.Args[place], c.in))
				}
			}
			place++
		}
	}
	ast.Inspect(in, func(n ast.Node) bool {
		if n, ok := n.(*ast.AssignStmt); ok {
			for i, left := range n.Lhs {
				if left, ok := left.(*ast.Ident); ok && left.Name == name {
					given = append(given, len(n.Lhs) == len(n.Rhs) && l.isConstant(n.Rhs[i], in))
				}
			}
		}
		return true
	})
	l.known[key] = len(given) > 0 && !slices.Contains(given, false)
	return l.known[key]
}

// hostileNames sends names through two runs and every reading command, and
// looks for them in the output.
func hostileNames(t *testing.T) (names, asked int) {
	t.Helper()
	hostile := []string{
		`Robert'); DROP TABLE user;--`, `"; DELETE FROM run; --`, "`backtick`", `[bracket]`, `back\slash\'`, `100%_like`, `?1 :name @name $name`,
		"nul\x00byte", "'", `"`, "/* comment", strings.Repeat("1 MB ", 1<<20/5),
	}
	w := &world{tenant: graphtest.New(10)}
	w.serve(t)
	admin, dir := w.tenant.Admins[0], t.TempDir()
	for i, name := range hostile {
		id := w.tenant.AddUser(admin, graphtest.UserSpec{Name: name, Department: hostile[(i+1)%len(hostile)]})
		group := w.tenant.CreateGroup(admin, name, "")
		must(w.tenant.SetGroupLicense(admin, group, e3))
		must(w.tenant.AddMember(admin, group, id))
	}
	w.sync(t, dir)
	w.tenant.Advance(3 * day)
	for _, id := range w.tenant.UserIDs() {
		must(w.tenant.AssignDirect(admin, id, ems))
	}
	w.tenant.Advance(4 * day)
	w.sync(t, dir)
	all := questions(w.tenant.UserIDs()[0])
	for _, name := range hostile {
		if !strings.Contains(name, "\x00") && len(name) < 1<<16 { // as arguments cannot be
			all = append(all, []string{"assignments", "--department", name}, []string{"assignments", "--sku", name}, []string{"history", name})
		}
	}
	for _, q := range all {
		for _, format := range []string{"json", "csv", "text"}[:size(1, 3)] {
			asked++
			r := command(append(slices.Clone(q), "--db", dbIn(dir), "--format", format)...)
			if r.code != 0 && !(r.code == 2 && len(q) > 1 && slices.Contains(hostile, q[len(q)-1])) {
				t.Errorf("%.200q: exit %d, %.500s", q, r.code, r.stderr)
			}
		}
	}
	said := command("assignments", "--db", dbIn(dir), "--format", "json").stdout
	for _, name := range hostile {
		if !strings.Contains(said, quoted(t, name)) {
			t.Errorf("%.40q is told otherwise", name)
		}
	}
	return len(hostile), asked
}

// quoted is a text as JSON writes it.
func quoted(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}
