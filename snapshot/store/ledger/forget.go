package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"lictrail/snapshot"
	"lictrail/snapshot/spelling"
	"lictrail/snapshot/store/attributes"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/nameindex"
)

// ErrNamed says that something that cannot be erased still names the person whom
// forget was to erase.
var ErrNamed = errors.New("the person is named where nothing may be erased")

// NamedError says where that is.
type NamedError struct{ Table, Column string }

func (e *NamedError) Error() string {
	return fmt.Sprintf("%v: in column %s of table %s", ErrNamed, e.Column, e.Table)
}

// Unwrap returns ErrNamed.
func (e *NamedError) Unwrap() error { return ErrNamed }

// Forget erases a person from every row.
func (e *Eraser) Forget(p *purpose, called []Called) error {
	who, err := e.person(p, called)
	if err != nil {
		return err
	}
	if p.user != 0 {
		if err := e.User(p); err != nil {
			return err
		}
	}
	for _, l := range e.all {
		if err := e.mentions(l, p, who); err != nil {
			return err
		}
	}
	if err := e.unusedWords(p); err != nil {
		return err
	}
	if e.dry {
		return nil
	}
	if err := e.renameIndexed(); err != nil {
		return err
	}
	if err := e.unstat(); err != nil {
		return err
	}
	return e.search(who)
}

// User erases what rows about a user say of them.
func (e *Eraser) User(p *purpose) error {
	empty, err := e.emptyLayout()
	if err != nil {
		return err
	}
	p.noPlan = empty
	for _, l := range e.all {
		if len(l.personal) == 0 {
			continue
		}
		keys, err := e.keys(l, engine.QuoteAll([]string{l.about}, "")+" = ?", []any{p.user})
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := e.Redact(l, key, l.personalOf(p)); err != nil {
				return err
			}
		}
	}
	if err := e.profiles(p.user); err != nil {
		return err
	}
	for _, t := range unsealed() {
		if t.about == "" {
			continue
		}
		if err := e.drop(t, t.about+" = ?", p.user); err != nil {
			return err
		}
	}
	return e.unprint(p.user)
}

// emptyLayout is the layout of somebody without service plans.
func (e *Eraser) emptyLayout() (id int64, err error) {
	id, err = emptyLayoutRow(e.ctx, e.tx)
	if id != 0 || err != nil || e.dry {
		return id, err
	}
	result, err := e.tx.ExecContext(e.ctx, "INSERT INTO plan_layout (hash, members) VALUES (?, ?)", emptyLayoutHash[:], emptyLayoutText)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// unprint takes a user's fingerprint away, which is of what was erased. The next
// run then compares the user in full.
func (e *Eraser) unprint(user int64) error {
	if e.dry {
		return nil
	}
	_, err := e.tx.ExecContext(e.ctx, "UPDATE user SET fingerprint = 0, row_print = NULL WHERE id = ?", user)
	return err
}

// profiles erases what identifies a person from attributes that nobody else has.
// The department stays, by which seats were counted.
func (e *Eraser) profiles(user int64) error {
	l := e.Layout("profile")
	keys, err := e.keys(l, `id IN (SELECT profile_id FROM user_version WHERE user_id = ?1)
		AND id NOT IN (SELECT profile_id FROM user_version WHERE user_id <> ?1)`, []any{user})
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := e.attributes(l, key, nil); err != nil {
			return err
		}
	}
	return nil
}

// attributes erases those of a profile, and writes more values.
func (e *Eraser) attributes(l *Layout, key []any, more map[string]any) error {
	values, _, err := e.row(l, engine.QuoteAll(l.key, "")+" = ?", key)
	if err != nil {
		return err
	}
	left, err := erasedAttributes(l.value(values, l.attributes), key[0])
	if err != nil {
		return err
	}
	if id, ok := key[0].(int64); ok && e.dry {
		e.left[id] = left
	}
	set := map[string]any{l.attributes: left}
	for c, v := range more {
		set[c] = v
	}
	return e.Redact(l, key, set)
}

func (e *Eraser) Layout(name string) *Layout {
	return e.all[slices.IndexFunc(e.all, func(l *Layout) bool { return l.Name == name })]
}

// mentions erases a person where rows about others name them. Rows that are
// evidence as a whole, such as events, are emptied as by pruning: what else
// they say of a person is not known.
func (e *Eraser) mentions(l *Layout, p *purpose, who *person) error {
	if len(l.mentions) == 0 {
		return nil
	}
	type change struct {
		key []any
		set map[string]any
	}
	var changes []change
	columns, about := engine.QuoteAll(l.columns, ", "), "0"
	if l.Name == "attribution" {
		about = "change_id IN (SELECT id FROM change WHERE user_id = ?1)"
	} else if l.about != "" {
		about = engine.QuoteAll([]string{l.about}, "") + " = ?1"
	}
	query := fmt.Sprintf(`SELECT %s, %s FROM "%s" WHERE ?1 = ?1`, columns, about, l.Name)
	err := engine.EachRow(e.ctx, e.tx, query, []any{p.user}, func(row []any) error {
		values := row[:len(l.columns)]
		set := l.without(values, p, who, row[len(l.columns)] == int64(1) && p.user != 0)
		if set == nil {
			return nil
		}
		key := make([]any, len(l.key))
		for i, k := range l.key {
			key[i] = l.value(values, k)
		}
		changes = append(changes, change{key, set})
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := e.mention(l, c.key, c.set); err != nil {
			return err
		}
	}
	return nil
}

func (e *Eraser) mention(l *Layout, key []any, set map[string]any) error {
	if l.Name == "attribute_word" {
		if err := e.unprintUsersOf(key[0]); err != nil {
			return err
		}
	}
	if l.attributes == "" {
		if l.Name == "user_version" {
			user, _ := key[0].(int64)
			if err := e.unprint(user); err != nil {
				return err
			}
			e.renamed = append(e.renamed, user)
		}
		return e.Redact(l, key, set)
	}
	delete(set, l.attributes)
	if err := e.unprintAll(key[0]); err != nil {
		return err
	}
	return e.attributes(l, key, set)
}

// unprintAll is unprint for all who have, or had, a combination of attributes.
func (e *Eraser) unprintAll(profile any) error {
	var users []int64
	err := engine.EachRow(e.ctx, e.tx, "SELECT DISTINCT user_id FROM user_version WHERE profile_id = ?", []any{profile}, func(values []any) error {
		user, _ := values[0].(int64)
		users = append(users, user)
		return nil
	})
	for _, user := range users {
		if err == nil {
			err = e.unprint(user)
		}
	}
	return err
}

// eachWord calls do with the numbers of the texts that each combination of attributes
// has. Where nothing is erased yet, those that would be are read as they would be.
func (e *Eraser) eachWord(do func(profile, word int64)) error {
	return engine.EachRow(e.ctx, e.tx, "SELECT id, more FROM profile WHERE substr(more, 1, 1) = '['", nil, func(values []any) error {
		id, _ := values[0].(int64)
		more := engine.TextOf(values[1])
		if left, ok := e.left[id]; ok {
			more = left
		}
		return attributes.Each(more, func(place int, number int64, _ *string) error {
			if _, shared := attributes.TextOf(place); shared && number > 0 {
				do(id, number)
			}
			return nil
		})
	})
}

// unprintUsersOf is unprint for all whose attributes have a text.
func (e *Eraser) unprintUsersOf(word any) error {
	var profiles []int64
	err := e.eachWord(func(profile, has int64) {
		if has == word {
			profiles = append(profiles, profile)
		}
	})
	for _, profile := range profiles {
		if err == nil {
			err = e.unprintAll(profile)
		}
	}
	return err
}

// unusedWords erases the texts that no combination of attributes has any more.
func (e *Eraser) unusedWords(p *purpose) error {
	used := map[int64]bool{}
	if err := e.eachWord(func(_, word int64) { used[word] = true }); err != nil {
		return err
	}
	var unused [][]any
	err := engine.EachRow(e.ctx, e.tx, "SELECT id, text FROM attribute_word", nil, func(values []any) error {
		if id, _ := values[0].(int64); !used[id] && !IsStandIn(engine.TextOf(values[1])) {
			unused = append(unused, []any{id})
		}
		return nil
	})
	for _, key := range unused {
		if err == nil {
			err = e.Redact(e.Layout("attribute_word"), key, map[string]any{"text": p.name})
		}
	}
	return err
}

// without returns what columns must hold so that the person is not in them; nil
// when they are not. about says that the row is about the person, whom it may
// then call by the name alone.
func (l *Layout) without(values []any, p *purpose, who *person, about bool) map[string]any {
	texts := l.mentions
	if l.attributes != "" {
		texts = append(slices.Clone(texts), l.attributes)
	}
	row := l.rowText(values, texts)
	named := false
	for _, c := range texts {
		text, _ := l.value(values, c).(string)
		named = named || who.isNamed(text, row)
	}
	if !named && !about {
		return nil
	}
	if l.pruned != nil {
		if !named {
			return nil
		}
		return l.pruned
	}
	var set map[string]any
	for _, c := range texts {
		text, _ := l.value(values, c).(string)
		clean := text
		switch {
		case slices.Contains(l.leaves, c):
			clean = leavesWithout(text, p, who, row)
		case who.isNamed(text, row), who.isCalled(text):
			clean = l.erasedText(c, p)
		}
		if clean == text || text == "" {
			continue
		}
		if set == nil {
			set = map[string]any{}
		}
		set[c] = clean
	}
	return set
}

// rowText is all that a row says in some columns, to know whom it is about.
func (l *Layout) rowText(values []any, columns []string) string {
	var b strings.Builder
	for _, c := range columns {
		text, _ := l.value(values, c).(string)
		b.WriteString(text)
		b.WriteByte('\n')
	}
	return b.String()
}

// leavesWithout erases the values of a text in JSON that name the person, and those
// beside them in the same object that say who that is.
func leavesWithout(text string, p *purpose, who *person, row string) string {
	parsed, err := parseJSON(text)
	if err != nil {
		if who.isNamed(text, row) {
			return p.name
		}
		return text
	}
	owned := map[string]bool{}
	walkLeaves(parsed, "", func(path string, v any) any {
		if s, ok := v.(string); ok && who.isNamed(s, row) {
			owned[path[:strings.LastIndexByte(path, '/')+1]] = true
		}
		return v
	})
	changed := false
	parsed = walkLeaves(parsed, "", func(path string, v any) any {
		s, ok := v.(string)
		at := strings.LastIndexByte(path, '/') + 1
		if !ok || IsStandIn(s) || !mayGo(path) || !who.isNamed(s, row) && !who.isCalled(s) && !(owned[path[:at]] && slices.Contains(identity, path[at:])) {
			return v
		}
		changed = true
		return p.name
	})
	if !changed {
		return text
	}
	return marshaled(parsed)
}

// identity are values of JSON that say who somebody is.
var identity = []string{"id", "upn", "name", "mail"}

// unstat empties the tables in which ANALYZE keeps values of indexes.
func (e *Eraser) unstat() error {
	names, err := engine.Pairs[string, string](e.ctx, e.tx, "SELECT name, '' FROM sqlite_schema WHERE type = 'table' AND name IN ('sqlite_stat3', 'sqlite_stat4')")
	if err != nil {
		return err
	}
	for name := range names {
		if _, err := e.tx.ExecContext(e.ctx, "DELETE FROM "+engine.QuoteAll([]string{name}, "")); err != nil {
			return err
		}
	}
	return nil
}

// renameIndexed indexes anew what users are called in whose names the person stood.
func (e *Eraser) renameIndexed() error {
	var n nameindex.Words
	run := func(query string, args ...any) (sql.Result, error) { return e.tx.ExecContext(e.ctx, query, args...) }
	for _, user := range e.renamed {
		if _, err := run("DELETE FROM name_word WHERE user_id = ?", user); err != nil {
			return err
		}
		err := engine.EachRow(e.ctx, e.tx, "SELECT upn, name, coalesce(mail, '') FROM user_version WHERE user_id = ?", []any{user}, func(values []any) error {
			return n.Add(user, engine.TextOf(values[0]), engine.TextOf(values[1]), engine.TextOf(values[2]), run)
		})
		if err != nil {
			return err
		}
	}
	return n.Flush(run)
}

// search goes through every value of the database, and fails where one names the
// person still. What is made from such values needs no search: name_word has parts
// of addresses that others rightly have.
func (e *Eraser) search(who *person) error {
	columns := map[string][]string{}
	err := engine.EachRow(e.ctx, e.tx, `SELECT t.name, c.name FROM sqlite_schema t, pragma_table_xinfo(t.name) c
		WHERE t.type = 'table' AND t.name <> 'name_word' AND c.type NOT IN ('INTEGER', 'INT', 'REAL') ORDER BY t.name, c.cid`, nil, func(values []any) error {
		table, _ := values[0].(string)
		column, _ := values[1].(string)
		columns[table] = append(columns[table], column)
		return nil
	})
	if err != nil {
		return err
	}
	for table, names := range columns {
		if err := e.searchTable(table, names, who); err != nil {
			return err
		}
	}
	return nil
}

func (e *Eraser) searchTable(table string, columns []string, who *person) error {
	query := fmt.Sprintf("SELECT %s FROM %s", engine.QuoteAll(columns, ", "), engine.QuoteAll([]string{table}, ""))
	return engine.EachRow(e.ctx, e.tx, query, nil, func(values []any) error {
		row := ""
		for i, v := range values {
			text := engine.TextOf(v)
			if text == "" || table == "user_version" && slices.Contains([]string{"upn", "mail"}, columns[i]) && who.isOthers(text) {
				continue
			}
			if row == "" {
				for _, v := range values {
					row += engine.TextOf(v) + "\n"
				}
			}
			if who.isUnmistakable(text, row) {
				return &NamedError{table, columns[i]}
			}
		}
		return nil
	})
}

// person is somebody to be forgotten, with all that they were called, folded.
type person struct {
	guids   []string            // object ids, as text
	ids     []string            // wherever they stand: object ids, as text and as bytes, and addresses in all their forms
	words   []string            // wherever they stand as a word: object ids that are no GUIDs
	full    []string            // where texts may go, as a word: full names that nobody else has; something else may be called so
	names   []string            // in rows about the person: display names
	numbers []string            // in rows about the person, as a word: employee ids
	longer  []string            // addresses of others in which one of the person's stands
	others  map[string][]string // by an address that others have as well: their object ids
}

// person collects what somebody was ever called.
func (e *Eraser) person(p *purpose, called []Called) (*person, error) {
	who := &person{others: map[string][]string{}}
	if p.user != 0 {
		rows, numbers, err := e.calledUser(p)
		if err != nil {
			return nil, err
		}
		called, who.numbers = append(slices.Clone(called), rows), numbers
	}
	for _, c := range called {
		for _, id := range c.IDs {
			who.id(id)
		}
		for _, address := range c.Addresses {
			who.address(address)
		}
		for _, name := range c.Names {
			who.name(name)
		}
	}
	for _, c := range called {
		for _, address := range c.Others {
			who.other("", address)
		}
	}
	return who, e.others(p, who)
}

// IsStandIn reports whether a text is what stands in somebody's place already.
func IsStandIn(text string) bool { return text == "" || IsForgotten(text) }

// IsForgotten reports whether a name is the stand-in of somebody whom forget has erased.
func IsForgotten(name string) bool { return strings.HasPrefix(name, ForgottenName+"-") }

func (w *person) address(address string) {
	switch {
	case IsStandIn(address):
	case strings.Contains(address, "@"):
		w.ids = append(w.ids, spelling.AddressForms(address)...)
	default:
		w.words = append(w.words, spelling.Fold(address))
	}
}

// name takes a display name, with the first and the last part in either order.
func (w *person) name(name string) {
	name = spelling.Fold(strings.Join(strings.Fields(name), " "))
	if utf8.RuneCountInString(name) < 2 || IsStandIn(name) {
		return
	}
	w.names = append(w.names, name)
	if parts := strings.Fields(name); len(parts) == 2 {
		first, last := strings.Trim(parts[0], ","), parts[1]
		w.names = append(w.names, first+" "+last, last+" "+first, last+", "+first)
	}
}

// id takes an object id: a GUID is unmistakable, also in the bytes of its two
// orders; anything else is a word.
func (w *person) id(id string) {
	guid, ok := snapshot.UserID(id).GUID()
	if !ok {
		if !IsStandIn(id) {
			w.words = append(w.words, spelling.Fold(id))
		}
		return
	}
	text := string(snapshot.GUIDText(guid))
	w.guids = append(w.guids, text)
	mixed := guid
	for _, part := range [][]byte{mixed[0:4], mixed[4:6], mixed[6:8]} {
		slices.Reverse(part)
	}
	w.ids = append(w.ids, text, strings.ReplaceAll(text, "-", ""), string(guid[:]), string(mixed[:]))
}

// calledUser is what the rows of a user call them.
func (e *Eraser) calledUser(p *purpose) (c Called, numbers []string, err error) {
	var key any
	err = e.tx.QueryRowContext(e.ctx, "SELECT object_id FROM user WHERE id = ?", p.user).Scan(&key)
	if err != nil {
		return c, nil, engine.Classify(err)
	}
	c.IDs = []string{string(engine.UserID(key))}
	presence := ""
	err = engine.EachRow(e.ctx, e.tx, `SELECT upn, coalesce(mail, ''), name, coalesce(employee_id, ''), coalesce(presence, '') FROM user_version WHERE user_id = ? ORDER BY from_run`,
		[]any{p.user}, func(values []any) error {
			text := func(i int) string { s, _ := values[i].(string); return s }
			c.Addresses = append(c.Addresses, text(0), text(1))
			c.Names = append(c.Names, text(2))
			if number := spelling.Fold(text(3)); utf8.RuneCountInString(number) > 2 {
				numbers = append(numbers, number)
			}
			presence = text(4)
			return nil
		})
	if err == nil && presence == "" {
		err = ErrPresent
	}
	return c, numbers, err
}

// others finds what the person shares with others: addresses that are theirs as
// well, longer ones, and names. A full name that nobody else has stands for the
// person wherever it does.
func (e *Eraser) others(p *purpose, who *person) error {
	unique := slices.DeleteFunc(slices.Clone(who.names), func(n string) bool { return !strings.ContainsRune(n, ' ') })
	err := engine.EachRow(e.ctx, e.tx, `SELECT u.object_id, v.upn, coalesce(v.mail, ''), v.name FROM user_version v JOIN user u ON u.id = v.user_id WHERE u.id <> ?`,
		[]any{p.user}, func(values []any) error {
			id := string(engine.UserID(values[0]))
			for _, v := range values[1:3] {
				if text, _ := v.(string); text != "" {
					who.other(id, text)
				}
			}
			name := spelling.Fold(engine.TextOf(values[3]))
			unique = slices.DeleteFunc(unique, func(n string) bool { return strings.Contains(name, n) })
			return nil
		})
	if err != nil {
		return err
	}
	who.full = unique
	return nil
}

// other takes an address of somebody else. id is "" for one who is no user, and
// may be the person.
func (w *person) other(id, address string) {
	for _, form := range spelling.AddressForms(address) {
		for _, mine := range w.ids {
			switch {
			case form == mine && id != "":
				w.others[mine] = append(w.others[mine], id)
			case form != mine && strings.Contains(form, mine) && !slices.Contains(w.ids, form):
				w.longer = append(w.longer, form)
			}
		}
	}
}

// isOthers reports whether an address is one of somebody else's, too.
func (w *person) isOthers(address string) bool {
	return slices.ContainsFunc(spelling.AddressForms(address), func(f string) bool { return w.others[f] != nil || slices.Contains(w.longer, f) })
}

// isNamed reports whether a text names the person, in whatever spelling, by what
// nobody else is called. row is all that the row says, which shows whose an address
// is that several people had.
func (w *person) isNamed(text, row string) bool {
	return w.isUnmistakable(text, row) || text != "" && len(w.full) > 0 && spelling.Readings(text, func(text string) bool {
		folded := spelling.Fold(text)
		return slices.ContainsFunc(w.full, func(name string) bool { return hasWord(folded, name) })
	})
}

// isUnmistakable is isNamed but for names.
func (w *person) isUnmistakable(text, row string) bool {
	return text != "" && spelling.Readings(text, func(text string) bool {
		folded := spelling.Fold(text)
		for _, id := range w.ids {
			if !strings.Contains(folded, id) && !strings.Contains(text, id) {
				continue
			}
			if w.isOnlyIn(folded, id) || w.isAboutOther(id, row) {
				continue
			}
			return true
		}
		return slices.ContainsFunc(w.words, func(word string) bool { return hasWord(folded, word) })
	})
}

// isCalled reports whether a text in a row about the person calls them by a name
// or a number that others may share.
func (w *person) isCalled(text string) bool {
	return text != "" && spelling.Readings(text, func(text string) bool {
		folded := spelling.Fold(text)
		return slices.ContainsFunc(w.names, func(n string) bool { return strings.Contains(folded, n) }) ||
			slices.ContainsFunc(w.numbers, func(n string) bool { return hasWord(folded, n) })
	})
}

// isOnlyIn reports whether a word stands in a text only within longer addresses of
// others.
func (w *person) isOnlyIn(text, word string) bool {
	found := false
	for rest, at := text, 0; ; {
		i := strings.Index(rest, word)
		if i < 0 {
			return found
		}
		found = true
		if !w.inLonger(text, at+i, word) {
			return false
		}
		at += i + 1
		rest = text[at:]
	}
}

func (w *person) inLonger(text string, at int, word string) bool {
	return slices.ContainsFunc(w.longer, func(longer string) bool {
		for from := 0; from+len(word) <= len(longer); from++ {
			start := at - from
			if start >= 0 && longer[from:min(len(longer), from+len(word))] == word && strings.HasPrefix(text[start:], longer) && isWord(text, start, start+len(longer)) {
				return true
			}
		}
		return false
	})
}

// isAboutOther reports whether a row with an address that several people had is
// about another of them: it has that one's object id, and not the person's.
func (w *person) isAboutOther(address, row string) bool {
	ids := w.others[address]
	if ids == nil {
		return false
	}
	row = spelling.Fold(row)
	mine := func(id string) bool {
		return !strings.ContainsRune(id, '@') && !strings.ContainsRune(id, '_') && strings.Contains(row, id)
	}
	return slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(row, spelling.Fold(id)) }) &&
		!slices.ContainsFunc(w.ids, mine) && !slices.ContainsFunc(w.words, func(id string) bool { return hasWord(row, id) })
}

// hasWord reports whether a word stands in a text by itself.
func hasWord(text, word string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		if isWord(text, at+i, at+i+len(word)) && !strings.HasPrefix(text[at+i+len(word):], "@") {
			return true
		}
		at += i + 1
	}
}

// isWord reports whether what stands around a part of a text does not belong to it.
func isWord(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	joins := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	return !(from > 0 && joins(before)) && !(to < len(text) && joins(after))
}
