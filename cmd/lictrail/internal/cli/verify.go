package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/settings"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/cmd/lictrail/internal/tracker"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func newVerify(e *env) *cobra.Command {
	var head string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that the history is what lictrail wrote",
		Long: `Checks everything: the file and its schema, the chain of seals and every row
that they cover, that the stored changes lead from each stored state to the
next, and that each cause rests on events that are stored and say so, and
follows from them again. What is broken is told, and the exit code is 6.

A chain shows that what is there belongs together. That the newest runs were
cut off, or everything was made anew, shows only against a head that was kept
elsewhere: sync prints it, and writes it with --head-file.`,
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
	cmd.Flags().StringVar(&head, "head", "", "the `head` of an earlier run, as it was kept elsewhere")
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

// withoutCircle takes it from the hint of verify's own error that verify tells
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
	db, err := store.OpenReadOnly(ctx, e.db, migrations.Check)
	if err != nil {
		return err
	}
	defer db.Close()
	r, err := verify(ctx, db, head)
	if err != nil {
		return err
	}
	r.asked = head
	if err := r.print(e); err != nil {
		return err
	}
	if n := len(r.findings()); n > 0 {
		return &out.Error{Code: exitDamaged, Message: fmt.Sprintf("the history is not as lictrail wrote it: %s", show.Plural(n, "finding")),
			Hint: exit.RestoreHint, Err: store.ErrDamaged}
	}
	return nil
}

// verification is the result of all checks.
type verification struct {
	*store.Verification
	replay *tracker.Replay
	tenant snapshot.Tenant
	asked  string // the head that was asked for; "": none
}

// verify runs all checks. A history that is too broken to be replayed is told
// as that.
func verify(ctx context.Context, db *store.DB, head string) (*verification, error) {
	v, err := db.Verify(ctx, migrations.Apply, head)
	if err != nil {
		return nil, err
	}
	r := &verification{Verification: v, replay: &tracker.Replay{}}
	h, err := db.History(ctx)
	if errors.Is(err, store.ErrNoRun) {
		return r, nil
	}
	if err == nil {
		defer h.Close()
		r.tenant = h.Tenant
		var replay *tracker.Replay
		if replay, err = tracker.Verify(ctx, h); err == nil {
			r.replay = replay
		}
	}
	if errors.Is(err, store.ErrDamaged) {
		r.Findings = append(r.Findings, store.Finding{Check: store.CheckReplay, What: err.Error()})
		err = nil
	}
	return r, err
}

func (r *verification) findings() []store.Finding {
	return slices.Concat(r.Findings, r.replay.Findings)
}

// looked tells what a check has looked at.
func (r *verification) looked(check string) string {
	switch check {
	case store.CheckStructure:
		return "SQLite's checks, foreign keys, tables, views, triggers"
	case store.CheckChain:
		return fmt.Sprintf("%s of %s that ended", show.Plural(r.Seals, "seal"), show.Plural(r.Runs, "run"))
	case store.CheckDigests:
		return fmt.Sprintf("%s, every column", show.Plural(r.Rows, "row"))
	case store.CheckReplay:
		return fmt.Sprintf("%s of users, %s found anew", show.Plural(r.replay.States, "state"), show.Plural(r.replay.Changes, "change"))
	}
	return fmt.Sprintf("%s, %d found again from stored events, %d erased", show.Plural(r.replay.Attributions, "cause"), r.replay.Repeated, r.replay.Unproven)
}

func (r *verification) print(e *env) error {
	if e.format != "text" {
		return r.printItems(e)
	}
	bad := map[string]int{}
	for _, f := range r.findings() {
		bad[f.Check]++
	}
	rows := make([]any, 0, 2*len(store.Checks))
	for _, check := range store.Checks {
		word := "ok      " + r.looked(check)
		if bad[check] > 0 {
			word = fmt.Sprintf("BROKEN  %s", show.Plural(bad[check], "finding"))
		}
		rows = append(rows, check, word)
	}
	if err := out.Pairs(e.Streams, rows...); err != nil {
		return err
	}
	for _, f := range r.findings() {
		if err := e.Printf("%s: %s\n", f.Check, f.What); err != nil {
			return err
		}
	}
	for _, x := range r.Erasures {
		if err := e.Printf("Erased on purpose by %s, %s: %s\n", x.Kind, x.At.UTC().Format("2006-01-02 15:04"), rowsWord(x.Rows)); err != nil {
			return err
		}
	}
	if r.HeadSeal > 0 && r.asked != "" {
		word := fmt.Sprintf("seal %d", r.HeadSeal)
		if r.HeadRun > 0 {
			word = fmt.Sprintf("run %d", r.HeadRun)
		}
		if err := e.Printf("The head given is that of %s: nothing up to then was cut off or made anew.\n", word); err != nil {
			return err
		}
	}
	if r.Head == "" {
		return e.Printf("The history is empty.\n")
	}
	return e.Printf("Head %s\n", r.Head)
}

// rowsWord counts rows by table: "3 event, 1 user".
func rowsWord(rows map[string]int64) string {
	var words []string
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		words = append(words, fmt.Sprintf("%d %s", rows[table], table))
	}
	return strings.Join(words, ", ")
}

type checkJSON struct {
	Check    string         `json:"check"`
	OK       bool           `json:"ok"`
	Looked   string         `json:"looked_at"`
	Findings []string       `json:"findings"`
	Head     *string        `json:"head"`
	Given    *givenHeadJSON `json:"head_given"`
	Erasures []erasureJSON  `json:"erasures"` // of the digests; null with the other checks
}

// erasureJSON is what a forget or a prune has erased: rows by table.
type erasureJSON struct {
	At   *string          `json:"at"`
	Kind string           `json:"kind"`
	Rows map[string]int64 `json:"rows"`
}

// erased lists what was erased on purpose.
func (r *verification) erased() []erasureJSON {
	all := make([]erasureJSON, len(r.Erasures))
	for i, x := range r.Erasures {
		all[i] = erasureJSON{At: show.Stamp(x.At), Kind: x.Kind, Rows: x.Rows}
	}
	return all
}

// givenHeadJSON is the head that was asked for, and the seal and the run that it
// is of: neither, when it is not in the chain.
type givenHeadJSON struct {
	Head string `json:"head"`
	Seal *int64 `json:"seal"`
	Run  *int64 `json:"run"` // null, too, for the seal of an import or an erasing
}

// given is the head that was asked for; nil: none was.
func (r *verification) given() *givenHeadJSON {
	if r.asked == "" {
		return nil
	}
	number := func(n int64) *int64 {
		if n == 0 {
			return nil
		}
		return &n
	}
	return &givenHeadJSON{Head: r.asked, Seal: number(r.HeadSeal), Run: number(r.HeadRun)}
}

// printItems gives one item a check, in JSON and CSV.
func (r *verification) printItems(e *env) error {
	var items []checkJSON
	for _, check := range store.Checks {
		item := checkJSON{Check: check, OK: true, Looked: r.looked(check), Findings: []string{}, Head: show.OrNull(r.Head), Given: r.given()}
		if check == store.CheckDigests {
			item.Erasures = r.erased()
		}
		for _, f := range r.findings() {
			if f.Check == check {
				item.OK, item.Findings = false, append(item.Findings, f.What)
			}
		}
		items = append(items, item)
	}
	n := names{ask.Tenant(r.tenant)}
	return show.Listing[checkJSON]{
		JSON: func(c checkJSON) any { return c },
		Columns: []show.Column[checkJSON]{
			{CSV: "check", Cell: func(c checkJSON) any { return c.Check }},
			{CSV: "ok", Cell: func(c checkJSON) any { return c.OK }},
			{CSV: "looked_at", Cell: func(c checkJSON) any { return c.Looked }},
			{CSV: "findings", Cell: func(c checkJSON) any { return strings.Join(c.Findings, "; ") }},
			{CSV: "head", Cell: func(checkJSON) any { return r.Head }},
			{CSV: "head_given", Cell: func(checkJSON) any { return r.asked }},
			{CSV: "head_given_run", Cell: func(checkJSON) any {
				if r.HeadRun == 0 {
					return nil
				}
				return r.HeadRun
			}},
		},
	}.Print(e.printer(n), rowsOf(items))
}
