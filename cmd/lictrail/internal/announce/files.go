package announce

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot/store"
)

// Files are what a run writes beside its database; "" for a file that nobody wants.
type Files struct {
	Report string // the page on the week
	Digest string // the same as text, if the run changed something
	Head   string // the head of the chain of runs
}

// digestMark is the beginning of every digest. A file without it is not removed: it
// may be one of the user's own.
const digestMark = "lictrail digest: "

// RemoveDigest removes the digest of an earlier run, which must not be mailed twice,
// and refuses to remove any other file.
func RemoveDigest(path string) error {
	if path == "" {
		return nil
	}
	f, err := input.Open(path, input.Plain)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return exit.Input("the earlier digest", "name another file with --digest", err)
	}
	line, err := bufio.NewReader(io.LimitReader(f, int64(len(digestMark)))).ReadString(0)
	if err != io.EOF {
		return errors.Join(fmt.Errorf("read the earlier digest: %w", err), f.Close())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("read the earlier digest: %w", err)
	}
	if line != digestMark {
		return exit.Usage(fmt.Sprintf("--digest %q is a file that is no digest", path), "name another file: sync takes an old digest away")
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the earlier digest: %w", err)
	}
	return nil
}

// WritePages writes the page on the week and, if the run changed something, the
// digest of what it showed.
func (f Files) WritePages(ctx context.Context, h Host, r Recorded) error {
	if f.Report == "" && f.Digest == "" {
		return nil
	}
	err := r.read(ctx, h, func(b *ask.Book) error { return f.writePages(ctx, h, b, r) })
	return notWritten(r.Summary, "report", err, "lictrail report --output FILE writes it again")
}

func (f Files) writePages(ctx context.Context, h Host, b *ask.Book, r Recorded) error {
	if f.Report != "" {
		base, _ := ask.BaseOf(b, time.Time{})
		if err := writePage(ctx, h, f.Report, b, base, r.Rules, (*page.Page).HTML); err != nil {
			return err
		}
	}
	if f.Digest == "" || !r.changed() {
		return nil
	}
	return writePage(ctx, h, f.Digest, b, b.History.Runs[b.History.At.Previous], r.Rules, func(p *page.Page, w io.Writer) error {
		p.Title = digestMark + p.Title
		return p.Text(&out.Streams{Out: w})
	})
}

// changed reports whether the run changed anything but Microsoft's dates.
func (r Recorded) changed() bool {
	return slices.ContainsFunc(r.Changes, func(c store.Outline) bool { return !ask.IsDateMove(c.Kind) })
}

// writePage writes the page on what changed since a run to a file, in one of its
// forms.
func writePage(ctx context.Context, h Host, path string, b *ask.Book, base *store.Run, rules ask.Rules, as func(*page.Page, io.Writer) error) error {
	p, err := h.page(ctx, b, base, rules)
	if err != nil {
		return err
	}
	return out.WriteFile(path, func(to io.Writer) error { return as(p, to) })
}

func (h Host) page(ctx context.Context, b *ask.Book, base *store.Run, rules ask.Rules) (*page.Page, error) {
	w := &show.Week{Book: b, Base: base, Rules: rules, Now: h.Now(), Version: h.Version}
	return w.Page(ctx)
}

// WriteHead writes the head of the run as verify --head reads it.
func (f Files) WriteHead(r Recorded) error {
	if f.Head == "" {
		return nil
	}
	err := out.WriteFile(f.Head, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, r.Head)
		return err
	})
	return notWritten(r.Summary, "head", err, "keep the head that this run printed; lictrail runs --format json shows it again")
}
