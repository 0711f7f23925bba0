package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
)

// withHistory opens the database for reading and hands it to do.
func withHistory(ctx context.Context, e *env, do func(b *ask.Book) error) error {
	defer collectLazily(e.getenv)()
	b, err := ask.Open(ctx, e.db, e.pseudonymize)
	if err != nil {
		return err
	}
	defer b.Close()
	b.PartNumbers = e.partNumbers || slices.Contains([]string{"json", "csv", show.FormatWorkbook}, e.format)
	b.Guessed = func(word, title string, others bool) {
		rest := ""
		if others {
			rest = "; others are called so in part: lictrail find " + word
		}
		e.Notef("%q is taken for %s%s", word, title, rest)
	}
	answer := &out.Begun{Writer: e.Out}
	e.Out = answer
	defer func() { e.Out = answer.Writer }()
	if err := do(b); err != nil {
		return err
	}
	return e.printer(b).PrintGaps(answer.Yes)
}

// parseTime reads the time that a flag gives; see [ask.Time].
func parseTime(flag, text string, now time.Time, end bool) (time.Time, error) {
	t, err := ask.Time(text, now, end)
	var refused *ask.Error
	if errors.As(err, &refused) {
		return t, usage("--"+flag+" "+refused.Message, refused.Hint)
	}
	return t, err
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

// attributeKey is what --by names: one of the keys, or an attribute that runs read when
// asked to.
func attributeKey(word string, known []string) (string, error) {
	if name, ok := snapshot.KeptName(word); ok {
		return name, nil
	}
	_, err := oneOf("by", []string{word}, append(slices.Clone(known), snapshot.KeptCostCenter, snapshot.KeptDivision, snapshot.KeptExtension+"1 to 15"))
	return word, err
}

// oneOf checks that a flag's values are among those known.
func oneOf[T ~string](flag string, given []string, known []T) ([]T, error) {
	var values []T
	for _, g := range given {
		if !slices.Contains(known, T(g)) {
			return nil, usage(fmt.Sprintf("unknown --%s %q", flag, g), "one of: "+ask.JoinIDs(slices.Clone(known)))
		}
		values = append(values, T(g))
	}
	return values, nil
}
