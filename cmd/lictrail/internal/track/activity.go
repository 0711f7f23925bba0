package track

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// ActivityReader reads when users were active.
type ActivityReader interface {
	// SignIns delivers every user's newest sign-in, page by page.
	SignIns(ctx context.Context, page func([]snapshot.ActivityRow) error, restart func() error) (snapshot.ActivityRead, error)
	// Usage reads the report that has a source, and the sources beside it.
	Usage(ctx context.Context, source snapshot.ActivitySource) (snapshot.Usage, error)
}

// fetchActivity reads the sources that were asked for. One that cannot be read
// is a warning, and what was known of it stays.
func (t *run) fetchActivity(ctx context.Context) (*store.ActivityResult, error) {
	if len(t.o.Activity) == 0 {
		return nil, nil
	}
	t.phase("activity")
	a := &activity{result: &store.ActivityResult{}, run: t}
	for _, source := range t.o.Activity {
		if slices.ContainsFunc(a.result.Reads, func(r snapshot.ActivityRead) bool { return r.Source == source }) {
			continue // came with another one
		}
		read := a.usage
		if source == snapshot.SignIns {
			read = a.signIns
		}
		if err := read(ctx, source); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			a.failed(source, err)
		}
	}
	return a.result, nil
}

// ahead is how far the day of a report may be before the time of the run: it ends
// somewhere on earth before it does in UTC.
const ahead = 24 * time.Hour

// errToCome: a report up to a day to come would show that nobody used anything until
// then.
var errToCome = errors.New("the usage report says that it is of a day to come, which is not believed")

// dropToCome takes out the rows with use after the end of the report, and counts them:
// they would keep a seat in use for as long as nobody notices.
func dropToCome(u *snapshot.Usage) int {
	if u.Until.IsZero() {
		return 0
	}
	all := len(u.Rows)
	u.Rows = slices.DeleteFunc(u.Rows, func(r snapshot.ActivityRow) bool {
		return slices.ContainsFunc(r.Uses, func(use snapshot.Use) bool { return use.At.After(u.Until.Add(ahead)) })
	})
	return all - len(u.Rows)
}

type activity struct {
	result *store.ActivityResult
	run    *run
}

// errNobody: Graph has at times answered without any activity to a question
// that it did not like, where it should have refused it.
var errNobody = errors.New("no user at all has a sign-in in what Graph shows, which is not believed")

func (a *activity) signIns(ctx context.Context, _ snapshot.ActivitySource) error {
	var rows []snapshot.ActivityRow
	var anybody bool
	read, err := a.run.o.ActivityReader.SignIns(ctx, func(page []snapshot.ActivityRow) error {
		rows = append(rows, page...)
		anybody = anybody || slices.ContainsFunc(page, func(r snapshot.ActivityRow) bool { return len(r.Uses) > 0 })
		return nil
	}, func() error {
		rows, anybody = nil, false
		return nil
	})
	if err == nil && !anybody {
		err = errNobody
	}
	if err != nil {
		return err
	}
	read.Users = len(rows)
	a.result.Reads = append(a.result.Reads, read)
	a.result.Rows = append(a.result.Rows, rows...)
	return nil
}

func (a *activity) usage(ctx context.Context, source snapshot.ActivitySource) error {
	u, err := a.run.o.ActivityReader.Usage(ctx, source)
	if err != nil {
		return err
	}
	now := a.run.passed.ObservedUntil
	if late := now.Add(ahead); !now.IsZero() && u.Until.After(late) {
		return errToCome
	}
	if strange := dropToCome(&u); strange > 0 {
		a.run.warn("activity", "the usage report on %s shows use after its own end; users whose row is left out: %d", source, strange)
	}
	for _, s := range u.Sources {
		if !slices.Contains(a.run.o.Activity, s) {
			continue
		}
		read := snapshot.ActivityRead{Source: s, Since: u.Since, Until: u.Until}
		if u.Concealed {
			read.Gap = snapshot.Concealed
			a.run.warn("activity", "the usage report on %s conceals names, so that it shows the activity of no user; an administrator can show them: Settings, Org settings, Reports", s)
		}
		for _, r := range u.Rows {
			if r.Source == s && read.Gap == "" {
				read.Users++
				a.result.Rows = append(a.result.Rows, r)
			}
		}
		a.result.Reads = append(a.result.Reads, read)
	}
	return nil
}

func (a *activity) failed(source snapshot.ActivitySource, err error) {
	gap := map[snapshot.GapWhy]snapshot.ActivityGap{
		snapshot.GapNotPermitted: snapshot.NotPermitted, snapshot.GapNotInCloud: snapshot.NotInCloud, snapshot.GapFailed: snapshot.ReadFailed,
	}[snapshot.GapWhyOf(err.Error())]
	if errors.Is(err, snapshot.ErrNoPremium) {
		gap = snapshot.NoPremium
	}
	a.run.warn("activity", "%s could not be read: %v", source, err)
	a.result.Reads = append(a.result.Reads, snapshot.ActivityRead{Source: source, Gap: gap})
}

// ParseActivity reads a list of sources, or all.
func ParseActivity(text string) ([]snapshot.ActivitySource, error) {
	if text == "" {
		return nil, nil
	}
	var sources []snapshot.ActivitySource
	for _, word := range strings.Split(text, ",") {
		source := snapshot.ActivitySource(strings.TrimSpace(word))
		switch {
		case source == "all":
			return slices.Clone(snapshot.ActivitySources), nil
		case !slices.Contains(snapshot.ActivitySources, source):
			return nil, fmt.Errorf("unknown source of activity %q", word)
		case !slices.Contains(sources, source):
			sources = append(sources, source)
		}
	}
	return sources, nil
}
