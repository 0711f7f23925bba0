// Package nameindex is the index by which people are found by the words of their
// names. It is derived from the history, and can be made anew from it at any time.
package nameindex

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/words"
)

// nameWord is a row of name_word.
type nameWord struct {
	word string
	user int64
}

// Words collects rows of name_word, to add them in the order of their key: one
// by one they would touch a page of the table each.
type Words struct {
	list  []nameWord
	bytes int
}

// maxNameWords bounds the memory for names that are yet to be indexed.
const maxNameWords = 8 << 20

// execute runs a statement.
type execute func(query string, args ...any) (sql.Result, error)

// Add indexes what a user is called.
func (n *Words) Add(user int64, upn, name, mail string, run execute) error {
	for _, word := range indexedWords(upn, name, mail) {
		n.list = append(n.list, nameWord{word, user})
		n.bytes += len(word) + 24
	}
	if n.bytes < maxNameWords {
		return nil
	}
	return n.Flush(run)
}

// Rule numbers which words are indexed. An index that was made by another rule must be
// made anew.
const Rule = 10*1 + words.Rule

// indexedWords are the words of a display name and of the addresses, but for those
// that an address begins with: there the indexes of addresses find them. Of nearly
// everybody that is a word of the name.
func indexedWords(upn, name, mail string) []string {
	list := words.Of(name)
	for _, address := range []string{upn, mail} {
		list = append(list, words.Of(words.Local(address))...)
	}
	slices.Sort(list)
	upn, mail = noCase(upn), noCase(mail)
	list = slices.DeleteFunc(list, func(word string) bool { return strings.HasPrefix(upn, word) || strings.HasPrefix(mail, word) })
	return slices.Compact(list)
}

// noCase is a text as the collation NOCASE compares it.
func noCase(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// Flush adds the words that were collected.
func (n *Words) Flush(run execute) error {
	slices.SortFunc(n.list, func(a, b nameWord) int { return cmp.Or(strings.Compare(a.word, b.word), cmp.Compare(a.user, b.user)) })
	rest := slices.Compact(n.list)
	for len(rest) > 0 {
		rows := 1
		if len(rest) >= engine.AtOnce {
			rows = engine.AtOnce
		}
		args := make([]any, 0, 2*rows)
		for _, w := range rest[:rows] {
			args = append(args, w.word, w.user)
		}
		query := strings.Replace(engine.Insertion("name_word", []string{"word", "user_id"}, rows), "INSERT", "INSERT OR IGNORE", 1)
		if _, err := run(query, args...); err != nil {
			return fmt.Errorf("index names: %w", err)
		}
		rest = rest[rows:]
	}
	n.list, n.bytes = n.list[:0], 0
	return nil
}

// Build indexes the names of a history that a version without the index has
// written, or one with another rule. While another process writes it is left for
// the next time: without the index, names are looked for in all rows.
func Build(ctx context.Context, db *sql.DB) error {
	var there bool
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM pragma_table_info('name_index') WHERE name = 'rule'").Scan(&there); err != nil || !there {
		return err // a test has opened an earlier schema
	}
	if ok, err := Built(ctx, db); ok || err != nil {
		return err
	}
	err := buildNames(ctx, db)
	if errors.Is(engine.Classify(err), engine.ErrBusy) {
		return nil
	}
	return err
}

// Built reports whether every name is in the index.
func Built(ctx context.Context, q engine.Querier) (bool, error) {
	var rule int
	err := q.QueryRowContext(ctx, "SELECT rule FROM name_index").Scan(&rule)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read how names are indexed: %w", engine.Classify(err))
	}
	return rule == Rule, nil
}

func buildNames(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("index names: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing; before, the error is already on its way
	if ok, err := Built(ctx, tx); ok || err != nil {
		return err // another process was faster
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM name_word; DELETE FROM name_index"); err != nil {
		return fmt.Errorf("index names: %w", err)
	}
	var n Words
	run := func(query string, args ...any) (sql.Result, error) { return tx.ExecContext(ctx, query, args...) }
	err = engine.EachRow(ctx, tx, "SELECT user_id, upn, name, coalesce(mail, '') FROM user_version", nil, func(values []any) error {
		user, _ := values[0].(int64)
		return n.Add(user, engine.TextOf(values[1]), engine.TextOf(values[2]), engine.TextOf(values[3]), run)
	})
	if err == nil {
		err = n.Flush(run)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO name_index VALUES (1, ?)", Rule)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return fmt.Errorf("index names: %w", err)
	}
	return nil
}

// Check checks that the index has the words of all names and no others: a word that
// is missing hides a person, and with that a second one of the same name. It compares
// sums of hashes, so that memory does not grow with the history.
func Check(ctx context.Context, q engine.Querier, isForgotten func(upn string) bool) (problem string, err error) {
	if ok, err := Built(ctx, q); !ok || err != nil {
		return "", err // names are looked for in all rows
	}
	seed := maphash.MakeSeed()
	var want, have, words, rows uint64
	sum := func(word string, user int64) uint64 {
		return maphash.String(seed, word+"\x00"+strconv.FormatInt(user, 10))
	}
	last, of := int64(0), map[string]bool{} // the words of one user
	add := func() {
		for word := range of {
			want, words = want+sum(word, last), words+1
		}
		clear(of)
	}
	err = engine.EachRow(ctx, q, "SELECT user_id, upn, name, coalesce(mail, '') FROM user_version ORDER BY user_id", nil, func(values []any) error {
		user, _ := values[0].(int64)
		if user != last {
			add()
			last = user
		}
		upn := engine.TextOf(values[1])
		if isForgotten(upn) {
			return nil // nobody is to be found by that
		}
		for _, word := range indexedWords(upn, engine.TextOf(values[2]), engine.TextOf(values[3])) {
			of[word] = true
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	add()
	err = engine.EachRow(ctx, q, "SELECT word, user_id FROM name_word", nil, func(values []any) error {
		user, _ := values[1].(int64)
		have, rows = have+sum(engine.TextOf(values[0]), user), rows+1
		return nil
	})
	if err == nil && (want != have || words != rows) {
		problem = fmt.Sprintf("the index of names has %d words, and the names give %d, or others: people may not be found by their names", rows, words)
	}
	return problem, err
}
