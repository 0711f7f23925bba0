package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/cmd/lictrail/internal/tracker"
	"lictrail/snapshot/store"
)

// afterwards is what a run writes when it has become history.
type afterwards struct {
	report, digest, rules string
}

// digestMark begins a digest, so that one can be told from a file of the user's.
const digestMark = "lictrail digest: "

// prepare finds out what would go wrong before the tenant is read, and takes the
// digest of an earlier run away: it must not be mailed twice. A notification by
// mail may need the rules as well.
func (o afterwards) prepare(e *env, mails bool) (ask.Rules, error) {
	if o.report == "" && o.digest == "" {
		if mails {
			return loadRules(e, o.rules)
		}
		if o.rules != "" {
			return ask.Rules{}, usage("--rules has no use here without --report or --digest", "lictrail sync --report week.html --rules "+o.rules)
		}
		return ask.Rules{}, nil
	}
	for _, p := range []place{{"--report", o.report}, {"--digest", o.digest}} {
		if p.path == "" {
			continue
		}
		if err := e.mayWriteTo(p); err != nil {
			return ask.Rules{}, err
		}
	}
	if err := removeDigest(o.digest); err != nil {
		return ask.Rules{}, err
	}
	return loadRules(e, o.rules)
}

// removeDigest takes an earlier digest away, and refuses what is none.
func removeDigest(path string) error {
	if path == "" {
		return nil
	}
	f, err := openInput("the earlier digest", path, input.Plain, "name another file with --digest")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	line, err := bufio.NewReader(io.LimitReader(f, int64(len(digestMark)))).ReadString(0)
	if err != io.EOF {
		return errors.Join(fmt.Errorf("read the earlier digest: %w", err), f.Close())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("read the earlier digest: %w", err)
	}
	if line != digestMark {
		return usage(fmt.Sprintf("--digest %q is a file that is no digest", path), "name another file: sync takes an old digest away")
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the earlier digest: %w", err)
	}
	return nil
}

// write writes the page on the week and, if the run changed something, the
// digest of what it showed.
func (o afterwards) write(ctx context.Context, e *env, db *store.DB, s *tracker.Summary, file ask.Rules) error {
	if o.report == "" && o.digest == "" {
		return nil
	}
	return notWritten(s, "report", o.writeFiles(ctx, e, db, s, file), "lictrail report --output FILE writes it again")
}

// notWritten says of a failure to write one of a run's files that history has
// the run all the same.
func notWritten(s *tracker.Summary, what string, err error, hint string) error {
	var said *out.Error
	if !errors.As(explain(err), &said) {
		return nil // there is no failure: explain knows any
	}
	return &out.Error{Code: exitFailed, Message: fmt.Sprintf("run %d is recorded, its %s is not written: %s", s.Run, what, said.Error()),
		Hint: cmp.Or(said.Hint, hint), Err: errors.Join(errRecorded, err)}
}

func (o afterwards) writeFiles(ctx context.Context, e *env, db *store.DB, s *tracker.Summary, file ask.Rules) error {
	book, err := ask.Of(ctx, db)
	if err != nil {
		return err
	}
	defer book.Close()
	n, h := names{book}, book.History
	if o.report != "" {
		base, _ := ask.BaseOf(n.Book, time.Time{})
		if err := n.writePage(ctx, e, o.report, base, file, (*page.Page).HTML); err != nil {
			return err
		}
	}
	if o.digest == "" || !slices.ContainsFunc(s.Result.Changes, func(c store.Attributed) bool { return !ask.IsDateMove(c.Kind) }) {
		return nil
	}
	return n.writePage(ctx, e, o.digest, h.Runs[h.At.Previous], file, func(p *page.Page, w io.Writer) error {
		p.Title = digestMark + p.Title
		return p.Text(&out.Streams{Out: w})
	})
}

// writePage writes what changed since a run to a file.
func (n names) writePage(ctx context.Context, e *env, path string, base *store.Run, file ask.Rules, as func(*page.Page, io.Writer) error) error {
	w := &show.Week{Book: n.Book, Base: base, Rules: file, Now: e.now(), Version: version()}
	p, err := w.Page(ctx)
	if err != nil {
		return err
	}
	return out.WriteFile(path, func(to io.Writer) error { return as(p, to) })
}
