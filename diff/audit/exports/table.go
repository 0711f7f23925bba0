package exports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"lictrail/diff/audit"
	"lictrail/snapshot"
)

// table is a table of audit records. Its header shows which kind of export it is.
type table struct {
	rows   *rows
	names  []string       // of the columns, as letters and digits in lower case
	column map[string]int // name → the first column that has it
	header []string       // as written
	record func(t *table, cells []string) (raw []byte, reason string)
	dates  []int // columns with the records' times, as people write them
	order  Order
	// numbered are the columns of an export from the Entra admin center that
	// repeat for each target and each detail.
	numbered numbered
	// rowDate is the column with the time of a row whose record has it too; -1
	// for none.
	rowDate int
}

// maxPreamble is how many lines may stand before the header: "sep=;" for Excel,
// "#TYPE …" of PowerShell, or a title.
const maxPreamble = 10

// maxColumns bounds how many columns a table may have: the Entra admin center
// numbers some hundreds of them.
const maxColumns = 20_000

// readHeader reads up to the header, from which it derives the separator and the kind.
func readHeader(in *text) (*table, error) {
	r := &rows{in: in.Reader, line: 1}
	var first string
	for range maxPreamble {
		line, err := r.nextLine()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err != nil {
			break
		}
		for _, sep := range []byte(",;\t|") {
			header, _ := split(trimEnd(line), sep, maxColumns+1)
			t := &table{rows: r, header: header}
			if len(t.header) <= maxColumns && t.recognize() {
				if t.isLocal() {
					return nil, fmt.Errorf("%w that can be trusted: its times are local, and it does not say where; export it with times in UTC", ErrUnknown)
				}
				r.sep, r.width = sep, len(t.header)
				return t, nil
			}
		}
		if first == "" {
			first = strings.TrimSpace(string(line))
		}
	}
	if first == "" {
		return nil, fmt.Errorf("%w: it is empty", ErrUnknown)
	}
	for _, f := range foreign {
		if strings.HasPrefix(first, f.begins) {
			return nil, fmt.Errorf("%w: it is %s", ErrUnknown, f.is)
		}
	}
	if !utf8.ValidString(first) || strings.ContainsRune(first, 0) {
		return nil, fmt.Errorf("%w: it is no text", ErrUnknown)
	}
	return nil, fmt.Errorf("%w: it is neither JSON nor a table with columns of audit records; it begins with %q", ErrUnknown, shorten(first))
}

// foreign are files that people take for exports, by how they begin.
var foreign = []struct{ begins, is string }{
	{"Obj\x01", "an Avro file, as Event Hubs Capture writes them; save what is in its bodies as JSON"},
	{"PAR1", "a Parquet file; export the records as JSON or CSV"},
	{"\xd0\xcf\x11\xe0", "an old Excel workbook; save the sheet as CSV UTF-8"},
	{"SQLite format 3", "a SQLite database"},
	{"%PDF", "a PDF"},
	{"<", "a page or XML; export the records as JSON or CSV"},
}

func trimEnd(line []byte) []byte { return []byte(strings.TrimRight(string(line), "\r\n")) }

func shorten(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// recognize finds out by the names of the columns what the rows are.
func (t *table) recognize() bool {
	t.names, t.column, t.rowDate = make([]string, len(t.header)), make(map[string]int, len(t.header)), -1
	for i, h := range t.header {
		name := heading(h)
		if t.names[i] = name; !t.has(name) {
			t.column[name] = i
		}
	}
	has := t.has
	switch {
	case has("auditdata"):
		t.record = (*table).unified
		t.rowDate = t.at("creationdate")
	case has("targetresources") && (has("initiatedby") || has("operationname") || has("activitydisplayname")):
		t.record = (*table).columns
		for i, name := range t.names {
			if name == "timegenerated" || name == "activitydatetime" || name == "time" {
				t.dates = append(t.dates, i)
			}
		}
	case has("target1objectid") || has("target1type") || has("target1userprincipalname"):
		t.record = (*table).portal
		t.dates = []int{t.portalDate()}
		t.numbered = t.number()
	default:
		return false
	}
	return true
}

func (t *table) has(name string) bool { _, ok := t.column[name]; return ok }

// at is the column of a name, -1 for none.
func (t *table) at(name string) int {
	if i, ok := t.column[name]; ok {
		return i
	}
	return -1
}

// isLocal reports whether the times are in the time zone of the person who exported them.
func (t *table) isLocal() bool {
	return slices.ContainsFunc(t.dates, func(i int) bool { return strings.Contains(strings.ToLower(t.header[i]), "[local") })
}

// heading is the name of a column as letters and digits in lower case, less the
// zone that Log Analytics adds to times.
func heading(name string) string {
	name, _, _ = strings.Cut(strings.ToLower(name), "[")
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, name)
}

// read reads the rows under the header.
func (t *table) read(yield func(*Record) bool) error {
	for {
		cells, line, reason, err := t.rows.row()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if reason == "" && len(cells) > len(t.names) {
			reason = fmt.Sprintf("more cells than the %d columns of the table", len(t.names))
		}
		if reason == "" && slices.Equal(cells, t.header) { // tables that were put one after the other
			continue
		}
		var raw []byte
		if reason == "" {
			raw, reason = t.record(t, cells)
		}
		record := &Record{Line: line, Refused: reason}
		if reason == "" {
			record = found(raw, line)
		}
		switch {
		case record.Refused == "":
		case len(t.rows.more) > 0: // a stray quote may have taken other rows in
			record.When = snapshot.Window{}
			t.rows.unreadLines()
		case record.When.NotAfter.IsZero() && len(cells) <= len(t.names):
			record.When = t.when(cells)
		}
		if !yield(record) {
			return nil
		}
	}
}

// when bounds the time of a row, by the first of its columns with a time; zero
// where that cannot be read.
func (t *table) when(cells []string) snapshot.Window {
	for _, i := range append(slices.Clone(t.dates), t.rowDate) {
		if i < 0 || i >= len(cells) || strings.TrimSpace(cells[i]) == "" {
			continue
		}
		at, err := timeOf(cells[i], t.order)
		if err != nil {
			return snapshot.Window{}
		}
		return audit.TimeOf(at, i == t.rowDate && !zoned.MatchString(strings.TrimSpace(cells[i])))
	}
	return snapshot.Window{}
}

// zoned is a time that says that it is in UTC, or how far from it.
var zoned = regexp.MustCompile(`(?i)(z|utc|gmt|[+-]\d{2}:?\d{2})$`)

// cell returns the cell under a column, "" when there is none.
func (t *table) cell(cells []string, names ...string) string {
	for _, name := range names {
		if c := cellAt(cells, t.at(name)); c != "" {
			return c
		}
	}
	return ""
}

// cellAt returns a cell, "" when there is none.
func cellAt(cells []string, i int) string {
	if i < 0 || i >= len(cells) {
		return ""
	}
	return strings.TrimSpace(cells[i])
}

// unified reads a row of an export of the unified log: its column AuditData has
// all of the record, and the others repeat some of it, the time as people of
// that place write it. Only the id may be missing inside, unless the cell was cut
// off: then they say what they can.
func (t *table) unified(cells []string) (raw []byte, reason string) {
	data := t.cell(cells, "auditdata")
	switch {
	case data == "":
		return nil, "AuditData is empty"
	case strings.HasPrefix(data, `"`):
		var inner string // JSON within JSON
		if json.Unmarshal([]byte(data), &inner) == nil {
			data = strings.TrimSpace(inner)
		}
	}
	if !strings.HasPrefix(data, "{") {
		return nil, "AuditData is not JSON"
	}
	var o object
	if id := t.cell(cells, "recordid", "identity", "id"); id != "" {
		o.member("Id", id)
	}
	if operation := t.cell(cells, "operation", "operations"); operation != "" {
		o.member("Operations", operation)
	}
	if !json.Valid([]byte(data)) { // cut off, perhaps before it says what other columns do
		if at, reason := t.date(t.cell(cells, "creationdate")); reason == "" {
			o.member("CreationDate", at)
		}
		if user := t.cell(cells, "userid", "userids"); user != "" {
			o.member("UserIds", user)
		}
	}
	o.member("AuditData", data)
	return o.close(), ""
}

// structured are the columns that hold JSON.
var structured = []string{"initiatedby", "targetresources"}

// columns reads a row of a query's result: columns named after the members of
// the record, with JSON in some of them.
func (t *table) columns(cells []string) (raw []byte, reason string) {
	if !t.has("initiatedby") {
		return nil, "the table has no column InitiatedBy, so who did it is not known"
	}
	for _, name := range structured {
		if c := t.cell(cells, name); c != "" && c[0] != '{' && c[0] != '[' {
			return nil, fmt.Sprintf("%s has %q instead of JSON; export it as JSON", name, shorten(c))
		}
	}
	var o object
	for i, c := range cells {
		if c = strings.TrimSpace(c); c == "" && t.names[i] != "initiatedby" {
			continue
		}
		if slices.Contains(t.dates, i) {
			if c, reason = t.date(c); reason != "" {
				return nil, reason
			}
		}
		o.member(t.memberName(i), c)
	}
	return o.close(), ""
}

// memberName is the header less what is not part of a name.
func (t *table) memberName(i int) string {
	if slices.Contains(t.dates, i) {
		return t.names[i]
	}
	return strings.TrimSpace(t.header[i])
}

// portalDate is the column of the time in an export from the Entra admin center:
// its name is translated, "(UTC)" is not.
func (t *table) portalDate() int {
	for _, fits := range []func(string) bool{
		func(h string) bool { return strings.Contains(h, "(UTC)") },
		func(h string) bool {
			return slices.Contains([]string{"date", "activitydatetime", "datetime"}, heading(h))
		},
	} {
		if i := slices.IndexFunc(t.header, fits); i >= 0 {
			return i
		}
	}
	return 0
}

// actorColumns are those of which an export from the Entra admin center must have
// one to say who did something.
var actorColumns = []string{"actortype", "actordisplayname", "actorobjectid", "actoruserprincipalname", "actorserviceprincipalid", "actorserviceprincipalname"}

// portal reads a row of an export from the Entra admin center, which spreads a
// record over numbered columns, and cuts cells off at 10,000 characters. A list
// that is cut off shows as such when it is decoded.
func (t *table) portal(cells []string) (raw []byte, reason string) {
	if i := t.dates[0]; i >= len(cells) || strings.TrimSpace(cells[i]) == "" {
		return nil, "it has no time"
	}
	at, reason := t.date(cells[t.dates[0]])
	if reason != "" {
		return nil, reason
	}
	if !slices.ContainsFunc(actorColumns, t.has) {
		return nil, "the table has no columns of the actor, so who did it is not known"
	}
	var o object
	if id := t.cell(cells, "id", "auditid"); id != "" {
		o.member("id", id)
	}
	o.member("activityDateTime", at)
	for _, m := range [][2]string{{"activityDisplayName", "activity"}, {"correlationId", "correlationid"}, {"category", "category"},
		{"loggedByService", "service"}, {"result", "result"}, {"resultReason", "resultreason"}, {"userAgent", "useragent"}} {
		if c := t.cell(cells, m[1]); c != "" {
			o.member(m[0], c)
		}
	}
	if t.cell(cells, "activity") == "" {
		return nil, "it has no activity"
	}
	o.member("initiatedBy", t.initiatedBy(cells))
	o.member("targetResources", t.targets(cells))
	o.member("additionalDetails", t.details(cells))
	return o.close(), ""
}

// initiatedBy reads who did it. The type is "User", "Application", or missing.
func (t *table) initiatedBy(cells []string) map[string]any {
	by := map[string]any{}
	principal := t.cell(cells, "actorserviceprincipalid")
	name := t.cell(cells, "actordisplayname")
	id, upn := t.cell(cells, "actorobjectid"), t.cell(cells, "actoruserprincipalname")
	isApp := strings.HasPrefix(strings.ToLower(t.cell(cells, "actortype")), "app") || strings.EqualFold(t.cell(cells, "actortype"), "ServicePrincipal")
	if upn != "" || id != "" && !isApp && principal == "" {
		by["user"] = map[string]string{"id": id, "userPrincipalName": upn, "displayName": name,
			"ipAddress": t.cell(cells, "ipaddress"), "homeTenantId": t.cell(cells, "actorhometenantid")}
		return by
	}
	appName := t.cell(cells, "actorserviceprincipalname", "actordisplayname")
	if principal == "" {
		principal = id
	}
	if principal != "" || appName != "" {
		by["app"] = map[string]string{"servicePrincipalId": principal, "displayName": appName}
	}
	return by
}

// numbered are columns that repeat, by their number.
type numbered struct {
	targets []targetColumns
	details [][2]int // key, value
}

type targetColumns struct {
	kind, id, name, upn int
	properties          [][3]int // name, old value, new value
}

// number finds the columns that repeat, once for all rows.
func (t *table) number() (n numbered) {
	for i := 1; ; i++ {
		stem := "target" + strconv.Itoa(i)
		if !t.has(stem+"type") && !t.has(stem+"objectid") {
			break
		}
		target := targetColumns{kind: t.at(stem + "type"), id: t.at(stem + "objectid"), name: t.at(stem + "displayname"), upn: t.at(stem + "userprincipalname")}
		for k := 1; ; k++ {
			property := stem + "modifiedproperty" + strconv.Itoa(k)
			if !t.has(property + "name") {
				break
			}
			target.properties = append(target.properties, [3]int{t.at(property + "name"), t.at(property + "oldvalue"), t.at(property + "newvalue")})
		}
		n.targets = append(n.targets, target)
	}
	for i := 1; ; i++ {
		stem := "additionaldetail" + strconv.Itoa(i)
		if !t.has(stem + "key") {
			return n
		}
		n.details = append(n.details, [2]int{t.at(stem + "key"), t.at(stem + "value")})
	}
}

// targets reads the targets and what was changed of each.
func (t *table) targets(cells []string) []map[string]any {
	list := []map[string]any{}
	for _, c := range t.numbered.targets {
		kind, id, name, upn := cellAt(cells, c.kind), cellAt(cells, c.id), cellAt(cells, c.name), cellAt(cells, c.upn)
		properties := []map[string]string{}
		for _, p := range c.properties {
			if name := cellAt(cells, p[0]); name != "" {
				properties = append(properties, map[string]string{"displayName": name, "oldValue": cellAt(cells, p[1]), "newValue": cellAt(cells, p[2])})
			}
		}
		if kind == "" && id == "" && upn == "" && len(properties) == 0 {
			continue
		}
		list = append(list, map[string]any{"type": kind, "id": id, "displayName": name, "userPrincipalName": upn, "modifiedProperties": properties})
	}
	return list
}

func (t *table) details(cells []string) []map[string]string {
	list := []map[string]string{}
	for _, c := range t.numbered.details {
		if key := cellAt(cells, c[0]); key != "" {
			list = append(list, map[string]string{"key": key, "value": cellAt(cells, c[1])})
		}
	}
	return list
}

// date reads a time as people write it, in UTC.
func (t *table) date(cell string) (iso, reason string) {
	at, err := timeOf(cell, t.order)
	if err != nil {
		return "", err.Error()
	}
	return at, ""
}

// findOrder finds out in which order the table has day and month.
func (t *table) findOrder() (Order, error) {
	order := UnknownOrder
	dates := t.dates
	if t.rowDate >= 0 {
		dates = []int{t.rowDate}
	}
	for len(dates) > 0 {
		cells, _, reason, err := t.rows.row()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return UnknownOrder, err
		}
		if reason != "" {
			continue
		}
		for _, i := range dates {
			if i >= len(cells) {
				continue
			}
			found := orderOf(cells[i])
			if found != UnknownOrder && order != UnknownOrder && found != order {
				return UnknownOrder, nil // such dates are refused one by one
			}
			if found != UnknownOrder {
				order = found
			}
			if order == UnknownOrder && isISO.MatchString(strings.TrimSpace(cells[i])) {
				return UnknownOrder, nil // one program wrote them all
			}
		}
	}
	return order, nil
}

var isISO = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[T ]`)
