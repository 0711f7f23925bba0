package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/store/attributes"
	"lictrail/snapshot/store/engine"
)

// A row of a table in which something may be erased is digested a second time,
// as cells: what no erasure touches is one cell, what is always erased together
// another, and each text in which a person may be named one of its own. The
// digests of the cells that an erasure touched stay with it, so that the others
// can be held against their seal for ever.

// Names of cells that are not those of a column.
const (
	cellKept  = "kept"  // what no erasure touches
	cellGroup = "group" // what is erased together
	cellRest  = "rest"  // of a profile: the attributes that forget erases
)

// cell is a part of a row.
type cell struct {
	name    string
	columns []string
	values  []any
}

// hasCells reports whether something may be erased in the table.
func (l *Layout) hasCells() bool {
	return len(l.personal)+len(l.mentions)+len(l.pruned) > 0 || l.attributes != ""
}

// inGroup reports whether a column is erased together with others.
func (l *Layout) inGroup(column string) bool {
	_, personal := l.personal[column]
	_, pruned := l.pruned[column]
	return pruned || personal && !slices.Contains(l.mentions, column)
}

// part says of which columns a cell is made.
type part struct {
	name    string
	columns []string
	places  []int
	split   func(column string, value any) []cell // nil: as they are
}

// plan lists the parts of the table's rows, in the order in which they are digested.
func (l *Layout) plan() []part {
	kept, group := part{name: cellKept}, part{name: cellGroup}
	var others []part
	for _, i := range l.erasable() {
		c := l.columns[i]
		own := part{name: c, columns: []string{c}, places: []int{i}}
		switch {
		case c == saltColumn:
		case l.inGroup(c):
			group.columns, group.places = append(group.columns, c), append(group.places, i)
		case c == l.attributes:
			own.split = attributeCells
			others = append(others, own)
		case slices.Contains(l.leaves, c):
			own.split = leavesOf
			others = append(others, own)
		case slices.Contains(l.mentions, c):
			others = append(others, own)
		default:
			kept.columns, kept.places = append(kept.columns, c), append(kept.places, i)
		}
	}
	all := []part{kept}
	if len(group.columns) > 0 {
		all = append(all, group)
	}
	return append(all, others...)
}

// cells takes a row apart. values are those of l.columns.
func (l *Layout) cells(values []any) []cell {
	all := make([]cell, 0, 2*len(l.parts))
	for i := range l.parts {
		p := &l.parts[i]
		if p.split != nil {
			all = append(all, p.split(p.name, values[p.places[0]])...)
			continue
		}
		c := cell{p.name, p.columns, make([]any, len(p.places))}
		for j, place := range p.places {
			c.values[j] = values[place]
		}
		all = append(all, c)
	}
	return all
}

// same reports whether two cells say the same.
func (c *cell) same(o *cell) bool {
	return slices.Equal(c.columns, o.columns) && slices.EqualFunc(c.values, o.values, func(a, b any) bool {
		x, isBlob := a.([]byte)
		y, both := b.([]byte)
		return isBlob && both && bytes.Equal(x, y) || !isBlob && !both && a == b
	})
}

// digest digests a cell. salt is nil for none.
func (c *cell) digest(table string, salt []byte) ([sha256.Size]byte, error) {
	columns, values := c.columns, c.values
	if salt != nil { // a name that no column has
		columns, values = append([]string{"\x00salt"}, columns...), append([]any{salt}, values...)
	}
	sum, ok := snapshot.RowDigest(table+" "+c.name, columns, values)
	if !ok {
		return sum, fmt.Errorf("%w: table %s: a value of a strange type", engine.ErrDamaged, table)
	}
	return sum, nil
}

// cellsDigest digests a row from the digests of its cells. Those that an erasure
// touched are given, as they were before.
func (l *Layout) cellsDigest(values []any, touched map[string]string) (sum [sha256.Size]byte, err error) {
	text := make([]byte, 0, 512)
	text = append(text, l.Name...)
	err = l.eachCell(values, func(c *cell, sum [sha256.Size]byte) error {
		if before, ok := touched[c.name]; ok {
			if n, err := hex.Decode(sum[:], []byte(before)); err != nil || n != len(sum) {
				return fmt.Errorf("%w: table erased: a digest that is none", engine.ErrDamaged)
			}
		}
		text = append(append(text, '\n'), strconv.Itoa(len(c.name))...)
		text = append(append(append(text, ' '), c.name...), sum[:]...)
		return nil
	})
	return sha256.Sum256(text), err
}

// eachCell calls do with each cell of a row and its digest, with its salt.
func (l *Layout) eachCell(values []any, do func(c *cell, sum [sha256.Size]byte) error) error {
	salts, group := l.salts(values), [sha256.Size]byte{}
	cells := l.cells(values)
	for i := range cells {
		c := &cells[i]
		sum, err := c.digest(l.Name, salts.salt(c.name, group))
		if err != nil {
			return err
		}
		if c.name == cellGroup {
			group = sum
		}
		if err := do(c, sum); err != nil {
			return err
		}
	}
	return nil
}

const (
	saltColumn = "salt"
	saltSize   = 16
)

// salts are the salts of a row's cells: so that nobody can confirm, by the digest
// that stays, what a cell said before it was erased. They derive from the row's
// salt; once that had to go with a cell, those of the others stand in its place.
type salts struct {
	table bool // it has salts
	row   []byte
	cells map[string]string
}

func (l *Layout) salts(values []any) salts {
	i := l.column(saltColumn)
	if i < 0 {
		return salts{}
	}
	s := salts{table: true}
	stored, _ := values[i].([]byte)
	if len(stored) == saltSize {
		s.row = stored
	} else if len(stored) > 0 {
		_ = json.Unmarshal(stored, &s.cells) // what cannot be read gives no salt, and so another digest
	}
	return s
}

// of is the salt of a cell; nil: none. Where the table has no salts, what is
// erased together keeps the texts beside it from being guessed one by one.
func (s *salts) salt(name string, group [sha256.Size]byte) []byte {
	switch {
	case name == cellKept:
		return nil
	case !s.table:
		if name == cellGroup || group == [sha256.Size]byte{} {
			return nil
		}
		return group[:]
	case s.row != nil:
		sum := sha256.Sum256(append(slices.Clone(s.row), name...))
		return sum[:saltSize]
	}
	salt, err := hex.DecodeString(s.cells[name])
	if err != nil || len(salt) == 0 {
		return nil
	}
	return salt
}

// without is what the column must hold once cells were erased: the salts of the
// others, or nothing.
func (s *salts) without(cells []cell, touched map[string]string) any {
	rest := map[string]string{}
	for _, c := range cells {
		if _, gone := touched[c.name]; gone {
			continue
		}
		if salt := s.salt(c.name, [sha256.Size]byte{}); salt != nil {
			rest[c.name] = hex.EncodeToString(salt)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	text, _ := json.Marshal(rest) // a map of texts
	return text
}

// leavesOf takes a text of JSON apart, a cell for each value in it that is no list
// and no object. One that cannot be read is a cell as a whole.
func leavesOf(column string, value any) []cell {
	text, _ := value.(string)
	parsed, err := parseJSON(text)
	if err != nil {
		return []cell{{column, []string{column}, []any{value}}}
	}
	var leaves []cell
	walkLeaves(parsed, column, func(path string, leaf any) any {
		var v any = fmt.Sprintf("%T %v", leaf, leaf)
		if s, ok := leaf.(string); ok {
			v = s
		}
		leaves = append(leaves, cell{path, []string{path}, []any{v}})
		return leaf
	})
	return leaves
}

// parseJSON reads a text; numbers stay as they are written.
func parseJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("%w: more than one value", engine.ErrDamaged)
	}
	return v, nil
}

// walkLeaves calls leaf with each value that is no list and no object and with
// the way to it, in order, and puts in its place what that returns. An empty list
// or object counts as a value.
func walkLeaves(v any, path string, leaf func(path string, v any) any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			v[k] = walkLeaves(v[k], path+"/"+k, leaf)
		}
		if len(v) > 0 {
			return v
		}
	case []any:
		for i := range v {
			v[i] = walkLeaves(v[i], path+"/"+strconv.Itoa(i), leaf)
		}
		if len(v) > 0 {
			return v
		}
	}
	return leaf(path, v)
}

// sharedAttributes are those that forget leaves, by which seats were counted.
var sharedAttributes = []string{"country", "usage_location"}

// attributeCells splits attributes in JSON into those that forget leaves and the
// others.
func attributeCells(column string, value any) []cell {
	text, _ := value.(string)
	var all map[string]any
	rest := cell{cellRest, []string{column}, []any{value}}
	if left, others, ok := attributes.Part(text); ok {
		rest.values[0] = others
		return []cell{{column, rest.columns, []any{left}}, rest}
	}
	if parsed, err := parseJSON(text); err == nil {
		all, _ = parsed.(map[string]any)
	}
	if all == nil {
		return []cell{rest}
	}
	left := map[string]any{}
	for _, name := range sharedAttributes {
		if v, ok := all[name]; ok {
			left[name] = v
			delete(all, name)
		}
	}
	rest.values[0] = marshaled(all)
	return []cell{{column, rest.columns, []any{marshaled(left)}}, rest}
}

// marshaled is JSON in the one form in which erasing writes it.
func marshaled(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error() // it came from JSON
	}
	return string(text)
}
