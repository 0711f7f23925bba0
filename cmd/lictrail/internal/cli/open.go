package cli

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/catalog"
	"lictrail/snapshot/store"
)

// withHistory opens the database for reading and hands it to do.
func withHistory(ctx context.Context, e *env, do func(n names) error) error {
	// A listing keeps next to nothing and throws much away: collected at the
	// usual pace, that took a fifth of its time. It still needs few megabytes.
	if e.getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(400))
	}
	db, err := store.OpenReadOnly(ctx, e.db, migrations.Check)
	if err != nil {
		return err
	}
	defer db.Close()
	h, err := db.History(ctx)
	if err != nil {
		return err
	}
	defer h.Close()
	cat, err := loadCatalog(ctx, h)
	if err != nil {
		return err
	}
	if e.pseudonymize {
		if err := h.Pseudonymize(ctx); err != nil {
			return err
		}
	}
	n, err := newNames(ctx, h, cat)
	if err != nil {
		return err
	}
	answer := &begun{Writer: e.Out}
	e.Out = answer
	defer func() { e.Out = answer.Writer }()
	if err := do(n); err != nil {
		return err
	}
	return n.tellGaps(e, answer.yes)
}

// begun notes whether anything was written.
type begun struct {
	io.Writer
	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = b.yes || len(p) > 0
	return b.Writer.Write(p)
}

// newNames is a history to be asked, with what is known of how it was read.
func newNames(ctx context.Context, h *store.History, cat *catalog.Catalog) (names, error) {
	read, err := loadReadings(ctx, h)
	return names{h, cat, read}, err
}

// loadCatalog joins the built-in names with those that were imported.
func loadCatalog(ctx context.Context, h *store.History) (*catalog.Catalog, error) {
	skus, plans, err := h.ImportedNames(ctx)
	if err != nil {
		return nil, err
	}
	if len(skus) == 0 {
		return catalog.Builtin(), nil
	}
	imported := make([]catalog.SKU, len(skus))
	for i, s := range skus {
		imported[i] = catalog.SKU{ID: s.ID, PartNumber: s.PartNumber, Name: s.Name}
	}
	named := make([]catalog.Plan, len(plans))
	for i, p := range plans {
		named[i] = catalog.Plan{ID: p.ID, Name: p.Name, FriendlyName: p.FriendlyName}
	}
	return catalog.Merge(catalog.Builtin(), catalog.New(imported, named)), nil
}

// users finds who is meant by USER. An address that several people had over
// time stands for all of them.
func (n names) users(ctx context.Context, ref string) ([]store.Person, error) {
	found, err := n.h.FindUsers(ctx, ref)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, usage(fmt.Sprintf("no user %q in the history", ref),
			"the object id, or a UPN or mail address, present or past; lictrail assignments lists those with licenses")
	}
	return found, nil
}

// optionalUsers is users, or nobody in particular for "".
func (n names) optionalUsers(ctx context.Context, ref string) ([]store.Person, error) {
	if ref == "" {
		return nil, nil
	}
	return n.users(ctx, ref)
}

// skusOf finds the SKUs of the tenant that a word means: the one with that id, else
// all with that part number, which Microsoft does not keep unique, else those of
// that product name, present or former. They are sorted.
func (n names) skusOf(word string) []snapshot.SKUID {
	word = strings.TrimSpace(word)
	var found []snapshot.SKUID
	for id, part := range n.h.PartNumbers() {
		if strings.EqualFold(string(id), word) {
			return []snapshot.SKUID{id}
		}
		if strings.EqualFold(part, word) {
			found = append(found, id)
		}
	}
	if len(found) == 0 {
		for _, s := range n.cat.FindSKUs(word) {
			if _, ok := n.h.PartNumbers()[s.ID]; ok {
				found = append(found, s.ID)
			}
		}
	}
	slices.Sort(found)
	return found
}

// findSKUs finds the SKUs that a question is about, none for "". A part number may
// be that of several; any other word must mean one.
func (n names) findSKUs(word string) ([]snapshot.SKUID, error) {
	if word == "" {
		return nil, nil
	}
	found := n.skusOf(word)
	samePart := !slices.ContainsFunc(found, func(id snapshot.SKUID) bool { return !strings.EqualFold(n.partNumber(id), n.partNumber(found[0])) })
	if len(found) > 1 && !samePart {
		return nil, severalSKUs(word, found)
	}
	if len(found) == 0 {
		return nil, usage(fmt.Sprintf("no SKU %q in the history", word), "lictrail skus lists those that the tenant has had")
	}
	return found, nil
}

// findSKU finds the one SKU that is meant, "" for "".
func (n names) findSKU(word string) (snapshot.SKUID, error) {
	found, err := n.findSKUs(word)
	switch {
	case err != nil || len(found) == 0:
		return "", err
	case len(found) > 1:
		return "", severalSKUs(word, found)
	}
	return found[0], nil
}

func severalSKUs(word string, ids []snapshot.SKUID) error {
	return usage(fmt.Sprintf("%q is the name of several SKUs", word), "one of: "+joinIDs(ids))
}

// findGroup finds the group that is meant by an object id or a name.
func (n names) findGroup(word string) (snapshot.GroupID, error) {
	if word == "" {
		return "", nil
	}
	var found []snapshot.GroupID
	for id, name := range n.h.Groups() {
		if strings.EqualFold(string(id), word) {
			return id, nil
		}
		if strings.EqualFold(name, word) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", usage(fmt.Sprintf("no group %q has given licenses", word), "lictrail groups lists those that have")
	}
	return "", usage(fmt.Sprintf("several groups are called %q", word), "one of: "+joinIDs(found))
}

func joinIDs[T ~string](ids []T) string {
	slices.Sort(ids)
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, ", ")
}

var agePattern = regexp.MustCompile(`^(\d{1,6})([hdw])$`)

// parseTime reads RFC 3339, a day, or an age such as 90d or 26w that counts
// back from now. A day means its beginning, or with end its end.
func parseTime(flag, text string, now time.Time, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		if end {
			t = t.AddDate(0, 0, 1).Add(-time.Millisecond)
		}
		return t, nil
	}
	if m := agePattern.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // at most six digits
		unit := map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
		return now.Add(-time.Duration(n) * unit).UTC(), nil
	}
	return time.Time{}, usage(fmt.Sprintf("--%s %q is not a time", flag, text), "2026-03-01, 2026-03-01T08:00:00Z, 90d or 26w")
}

// parseSpan reads a stretch of time, either end of which may be left open. An end
// before its beginning is a mistake, and would find nothing.
func parseSpan(since, until string, now time.Time) (from, to time.Time, err error) {
	if from, err = parseTime("since", since, now, false); err != nil {
		return from, to, err
	}
	if to, err = parseTime("until", until, now, true); err != nil {
		return from, to, err
	}
	if !from.IsZero() && !to.IsZero() && to.Before(from) {
		return from, to, usage(fmt.Sprintf("--since %s is later than --until %s", since, until), "give the earlier time to --since; ages such as 90d count back from now")
	}
	return from, to, nil
}

// oneOf checks that a flag's values are among those known.
func oneOf[T ~string](flag string, given []string, known []T) ([]T, error) {
	var values []T
	for _, g := range given {
		if !slices.Contains(known, T(g)) {
			return nil, usage(fmt.Sprintf("unknown --%s %q", flag, g), "one of: "+joinIDs(slices.Clone(known)))
		}
		values = append(values, T(g))
	}
	return values, nil
}
