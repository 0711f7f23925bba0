package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/nameindex"
	"lictrail/snapshot/words"
)

// Found is a user whom words mean.
type Found struct {
	Person
	Rank words.Rank
	Was  string // the former name or address by which they were found; "" where a present one fits
}

// maxCandidates bounds how many users a search looks at whose names begin as the one
// word that was typed.
const maxCandidates = 5_000

// FindPeople finds users by parts of their names and addresses, present and past,
// the best first. Those whose names begin with the words come from an index; only
// when there are none is what was typed looked for within names. more reports that
// there may be others.
func (h *History) FindPeople(ctx context.Context, q words.Query, limit int) (found []Found, more bool, err error) {
	if q.Empty() {
		return nil, false, nil
	}
	indexed, err := nameindex.Built(ctx, h.tx)
	if err != nil {
		return nil, false, engine.Classify(err)
	}
	if indexed {
		var word string
		if word, err = h.rarest(ctx, q); err == nil {
			found, more, err = h.rankPeople(ctx, q, words.Begins, beginning, prefixArgs(q, word))
		}
	}
	if err == nil && len(found) == 0 && !more {
		query, args := within, []any{q.Longest(), strings.ToLower(q.Text)}
		if !indexed {
			query, args = "SELECT id FROM user", nil
		}
		found, more, err = h.rankPeople(ctx, q, words.Anywhere, query, args)
	}
	if err != nil {
		return nil, false, fmt.Errorf("find people: %w", engine.Classify(err))
	}
	slices.SortStableFunc(found, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), strings.Compare(a.Was, b.Was), strings.Compare(a.UPN, b.UPN), strings.Compare(string(a.ID), string(b.ID)))
	})
	if len(found) > limit {
		found, more = found[:limit], true
	}
	if err := h.describeAll(ctx, found); err != nil {
		return nil, false, fmt.Errorf("find people: %w", engine.Classify(err))
	}
	return found, more, nil
}

// beginning selects the users of whom a word or an address begins so, of each kind
// so many at most. Each part is a range of an index.
const beginning = `
	SELECT user_id FROM (SELECT user_id FROM name_word WHERE word >= ?1 AND word < ?2 LIMIT ?5)
	UNION SELECT user_id FROM (SELECT user_id FROM user_version WHERE ` + upnFrom1 + ` LIMIT ?5)
	UNION SELECT user_id FROM (SELECT user_id FROM user_version WHERE mail >= ?1 COLLATE NOCASE AND mail < ?2 COLLATE NOCASE AND mail IS NOT NULL AND mail <> '' LIMIT ?5)
	UNION SELECT user_id FROM (SELECT user_id FROM user_version WHERE ` + upnFrom3 + ` LIMIT ?5)
	UNION SELECT user_id FROM (SELECT user_id FROM user_version WHERE mail >= ?3 COLLATE NOCASE AND mail < ?4 COLLATE NOCASE AND mail IS NOT NULL AND mail <> '' LIMIT ?5)`

// within selects the users in whose names or addresses the text stands anywhere.
const within = `
	SELECT user_id FROM name_word WHERE instr(word, ?1)
	UNION SELECT user_id FROM user_version WHERE instr(lower(upn), ?2) OR instr(lower(upn), ?1)
	UNION SELECT user_id FROM user_version WHERE mail IS NOT NULL AND mail <> '' AND (instr(lower(mail), ?2) OR instr(lower(mail), ?1))`

// last follows every text that begins with what stands before it.
const last = "\U0010ffff"

// prefixArgs are the values of beginning. Of one word every candidate fits, and so
// some are enough; of several words all who have one of them must be looked at.
func prefixArgs(q words.Query, word string) []any {
	limit := maxCandidates
	if len(q.Words) > 1 {
		limit = -1
	}
	return []any{word, word + last, q.Text, q.Text + last, limit}
}

// rarest is the word with which the fewest names begin.
func (h *History) rarest(ctx context.Context, q words.Query) (string, error) {
	best, fewest := q.Longest(), int64(maxCandidates)
	if len(q.Words) == 1 {
		return best, nil
	}
	for _, word := range q.Words {
		var n int64
		err := h.tx.QueryRowContext(ctx, `
			SELECT (SELECT count(*) FROM (SELECT 1 FROM name_word WHERE word >= ?1 AND word < ?2 LIMIT ?3)) +
				(SELECT count(*) FROM (SELECT 1 FROM user_version WHERE `+upnFrom1+` LIMIT ?3))`, word, word+last, maxCandidates).Scan(&n)
		if err != nil {
			return "", err
		}
		if n < fewest {
			best, fewest = word, n
		}
	}
	return best, nil
}

// rankPeople looks at users whom a query selects, and keeps those that fit at least
// as well as a rank.
func (h *History) rankPeople(ctx context.Context, q words.Query, worst words.Rank, query string, args []any) ([]Found, bool, error) {
	var ids []int64
	err := engine.EachRow(ctx, h.tx, query, args, func(values []any) error {
		id, _ := values[0].(int64)
		ids = append(ids, id)
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	more := len(q.Words) == 1 && len(ids) >= maxCandidates
	var found []Found
	for some := range slices.Chunk(ids, usersAtOnce) {
		ranked, err := h.rankSome(ctx, q, some)
		if err != nil {
			return nil, false, err
		}
		found = append(found, slices.DeleteFunc(ranked, func(f Found) bool { return f.Rank > worst })...)
	}
	return found, more, nil
}

// rankSome compares with all that users are and were called.
func (h *History) rankSome(ctx context.Context, q words.Query, ids []int64) (ranked []Found, err error) {
	c := &conditions{text: `
		SELECT v.user_id, u.object_id, v.upn, v.name, coalesce(v.mail, '') FROM user_version v CROSS JOIN user u ON u.id = v.user_id WHERE 1`}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	c.in("v.user_id", args)
	err = engine.EachRow(ctx, h.tx, c.text+" ORDER BY v.user_id, v.from_run DESC", c.args,
		func(values []any) error {
			id, _ := values[0].(int64)
			upn, name, mail := engine.TextOf(values[2]), engine.TextOf(values[3]), engine.TextOf(values[4])
			newest := len(ranked) == 0 || ranked[len(ranked)-1].Row != id
			if newest {
				f := Found{Person: Person{Row: id}, Rank: words.No}
				f.ID, f.UPN = engine.UserID(values[1]), upn
				ranked = append(ranked, f)
			}
			ranked[len(ranked)-1].compare(q, newest, upn, name, mail)
			return nil
		})
	return ranked, err
}

// compare keeps the best of how a query fits what a user is called, or was.
func (f *Found) compare(q words.Query, newest bool, upn, name, mail string) {
	for _, called := range []struct {
		word string
		rank words.Rank
	}{{name, q.Name(name)}, {upn, q.Address(upn)}, {mail, q.Address(mail)}} {
		if called.rank < f.Rank {
			f.Rank, f.Was = called.rank, ""
			if !newest {
				f.Was = called.word
			}
		}
	}
}

func (h *History) describeAll(ctx context.Context, found []Found) error {
	for i := range found {
		f := &found[i]
		if err := h.describe(ctx, &f.Person); err != nil {
			return err
		}
		if h.Pseudonymous() {
			f.Was = ""
		}
	}
	return nil
}

// CompletePeople lists up to so many UPNs that begin so, or of people whose names
// do: what an index gives at once.
func (h *History) CompletePeople(ctx context.Context, begun string, limit int) ([]snapshot.Attributes, error) {
	q := words.NewQuery(begun)
	word := q.Longest()
	var found []snapshot.Attributes
	err := engine.EachRow(ctx, h.tx, fmt.Sprintf(`
		SELECT v.upn, v.name FROM (
			SELECT user_id FROM (SELECT user_id FROM user_version WHERE `+upnFrom1+` AND to_run IS NULL LIMIT %[1]d)
			UNION SELECT user_id FROM (SELECT user_id FROM name_word WHERE word >= ?3 AND word < ?4 LIMIT %[1]d)
		) i JOIN user_version v ON v.user_id = i.user_id AND v.to_run IS NULL ORDER BY v.upn LIMIT %[1]d`, limit),
		[]any{q.Text, q.Text + last, word, word + last}, func(values []any) error {
			found = append(found, snapshot.Attributes{UPN: engine.TextOf(values[0]), Name: engine.TextOf(values[1])})
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("complete a user: %w", err)
	}
	return found, nil
}

// maxNear bounds how many words are compared with one that means nobody.
const maxNear = 20_000

// WordsOfNames lists words of names and addresses that begin with the first letter of
// another.
func (h *History) WordsOfNames(ctx context.Context, like string) ([]string, error) {
	var first string
	for _, r := range like {
		first = string(r)
		break
	}
	var list []string
	err := engine.EachRow(ctx, h.tx, fmt.Sprintf(`
		WITH RECURSIVE w(word) AS (
			SELECT min(word) FROM name_word WHERE word >= ?1
			UNION ALL SELECT (SELECT min(word) FROM name_word WHERE word > w.word) FROM w WHERE w.word < ?2)
		SELECT word FROM w WHERE word < ?2 LIMIT %d`, maxNear), []any{first, first + last}, func(values []any) error {
		list = append(list, engine.TextOf(values[0]))
		return nil
	})
	if err == nil {
		err = engine.EachRow(ctx, h.tx, fmt.Sprintf("SELECT upn FROM user_version WHERE "+upnFrom1+" LIMIT %d", maxNear),
			[]any{first, first + last}, func(values []any) error {
				if of := words.Of(words.Local(engine.TextOf(values[0]))); len(of) > 0 {
					list = append(list, of[0])
				}
				return nil
			})
	}
	if err != nil {
		return nil, fmt.Errorf("read the words of names: %w", err)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// GroupName is what a group is or was called.
type GroupName struct {
	ID   snapshot.GroupID
	Name string
}

// GroupNames lists every name that groups had; under pseudonyms the present ones.
func (h *History) GroupNames(ctx context.Context) ([]GroupName, error) {
	var list []GroupName
	if h.Pseudonymous() {
		for id, name := range h.groups {
			list = append(list, GroupName{id, name})
		}
		return list, nil
	}
	err := engine.EachRow(ctx, h.tx, `SELECT DISTINCT g.object_id, coalesce(v.name, '') FROM licensed_group g LEFT JOIN group_version v ON v.group_id = g.id
		ORDER BY g.object_id, v.from_run`, nil, func(values []any) error {
		list = append(list, GroupName{snapshot.GroupID(engine.TextOf(values[0])), engine.TextOf(values[1])})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the names of groups: %w", err)
	}
	return list, nil
}
