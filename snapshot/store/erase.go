package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"lictrail/snapshot"
)

// ErrPresent says that the newest run still shows the user in the tenant.
var ErrPresent = errors.New("the tenant still has the user")

// Erased is what a forget or a prune has erased: rows by table.
type Erased struct {
	Name string // forget: what stands in the place of the person's names
	Rows map[string]int64
}

// ResidueError says that a forget or a prune is done and is history, but that
// the file's pages, or its log, may still hold what was erased: until the same
// is done again, of a person by the name that they have now.
type ResidueError struct {
	Kind string // forget or prune
	Name string // forget: what the person is called now
	Err  error  // why the pages could not be overwritten
}

func (e *ResidueError) Error() string {
	what := "it is done"
	if e.Name != "" {
		what = "it is done, and the person is now called " + e.Name
	}
	return fmt.Sprintf("%s: %s, but the file or its log may still hold what was erased: %v", e.Kind, what, e.Err)
}

// Unwrap returns the cause.
func (e *ResidueError) Unwrap() error { return e.Err }

// Total is the number of rows.
func (e *Erased) Total() int64 {
	var n int64
	for _, rows := range e.Rows {
		n += rows
	}
	return n
}

// Forget erases a person from every row, and from every page of the file: who
// they were, how they were called, and every stored event that names them. What
// a user held and when stays, as that of nobody in particular, so that counts
// stay true. Rows that were changed keep the digest that the chain has of them.
func (db *DB) Forget(ctx context.Context, row int64) (*Erased, error) {
	name := fmt.Sprintf("%s-%d", forgottenName, row)
	return db.erase(ctx, sealForget, map[string]int64{"user": row}, func(e *eraser) error {
		p, err := e.person(row, name)
		if err != nil {
			return err
		}
		for _, l := range e.all {
			if l.about != "" {
				if err := e.about(l, row, name); err != nil {
					return err
				}
			}
			if len(l.mentions) > 0 {
				if err := e.mentions(l, p); err != nil {
					return err
				}
			}
		}
		for _, t := range unsealed() {
			if t.about != "" {
				if err := e.drop(t, t.about+" = ?", row); err != nil {
					return err
				}
			}
		}
		if err := e.profiles(row); err != nil {
			return err
		}
		_, err = e.tx.ExecContext(e.ctx, "UPDATE user SET fingerprint = 0 WHERE id = ?", row)
		return err
	}, name)
}

// Prune erases what old rows of evidence say: of events, and of whatever else
// is declared to be prunable. What was concluded from them stays.
func (db *DB) Prune(ctx context.Context, before time.Time) (*Erased, error) {
	detail := map[string]string{"before": before.UTC().Format(time.RFC3339)}
	return db.erase(ctx, sealPrune, detail, func(e *eraser) error {
		for _, l := range e.all {
			if l.aged == "" {
				continue
			}
			if err := e.prune(l, before.UnixMilli()); err != nil {
				return err
			}
		}
		for _, t := range unsealed() {
			if t.aged != "" {
				if err := e.drop(t, t.aged+" < ?", before.UnixMilli()); err != nil {
					return err
				}
			}
		}
		return nil
	}, "")
}

// Prunable counts what Prune would erase, by table.
func (h *History) Prunable(ctx context.Context, before time.Time) (map[string]int64, error) {
	all, err := layouts(ctx, h.tx)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	countRows := func(name, where string, args ...any) error {
		var n int64
		if err := h.tx.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM "%s" WHERE %s`, name, where), args...).Scan(&n); err != nil {
			return fmt.Errorf("count the rows of table %s: %w", name, classify(err))
		}
		if n > 0 {
			counts[name] = n
		}
		return nil
	}
	for _, l := range all {
		if l.aged == "" {
			continue
		}
		where, args := l.unpruned(before.UnixMilli())
		if err := countRows(l.name, where, args...); err != nil {
			return nil, err
		}
	}
	for _, t := range unsealed() {
		if t.aged != "" {
			if err := countRows(t.name, t.aged+" < ?", before.UnixMilli()); err != nil {
				return nil, err
			}
		}
	}
	return counts, nil
}

// erase runs a transaction that erases, and then takes what was erased out of
// the file's pages and its log. Another process that reads meanwhile would keep
// the old pages alive: it is waited for first.
func (db *DB) erase(ctx context.Context, kind string, detail any, do func(e *eraser) error, name string) (*Erased, error) {
	if err := db.emptyLog(ctx); err != nil {
		return nil, fmt.Errorf("%s: nothing was erased: %w", kind, err)
	}
	erased := &Erased{Name: name, Rows: map[string]int64{}}
	err := db.write(ctx, func(tx *sql.Tx) (*entry, error) {
		all, err := layouts(ctx, tx)
		if err != nil {
			return nil, err
		}
		e := &eraser{ctx: context.WithoutCancel(ctx), tx: tx, all: all, rows: erased.Rows}
		if err := e.unguarded(func() error { return do(e) }); err != nil || len(e.rows) == 0 {
			return nil, err
		}
		return &entry{kind: kind, detail: detail, erased: e.rows}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if err := db.overwrite(ctx); err != nil {
		return nil, &ResidueError{Kind: kind, Name: name, Err: err}
	}
	return erased, nil
}

// overwrite makes the file anew without its free pages. Whoever reads meanwhile
// needs the old pages: they stay in the file, and the new ones in the log.
func (db *DB) overwrite(ctx context.Context) error {
	_, err := db.sql.ExecContext(ctx, "VACUUM")
	if err == nil {
		err = db.emptyLog(ctx)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // SQLite has words of its own for it
	}
	return classify(err)
}

// emptyLog brings the log's pages into the file and cuts the log to nothing.
func (db *DB) emptyLog(ctx context.Context) error {
	var busy, log, done int64
	if err := db.sql.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done); err != nil {
		return classify(err)
	}
	if busy != 0 {
		return ErrBusy
	}
	return nil
}

// eraser changes rows of history, which nothing else may.
type eraser struct {
	ctx  context.Context
	tx   *sql.Tx
	all  []*layout
	rows map[string]int64
}

// unguarded takes the triggers away that keep history as it is, and puts them
// back. Nobody sees the history without: it is one transaction.
func (e *eraser) unguarded(do func() error) error {
	var names, texts []string
	err := eachRow(e.ctx, e.tx, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid", nil, func(values []any) error {
		name, _ := values[0].(string)
		text, _ := values[1].(string)
		names, texts = append(names, name), append(texts, text)
		return nil
	})
	for _, name := range names {
		if err == nil {
			_, err = e.tx.ExecContext(e.ctx, "DROP TRIGGER "+quoteAll([]string{name}, ""))
		}
	}
	if err == nil {
		err = do()
	}
	for _, text := range texts {
		if err == nil {
			_, err = e.tx.ExecContext(e.ctx, text)
		}
	}
	return err
}

// drop takes rows away that no seal covers.
func (e *eraser) drop(t table, where string, arg any) error {
	result, err := e.tx.ExecContext(e.ctx, fmt.Sprintf(`DELETE FROM "%s" WHERE %s`, t.name, where), arg)
	if err != nil {
		return fmt.Errorf("erase in table %s: %w", t.name, err)
	}
	n, err := result.RowsAffected()
	if n > 0 {
		e.rows[t.name] += n
	}
	return err
}

// redact writes values to a row, with a record of its digests before and after.
func (e *eraser) redact(l *layout, key []any, set map[string]any) error {
	columns := slices.Sorted(maps.Keys(set))
	args := make([]any, 0, len(columns)+len(key))
	for _, c := range columns {
		args = append(args, set[c])
	}
	where := quoteAll(l.key, " = ? AND ") + " = ?"
	before, text, err := e.digest(l, where, key)
	if err != nil {
		return err
	}
	if _, err := e.tx.ExecContext(e.ctx, fmt.Sprintf(`UPDATE "%s" SET %s = ? WHERE %s`, l.name, quoteAll(columns, " = ?, "), where), append(args, key...)...); err != nil {
		return fmt.Errorf("erase in table %s: %w", l.name, err)
	}
	after, _, err := e.digest(l, where, key)
	if err != nil || before == after {
		return err
	}
	e.rows[l.name]++
	_, err = e.tx.ExecContext(e.ctx, "INSERT INTO erased (table_name, row_key, before, after) VALUES (?, ?, ?, ?)", l.name, text, before[:], after[:])
	return err
}

func (e *eraser) digest(l *layout, where string, key []any) (sum [sha256.Size]byte, text string, err error) {
	names := l.names(l.erasable())
	found := false
	err = eachRow(e.ctx, e.tx, fmt.Sprintf(`SELECT %s, %s FROM "%s" WHERE %s`, quoteAll(names, ", "), l.keyText(), l.name, where), key, func(values []any) error {
		last := len(values) - 1
		switch k := values[last].(type) {
		case string:
			text = k
		case int64:
			text = fmt.Sprint(k)
		}
		sum, found = snapshot.RowDigest(l.name, names, values[:last])
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: a row of table %s cannot be read", ErrDamaged, l.name)
	}
	return sum, text, err
}

// keys lists the keys of rows that a condition chooses, at most so many.
func (e *eraser) keys(l *layout, where string, args []any) ([][]any, error) {
	var keys [][]any
	err := eachRow(e.ctx, e.tx, fmt.Sprintf(`SELECT %s FROM "%s" WHERE %s`, quoteAll(l.key, ", "), l.name, where), args, func(values []any) error {
		keys = append(keys, values)
		return nil
	})
	return keys, err
}

// about erases what rows about a person say of them.
func (e *eraser) about(l *layout, row int64, name string) error {
	set := maps.Clone(l.personal)
	for c, v := range set {
		switch v {
		case forgottenName:
			set[c] = name
		case noPlans:
			empty, err := newWriter(e.ctx, e.tx, 0).layout("")
			if err != nil {
				return err
			}
			set[c] = empty
		}
	}
	keys, err := e.keys(l, quoteAll([]string{l.about}, "")+" = ?", []any{row})
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := e.redact(l, key, set); err != nil {
			return err
		}
	}
	return nil
}

// mentions erases a person where rows about others name them. Rows that are
// evidence as a whole, such as events, are emptied as by pruning: what else
// they say of a person cannot be told.
func (e *eraser) mentions(l *layout, p *person) error {
	names := append(slices.Clone(l.key), l.mentions...)
	type change struct {
		key []any
		set map[string]any
	}
	var changes []change
	err := eachRow(e.ctx, e.tx, fmt.Sprintf(`SELECT %s FROM "%s"`, quoteAll(names, ", "), l.name), nil, func(values []any) error {
		set := p.without(l, values[len(l.key):])
		if set != nil {
			changes = append(changes, change{values[:len(l.key)], set})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := e.redact(l, c.key, c.set); err != nil {
			return err
		}
	}
	return nil
}

// profiles takes from attributes that nobody else has what tells of a person.
// The department stays, by which seats were counted.
func (e *eraser) profiles(row int64) error {
	i := slices.IndexFunc(e.all, func(l *layout) bool { return l.name == "profile" })
	keys, err := e.keys(e.all[i], `id IN (SELECT profile_id FROM user_version WHERE user_id = ?1)
		AND id NOT IN (SELECT profile_id FROM user_version WHERE user_id <> ?1)`, []any{row})
	if err != nil {
		return err
	}
	for _, key := range keys {
		var text string
		var a snapshot.Attributes
		if err := e.tx.QueryRowContext(e.ctx, "SELECT more FROM profile WHERE id = ?", key...).Scan(&text); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			return fmt.Errorf("%w: attributes: %w", ErrDamaged, err)
		}
		more, err := json.Marshal(map[string]any{"country": a.Country, "usage_location": a.UsageLocation, "forgotten": key[0]})
		if err != nil {
			return err
		}
		if err := e.redact(e.all[i], key, map[string]any{"more": string(more)}); err != nil {
			return err
		}
	}
	return nil
}

// unpruned chooses the rows from before a time that say something still.
func (l *layout) unpruned(before int64) (string, []any) {
	var full []string
	args := []any{before}
	for _, c := range slices.Sorted(maps.Keys(l.pruned)) {
		full = append(full, quoteAll([]string{c}, "")+" IS NOT ?")
		args = append(args, l.pruned[c])
	}
	return quoteAll([]string{l.aged}, "") + " < ? AND (" + strings.Join(full, " OR ") + ")", args
}

// prune empties a table's rows from before a time, some at a time.
func (e *eraser) prune(l *layout, before int64) error {
	where, args := l.unpruned(before)
	for {
		keys, err := e.keys(l, where+" LIMIT 1000", args)
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, key := range keys {
			if err := e.redact(l, key, l.pruned); err != nil {
				return err
			}
		}
	}
}

// person is somebody to be forgotten, with all that they were called.
type person struct {
	name    string         // what stands in their place
	ids     *regexp.Regexp // what nobody else is called: object id, UPNs, addresses
	sayings *regexp.Regexp // their name, and numbers, which others may share; nil: none
}

// person collects what somebody was ever called.
func (e *eraser) person(row int64, name string) (*person, error) {
	ids, sayings := map[string]bool{}, map[string]bool{}
	var key any
	err := e.tx.QueryRowContext(e.ctx, "SELECT object_id FROM user WHERE id = ?", row).Scan(&key)
	if err != nil {
		return nil, err
	}
	id := string(userID(key))
	plain := strings.ReplaceAll(id, "-", "")
	if id != name {
		ids[id], ids[plain] = true, true
	}
	presence := ""
	err = eachRow(e.ctx, e.tx, `SELECT upn, coalesce(mail, ''), name, coalesce(employee_id, ''), coalesce(presence, '') FROM user_version WHERE user_id = ? ORDER BY from_run`,
		[]any{row}, func(values []any) error {
			text := func(i int) string { s, _ := values[i].(string); return s }
			for _, address := range []string{text(0), text(1)} {
				if address != "" && address != name {
					ids[address], ids[plain+address] = true, true // a deleted user's UPN begins with the id
				}
			}
			for _, saying := range []string{text(2), text(3)} {
				if utf8.RuneCountInString(saying) > 2 {
					sayings[saying] = true
				}
			}
			presence = text(4)
			return nil
		})
	if err == nil && presence == "" {
		err = ErrPresent
	}
	return &person{name: name, ids: wordsOf(ids), sayings: wordsOf(sayings)}, err
}

// wordsOf finds any of the words, the longest first, whatever the case, as they
// are and as JSON has them.
func wordsOf(set map[string]bool) *regexp.Regexp {
	for word := range maps.Clone(set) {
		if text, err := json.Marshal(word); err == nil {
			set[strings.Trim(string(text), `"`)] = true
		}
	}
	words := slices.SortedFunc(maps.Keys(set), func(a, b string) int { return len(b) - len(a) })
	if len(words) == 0 {
		return nil
	}
	for i, w := range words {
		words[i] = regexp.QuoteMeta(w)
	}
	return regexp.MustCompile("(?i)" + strings.Join(words, "|"))
}

// without returns what columns must hold so that the person is not in them;
// nil when they are not.
func (p *person) without(l *layout, values []any) map[string]any {
	var set map[string]any
	for i, c := range l.mentions {
		text, _ := values[i].(string)
		clean := p.replace(p.ids, text)
		if clean == text {
			continue
		}
		if l.pruned != nil {
			return l.pruned
		}
		if set == nil {
			set = map[string]any{}
			if l.column("salt") >= 0 {
				set["salt"] = nil
			}
		}
		set[c] = clean
	}
	if set == nil {
		return nil
	}
	for i, c := range l.mentions { // a row that names them may say their name, too
		text, ok := set[c].(string)
		if !ok {
			text, _ = values[i].(string)
		}
		if clean := p.replace(p.sayings, text); clean != text {
			set[c] = clean
		}
	}
	return set
}

// replace puts the person's stand-in for every word found that is not a part of
// a longer one: ann@contoso.com is not joann@contoso.com.
func (p *person) replace(words *regexp.Regexp, text string) string {
	if words == nil {
		return text
	}
	var b strings.Builder
	rest := 0
	for _, at := range words.FindAllStringIndex(text, -1) {
		if inWord(text, at[0], at[1]) {
			continue
		}
		b.WriteString(text[rest:at[0]])
		b.WriteString(p.name)
		rest = at[1]
	}
	b.WriteString(text[rest:])
	return b.String()
}

func inWord(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, size := utf8.DecodeRuneInString(text[to:])
	if from > 0 && (wordy(before) || strings.ContainsRune("._+-'", before)) && !escape.MatchString(text[max(0, from-6):from]) {
		return true
	}
	if to == len(text) {
		return false
	}
	if after == '.' || after == '-' {
		next, _ := utf8.DecodeRuneInString(text[to+size:])
		return to+size < len(text) && wordy(next)
	}
	return wordy(after)
}

// escape is the end of an escaped character in JSON, which is not part of a word.
var escape = regexp.MustCompile(`\\(?:[nrtbf]|u[0-9a-fA-F]{4})$`)

func wordy(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
