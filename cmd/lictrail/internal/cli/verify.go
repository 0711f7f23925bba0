package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/settings"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/migrations"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

func newVerify(e *env) *cobra.Command {
	var head string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that the history was not altered or damaged",
		Long: `Checks the file and its schema, the chain of seals and every row that they
cover, that the stored changes are the differences of the stored states, and
that each cause is supported by stored events, and follows from them again.
Errors are reported, and the exit code is then 6.

A valid chain shows that all rows belong together. To detect that the newest
runs were removed, or that the whole history was forged, give a head that was
stored elsewhere: sync prints it, and writes it with --head-file.`,
		Example: `  lictrail verify
  lictrail verify --head 5b1f0c0d7e...
  lictrail verify --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if e.origins["head"].Kind != settings.FromDefault {
				var err error
				if head, err = parseHead(head); err != nil {
					return err
				}
			}
			return withoutCircle(runVerify(cmd.Context(), e, head))
		},
	}
	cmd.Flags().StringVar(&head, "head", "", "the `head` of an earlier run, which was stored elsewhere")
	return cmd
}

var headPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// parseHead reads a head that was given. One that is empty is a mistake, such as
// a file that is not there: nothing would be held against it.
func parseHead(text string) (string, error) {
	head := strings.ToLower(strings.TrimSpace(text))
	if head == "" {
		return "", usage("--head is empty", "look at the file that it was to be read from, which sync --head-file writes")
	}
	if !headPattern.MatchString(head) {
		return "", usage(fmt.Sprintf("--head %q is not a head", head),
			"all 64 digits: of the file that sync --head-file wrote, or of lictrail runs --format json; lictrail runs shows the first eight only")
	}
	return head, nil
}

// withoutCircle takes it from the hint of verify's own error that verify reports
// more.
func withoutCircle(err error) error {
	var said *out.Error
	if errors.As(explain(err), &said) && said.Hint == exit.DamagedHint {
		return &out.Error{Code: said.Code, Message: said.Error(), Hint: exit.RestoreHint, Err: err}
	}
	return err
}

// runVerify checks the history, with a head or, if that is "", without.
func runVerify(ctx context.Context, e *env, head string) error {
	defer collectLazily(e.getenv)()
	db, err := store.OpenReadOnly(ctx, e.db, migrations.Check)
	if err != nil {
		return err
	}
	defer db.Close()
	r, err := verify(ctx, db, head)
	if err != nil {
		return err
	}
	r.Asked = head
	if err := show.Verified(e.printer(ask.Tenant(r.Tenant)), r); err != nil {
		return err
	}
	if n := len(r.Everything()); n > 0 {
		return &out.Error{Code: exitDamaged, Message: fmt.Sprintf("the history is not as lictrail wrote it: %s", show.Plural(n, "finding")),
			Hint: exit.RestoreHint, Err: engine.ErrDamaged}
	}
	return nil
}

// verify runs all checks. A history that is too broken to be replayed is reported
// as that.
func verify(ctx context.Context, db *store.DB, head string) (*show.Verification, error) {
	v, err := db.Verify(ctx, migrations.Apply, head)
	if err != nil {
		return nil, err
	}
	r := &show.Verification{Verification: v, Replay: &track.Replay{}}
	h, err := db.History(ctx)
	if errors.Is(err, store.ErrNoRun) {
		return r, nil
	}
	if err == nil {
		defer h.Close()
		r.Tenant = h.Tenant
		var replay *track.Replay
		if replay, err = track.Verify(ctx, h); err == nil {
			r.Replay = replay
		}
	}
	if errors.Is(err, engine.ErrDamaged) {
		r.Findings = append(r.Findings, ledger.Finding{Check: ledger.CheckReplay, What: err.Error()})
		err = nil
	}
	return r, err
}
