package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot/store/attributes"
	"lictrail/snapshot/store/engine"
)

// What an erasure leaves is fixed, so that verify can distinguish it from an alteration
// that is called one: constants in the place of columns, and the stand-in of the
// person in the place of texts.

// erasure is one erasing of a row, as table erased has it.
type erasure struct {
	id            int64
	before, after []byte            // digests of the row
	cells         map[string]string // touched, with their digests from before; nil: erased by an earlier version
}

// parseErasures reads the erasures of a row: [[id, before, after, cells], ...].
func parseErasures(text string) ([]*erasure, error) {
	var rows [][4]any
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, fmt.Errorf("%w: table erased: %w", engine.ErrDamaged, err)
	}
	all := make([]*erasure, len(rows))
	for i, r := range rows {
		id, _ := r[0].(float64)
		e := &erasure{id: int64(id)}
		for into, from := range map[*[]byte]any{&e.before: r[1], &e.after: r[2]} {
			digits, _ := from.(string)
			sum, err := hex.DecodeString(digits)
			if err != nil {
				return nil, fmt.Errorf("%w: table erased: a digest that is none", engine.ErrDamaged)
			}
			*into = sum
		}
		if cells, ok := r[3].(string); ok {
			if err := json.Unmarshal([]byte(cells), &e.cells); err != nil || e.cells == nil {
				return nil, fmt.Errorf("%w: table erased: cells that are none", engine.ErrDamaged)
			}
		}
		all[i] = e
	}
	return all, nil
}

// touched are the cells that erasures touched, with their digests from before the
// first of them.
func touched(erasures []*erasure) map[string]string {
	all := map[string]string{}
	for _, e := range slices.Backward(erasures) {
		maps.Copy(all, e.cells)
	}
	return all
}

// purpose is what an erasure was for, as its seal says.
type purpose struct {
	kind   string
	user   int64     // forget: whose rows; 0: of somebody who is no user
	name   string    // forget: what stands in the person's place
	before time.Time // prune
	noPlan any       // the row of the layout without plans
}

type forgetDetail struct {
	User int64 `json:"user,omitempty"` // the row; none for somebody who is no user
}

type pruneDetail struct {
	Before string `json:"before"`
}

// Forgetting is the purpose of erasing a person: user is the row, 0 for somebody who
// is no user, and seal the number of the seal that will say so.
func Forgetting(user, seal int64) *purpose {
	return &purpose{kind: KindForget, user: user, name: standIn(user, seal)}
}

// standIn is what stands in the place of a person whom a seal forgets.
func standIn(user, seal int64) string {
	if user != 0 {
		return fmt.Sprintf("%s-%d", ForgottenName, user)
	}
	return fmt.Sprintf("%s-s%d", ForgottenName, seal)
}

// purposeOf reads what a seal says that it erased.
func purposeOf(ctx context.Context, q engine.Querier, s *seal) (*purpose, error) {
	p := &purpose{kind: s.Kind}
	var f forgetDetail
	var d pruneDetail
	var err error
	switch s.Kind {
	case KindForget:
		err = json.Unmarshal(s.content.Detail, &f)
		p.user, p.name = f.User, standIn(f.User, s.ID)
	case KindPrune:
		if err = json.Unmarshal(s.content.Detail, &d); err == nil {
			p.before, err = time.Parse(time.RFC3339, d.Before)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: seal %d does not say what was erased: %w", engine.ErrDamaged, s.ID, err)
	}
	id, err := emptyLayoutRow(ctx, q)
	if id != 0 {
		p.noPlan = id
	}
	return p, err
}

// emptyLayoutText is how the layout of somebody without service plans is kept, and
// emptyLayoutHash the hash that it is looked up by.
const emptyLayoutText = "[]"

var emptyLayoutHash = sha256.Sum256([]byte(emptyLayoutText))

// emptyLayoutRow is the row of that layout, 0 while there is none.
func emptyLayoutRow(ctx context.Context, q engine.Querier) (id int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT id FROM plan_layout WHERE hash = ?", emptyLayoutHash[:]).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, engine.Classify(err)
}

// personalOf is what forget leaves of a row about the person.
func (l *Layout) personalOf(p *purpose) map[string]any {
	set := maps.Clone(l.personal)
	for c, v := range set {
		switch v {
		case ForgottenName:
			set[c] = p.name
		case noPlans:
			set[c] = p.noPlan
		}
	}
	return set
}

// erasedText is what stands in a column in the place of a text that named the
// person.
func (l *Layout) erasedText(column string, p *purpose) string {
	if column == l.sentence {
		return "A sentence that named " + p.name + " was erased."
	}
	return p.name
}

// fixedLeaves are values of JSON that are no texts of people's: without them what
// stands around could not be read.
var fixedLeaves = []string{"kind", "trigger", "source", "activity", "at", "code"}

// mayGo reports whether forget may erase a leaf of JSON.
func mayGo(path string) bool {
	return !slices.Contains(fixedLeaves, path[strings.LastIndexByte(path, '/')+1:])
}

// erasedAttributes is what forget leaves of attributes.
func erasedAttributes(value any, row any) (string, error) {
	text, _ := value.(string)
	if left, ok := attributes.Erased(text, row); ok {
		return left, nil
	}
	parsed, err := parseJSON(text)
	if err != nil {
		return "", fmt.Errorf("%w: attributes: %w", engine.ErrDamaged, err)
	}
	all, _ := parsed.(map[string]any)
	left := map[string]any{"forgotten": row}
	for _, name := range sharedAttributes {
		if v, ok := all[name]; ok {
			left[name] = v
		}
	}
	return marshaled(left), nil
}

// value is what a row has in a column; nil when it has none of that name.
func (l *Layout) value(values []any, column string) any {
	if i := l.column(column); i >= 0 {
		return values[i]
	}
	return nil
}

// holds reports whether a row has these values, but for its salt.
func (l *Layout) holds(values []any, set map[string]any) bool {
	for c, v := range set {
		if have := l.value(values, c); c != saltColumn && have != v {
			return false
		}
	}
	return true
}

// isPersonal reports whether a cell is one that forget erases in rows about the
// user, and the row is about them.
func (l *Layout) isPersonal(values []any, cell string, p *purpose) bool {
	_, personal := l.personal[cell]
	return p.user != 0 && l.value(values, l.about) == p.user && (personal || cell == cellGroup && l.pruned == nil)
}

// isLeft reports whether a cell that an erasure touched is what it leaves there.
func (l *Layout) isLeft(values []any, c *cell, p *purpose) bool {
	if p.kind == KindPrune {
		at, _ := l.value(values, l.aged).(int64)
		return l.aged != "" && at < p.before.UnixMilli() && c.name == cellGroup && l.holds(values, l.pruned)
	}
	switch {
	case l.pruned != nil:
		return c.name == cellGroup && l.holds(values, l.pruned)
	case l.isPersonal(values, c.name, p) && l.holds(values, l.personalOf(p)):
		return true
	case c.name == cellGroup:
		return false
	case c.name == cellRest:
		left, err := erasedAttributes(l.value(values, l.attributes), l.value(values, l.key[0]))
		return err == nil && l.value(values, l.attributes) == left
	case slices.Contains(l.mentions, c.name):
		return c.values[0] == l.erasedText(c.name, p)
	}
	column, _, _ := strings.Cut(c.name, "/")
	text, _ := l.value(values, column).(string)
	parsed, err := parseJSON(text)
	return err == nil && slices.Contains(l.leaves, column) && mayGo(c.name) && marshaled(parsed) == text && c.values[0] == p.name
}

// wasLeft reports whether a row can be what an erasure of an earlier version left,
// which kept what stood around a name.
func (l *Layout) wasLeft(values []any, p *purpose) bool {
	at, _ := l.value(values, l.aged).(int64)
	if p.kind == KindPrune {
		return l.aged != "" && at < p.before.UnixMilli() && l.holds(values, l.pruned)
	}
	if l.about != "" && l.value(values, l.about) == p.user || l.attributes != "" || l.pruned != nil && l.holds(values, l.pruned) {
		return true
	}
	return slices.ContainsFunc(l.mentions, func(c string) bool {
		text, _ := l.value(values, c).(string)
		return strings.Contains(text, p.name)
	})
}
