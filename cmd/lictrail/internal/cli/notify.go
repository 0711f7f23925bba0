package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/cmd/lictrail/internal/tracker"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

const notifyVariables = `  webhook  LICTRAIL_WEBHOOK_URL
  teams    LICTRAIL_TEAMS_URL: of a workflow that begins with "When a Teams
           webhook request is received"
  slack    LICTRAIL_SLACK_URL: of an incoming webhook
  mail     LICTRAIL_SMTP_HOST, LICTRAIL_SMTP_FROM, LICTRAIL_SMTP_TO; where
           needed LICTRAIL_SMTP_PORT, LICTRAIL_SMTP_TLS (starttls, implicit,
           none), LICTRAIL_SMTP_USER, LICTRAIL_SMTP_PASSWORD
Addresses of webhooks and the password are secrets: they may also be in files
that the variables with _FILE after their names name.`

const notifyHint = "lictrail notify test --help lists the variables"

func newNotify(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Who is told what runs find",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "test",
		Short: "Sends a test message to everyone who is set up",
		Long: `Sends a test message to every receiver that is set up, and says how each went.
These variables set receivers up:

` + notifyVariables + `

"taken" is what the receiver says. Whether a workflow of Teams posted the
message, or a mail was delivered, is seen there only: docs/notifications.md.`,
		Example: `  lictrail notify test
  LICTRAIL_TEAMS_URL_FILE=/run/secrets/teams lictrail notify test --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runNotifyTest(cmd.Context(), e) },
	})
	return cmd
}

func runNotifyTest(ctx context.Context, e *env) error {
	receivers, err := notify.Receivers(e.getenv, nil)
	if err != nil {
		return usage(err.Error(), notifyHint)
	}
	if len(receivers) == 0 {
		return usage("nobody is set up to be notified", notifyHint)
	}
	m := &notify.Message{ID: rand.Text(), At: e.now(), Version: version(), Event: notify.Test}
	outcomes := new(notify.Sender).Send(ctx, receivers, m)
	if err := show.Outcomes().Print(e.printer(nothing), show.Given(outcomes)); err != nil {
		return err
	}
	failed := slices.DeleteFunc(outcomes, func(o notify.Outcome) bool { return o.Err == nil })
	if len(failed) > 0 {
		return &out.Error{Code: exitFailed, Message: fmt.Sprintf("%d of %s not sent", len(failed), show.Plural(len(receivers), "message")), Hint: notifyHint}
	}
	return nil
}

// teller tells people and programs what a run found. It never fails a run: what
// could not be told is a warning, now and on the next run.
type teller struct {
	kinds         []string
	names, always bool
	receivers     []*notify.Receiver
	begun         time.Time
	history       bool // the run became history
}

func (t *teller) addFlags(f *pflag.FlagSet) {
	f.StringSliceVar(&t.kinds, "notify", nil, "tell these `kinds` of receivers what the run found: webhook, teams, slack, mail, or all that are set up (lictrail notify test --help)")
	f.BoolVar(&t.names, "notify-names", false, "name people in what they are told, not only object ids")
	f.BoolVar(&t.always, "notify-always", false, "tell them also that nothing changed")
}

// mails reports whether a mail may show the week in full.
func (t *teller) mails() bool {
	return t.names && slices.ContainsFunc(t.receivers, func(r *notify.Receiver) bool { return r.Kind == "mail" })
}

// prepare finds out what would go wrong before the tenant is read.
func (t *teller) prepare(e *env) error {
	t.begun = e.now()
	if len(t.kinds) == 0 {
		if t.names || t.always {
			return usage("--notify-names and --notify-always have no use without --notify", "lictrail sync --notify teams,mail --notify-names")
		}
		return nil
	}
	if slices.ContainsFunc(t.kinds, func(kind string) bool { return strings.ContainsAny(kind, ":/@") }) {
		return usage("--notify takes kinds of receivers, not addresses, which may be secrets", notifyHint) // not repeated
	}
	kinds, err := oneOf("notify", t.kinds, append([]string{"all"}, notify.Kinds...))
	if err != nil {
		return err
	}
	if slices.Contains(kinds, "all") {
		kinds = nil
	}
	if t.receivers, err = notify.Receivers(e.getenv, kinds); err != nil {
		return usage(err.Error(), notifyHint)
	}
	if len(t.receivers) == 0 {
		return usage("--notify all, and nobody is set up to be notified", notifyHint)
	}
	return nil
}

// ran tells what a run found that became history, if that is worth telling.
func (t *teller) ran(ctx context.Context, e *env, db *store.DB, s *tracker.Summary, file ask.Rules) {
	t.history = true
	if len(t.receivers) == 0 || !t.always && !worthTelling(s) {
		return
	}
	m, err := t.message(context.WithoutCancel(ctx), e, db, s, file)
	if err != nil {
		e.Warnf("nobody was notified: %s", err)
		keepUnsent(e, s.Run, []notify.Outcome{{Kind: "anybody", Err: fmt.Errorf("anybody: %w", err)}})
		return
	}
	t.send(ctx, e, m)
}

// worthTelling: somebody's license changed, or there is a warning of a kind that
// the run before did not have. What a run warns of every week, such as a
// permission that is missing on purpose, is told with other news.
func worthTelling(s *tracker.Summary) bool {
	return s.First ||
		slices.ContainsFunc(s.Result.Changes, func(c store.Attributed) bool { return !ask.IsDateMove(c.Kind) }) ||
		slices.ContainsFunc(s.Result.Warnings, func(w snapshot.Warning) bool {
			return !slices.ContainsFunc(s.Previous.Warnings, func(before snapshot.Warning) bool { return before.Code == w.Code })
		})
}

func (t *teller) send(ctx context.Context, e *env, m *notify.Message) {
	var failed []notify.Outcome
	for _, o := range new(notify.Sender).Send(ctx, t.receivers, m) {
		if o.Err != nil {
			e.Warnf("not notified: %s", o.Err)
			failed = append(failed, o)
		}
	}
	keepUnsent(e, snapshot.RunID(m.Number), failed)
}

// failed tells that a run did not do what it was asked to. Whoever interrupts
// one, or misspells a flag, knows it.
func (t *teller) failed(ctx context.Context, e *env, err error) {
	if len(t.receivers) == 0 || err == nil || ctx.Err() != nil || errors.Is(err, errChanged) || errors.Is(err, errUsage) && !t.history {
		return
	}
	m := t.newMessage(e, notify.Failed)
	var known *out.Error
	errors.As(explain(err), &known)
	m.Failure = &notify.Failure{Code: max(known.Code, exitFailed), Message: known.Error(), Hint: known.Hint}
	t.addRun(ctx, e, m)
	t.send(ctx, e, m)
}

// addRun adds what the database knows, which may be damaged or not there.
func (t *teller) addRun(ctx context.Context, e *env, m *notify.Message) {
	db, err := store.OpenReadOnly(ctx, e.db, migrations.Check)
	if err != nil {
		return
	}
	defer db.Close()
	if tenant, ok, err := db.Tenant(ctx); err == nil && ok {
		m.Tenant = out.Tenant{ID: string(tenant.ID), Name: tenant.Name}
	}
	runs, err := db.Runs(ctx)
	if err != nil {
		return
	}
	for _, r := range runs {
		if r.Head != "" {
			m.Head = r.Head
		}
		if !r.StartedAt.Before(t.begun.Truncate(time.Millisecond)) {
			m.Number, m.Run = int64(r.ID), show.NewToldRun(r)
		}
	}
}

func (t *teller) newMessage(e *env, event notify.Event) *notify.Message {
	return &notify.Message{ID: rand.Text(), At: e.now(), Version: version(), Event: event}
}

func (t *teller) message(ctx context.Context, e *env, db *store.DB, s *tracker.Summary, file ask.Rules) (*notify.Message, error) {
	m := t.newMessage(e, notify.Ran)
	m.Tenant = out.Tenant{ID: string(s.Tenant.ID), Name: s.Tenant.Name}
	m.Number, m.First, m.Head, m.Warnings = int64(s.Run), s.First, s.Head, s.Result.Warnings
	show.Count(m, s.Result.Changes)
	book, err := ask.Of(ctx, db)
	if err != nil {
		return nil, err
	}
	defer book.Close()
	n, h := names{book}, book.History
	m.Run = show.NewToldRun(h.At)
	m.Gaps, m.NotKnown = show.Gaps(n.Book, "sync"), show.GapSentences(n.Gaps("sync"))
	if m.Open, err = show.OpenChanges(ctx, n.Book, s.Run, t.names); err != nil || !t.mails() {
		return m, err
	}
	w := &show.Week{Book: n.Book, Base: h.Runs[h.At.Previous], Rules: file, Now: e.now(), Version: version()}
	m.Page, err = w.Page(ctx)
	return m, err
}

// unsent is what a run could not tell. It waits beside the database, for a run
// that has ended is sealed: the next one has it among its warnings.
type unsent struct {
	Run   snapshot.RunID `json:"run"`
	At    time.Time      `json:"at"`
	Error string         `json:"error"`
}

// maxUnsent is how many of them wait; maxUnsentBytes is more than they take.
const (
	maxUnsent      = 20
	maxUnsentBytes = 1 << 20
)

func unsentFile(e *env) string { return e.db + unsentSuffix }

const unsentSuffix = "-notify"

// readUnsent returns nothing when there is nothing, or nothing that can be read.
func readUnsent(e *env) []unsent {
	text, err := input.Read(unsentFile(e), input.Plain, maxUnsentBytes)
	var list []unsent
	if err != nil || json.Unmarshal(text, &list) != nil {
		return nil
	}
	return list
}

// unsentWarnings are for the next run.
func unsentWarnings(e *env) []snapshot.Warning {
	var list []snapshot.Warning
	for _, u := range readUnsent(e) {
		list = append(list, snapshot.Warning{Code: "notify", Message: fmt.Sprintf("%s could not be told: %s", u.what(), u.Error)})
	}
	return list
}

// what was to be told: a sync that failed early has no run.
func (u unsent) what() string {
	if u.Run == 0 {
		return "that sync failed on " + u.At.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	return fmt.Sprintf("what run %d found", u.Run)
}

// dropUnsent forgets what is now among a run's warnings.
func dropUnsent(e *env) {
	if err := os.Remove(unsentFile(e)); err != nil && !errors.Is(err, os.ErrNotExist) {
		e.Warnf("%s", err)
	}
}

func keepUnsent(e *env, run snapshot.RunID, failed []notify.Outcome) {
	if len(failed) == 0 {
		return
	}
	list := readUnsent(e)
	for _, o := range failed {
		list = append(list, unsent{run, e.now().UTC(), o.Err.Error()})
	}
	list = list[max(0, len(list)-maxUnsent):]
	err := out.WriteFile(unsentFile(e), func(w io.Writer) error { return json.NewEncoder(w).Encode(list) })
	if err != nil {
		e.Warnf("the next run will not know of this: %s", err)
	}
}
