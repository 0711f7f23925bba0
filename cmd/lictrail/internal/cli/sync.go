package cli

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/announce"
	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/disk"
	"lictrail/cmd/lictrail/internal/doctor"
	"lictrail/cmd/lictrail/internal/fleet"
	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type syncOptions struct {
	connect.Connection
	acceptShrink  bool
	groupReadable bool
	maxShrink     string
	burst         string
	activity      string
	exitCode      bool
	sources       []string
	files         announce.Files
	rules         string
	metricsFile   string
	notify        notifyOptions
}

func newSync(e *env) *cobra.Command {
	var o syncOptions
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Make a run: read the tenant, compare, store the changes",
		Long: `Reads every user, SKU, subscription, licensing group and deleted user of the
tenant through Microsoft Graph, compares them with the run before and stores the
changes. A read that is not complete, or whose figures contradict each other, is
not recorded (docs/dates.md). Nothing is ever written to the tenant.

With --activity it also reads when users were last active, for lictrail
reclaim:
  sign-ins             newest sign-in of each user; needs Entra ID P1 or P2
  active-users         usage report on Exchange, OneDrive, SharePoint, Teams;
                       may also date licenses from before the first run
  apps                 usage report on Microsoft 365 Apps
  project-activations, visio-activations
  copilot              usage report on Microsoft 365 Copilot
A read that is not permitted is a warning that names the permission. On a large
tenant sign-ins take time: Graph allows 5 pages of 500 users in 10 seconds.

With --cloud-licensing it also reads which subscription each license draws on,
who waits for one and which assignments failed, through Graph's beta, in the
global cloud: for lictrail allotments and lictrail skus --lapses.

With --partitions 2 to 8, or auto, it reads a large tenant's users in so many
partitions at a time, and in one pass where these are not proven to be all
(docs/performance.md).

Audit evidence comes from the directory audit log through Graph. Purview audit
search and the Office 365 Management Activity API, which reach further back and
have more details, are read if --audit-source names them: docs/audit-sources.md.

With --report it also writes the weekly page of lictrail report to a file. With
--digest it writes the changes of this run as text, for a mail, but only if
something changed: the digest of an earlier run is removed first, so that
the file exists only if there is something to mail.

With --notify it sends its result to a webhook, Teams, Slack or a mailbox:
changes, the first run, new kinds of warnings, and failures. A message
that cannot be sent is a warning, never a failure: docs/notifications.md.

With tables [[tenant]] in the configuration it runs for each tenant in a
separate process, and ends with the most urgent exit code: 130, 6, 1,
2, 4, 7, 3, 5, 10, 0, in this order (docs/unattended.md).

Run it weekly or more often: changes that are undone between two runs are only
in the audit log, which Microsoft keeps for 7 to 30 days.`,
		Example: `  lictrail sync
  LICTRAIL_ACCESS_TOKEN=... lictrail sync --auth token \
    --tenant 72f988bf-86f1-41af-91ab-2d7cd011db47
  lictrail sync --activity all
  lictrail sync --report week.html --digest digest.txt
  lictrail sync --notify teams,mail
  lictrail sync --db /var/lib/lictrail/contoso.db --exit-code
  lictrail sync --audit-source graph,purview --patience 2h
  lictrail sync --partitions auto
  lictrail sync --config fleet.toml --parallel 8`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := distinct(place{"--output", e.output}, place{"--report", o.files.Report}, place{"--digest", o.files.Digest},
				place{"--head-file", o.files.Head}, place{"--metrics-file", o.metricsFile})
			if err != nil {
				return err
			}
			return e.measured(cmd.Context(), &o, runAndNotify)
		},
	}
	f := cmd.Flags()
	o.AddFlags(f)
	f.BoolVar(&o.acceptShrink, "accept-shrink", false, "accept a read with far fewer users or licenses than before, and record why it would have been refused")
	f.BoolVar(&o.groupReadable, groupReadableFlag, false, "let the group of the database file read it: mode 0640, in a folder of mode 0750")
	f.StringVar(&o.maxShrink, "max-shrink", "20%", "the `share` of users, or of a SKU's holders whom Microsoft still counts, that may be missing before a read is refused")
	f.StringVar(&o.burst, "burst", usualBurst, "report a burst when this number of `users` lose or get a SKU in one run: usual, for more than is usual by earlier runs, or a limit such as 5,5%, for 5 users or 5% of its holders")
	f.StringVar(&o.activity, "activity", "", "also read when users were active: all, or a list of `sources`")
	f.BoolVar(&o.CloudLicensing, "cloud-licensing", false, "also read which subscription each license draws on (Graph's beta; docs/cloud-licensing.md)")
	f.StringSliceVar(&o.Attributes, "attributes", nil, "also read and keep these `attributes` of users: cost-center, division, extension-attribute-1 to -15")
	f.StringVar(&o.Partitions, "partitions", "", "read users in so many `partitions` at a time: a number up to 8, or auto, which takes 1 below 50,000 users (default: one pass)")
	f.StringVar(&o.files.Report, "report", "", "write the weekly report page to this `file`")
	f.StringVar(&o.files.Digest, "digest", "", "write a digest to this `file`, if something changed")
	f.StringVar(&o.rules, "rules", "", "`file` of rules and prices for the report and the digest (default: reclaim.toml beside the database, if it is there)")
	f.StringVar(&o.files.Head, "head-file", "", "write the head of the chain of runs to this `file`; store it elsewhere for lictrail verify --head")
	f.IntVar(&e.parallel, "parallel", 4, "with several tenants in the configuration: `number` of tenants at the same time")
	f.StringVar(&e.shard, "shard", "", "with several tenants in the configuration: share `I/N` of them, such as 0/4")
	f.StringVar(&o.metricsFile, "metrics-file", "", "write metrics for node_exporter to this `file`, also on failure")
	f.StringSliceVar(&o.sources, "audit-source", []string{connect.AuditGraph}, "`where` to read audit evidence: graph, purview and activity-api, one or more; or none")
	o.notify.addFlags(f)
	f.BoolVar(&o.exitCode, "exit-code", false, "exit with 10 when there are changes")
	return cmd
}

// groupReadableFlag opens the database to a group, which the help desk may be.
const groupReadableFlag = "group-readable"

// runAndNotify is runSync with notifications.
func runAndNotify(ctx context.Context, e *env, o *syncOptions) error {
	n, err := o.notify.notifier(e)
	if err != nil {
		return err
	}
	err = runSync(ctx, e, o, n)
	n.Failed(ctx, err)
	return err
}

func runSync(ctx context.Context, e *env, o *syncOptions, notifier *announce.Notifier) error {
	if e.shard != "" {
		return usage("--shard is a share of several tenants, and this is one", "leave it out, or name the tenants in the file of settings (docs/unattended.md)")
	}
	shrink, err := parseShare("max-shrink", o.maxShrink)
	if err != nil {
		return err
	}
	limit, err := parseBurst(o.burst)
	if err != nil {
		return err
	}
	activity, err := track.ParseActivity(o.activity)
	if err != nil {
		return usage("--activity: "+err.Error(), "all, or some of: "+ask.JoinIDs(slices.Clone(snapshot.ActivitySources)))
	}
	rules, err := o.prepareFiles(e, notifier.Mails())
	if err != nil {
		return err
	}
	unsent := notify.UnsentBeside(e.db)
	progress := e.NewProgress()
	defer progress.Done()
	show := connect.Progress(progress)
	defer o.Close()
	client, err := o.Client(e.host(), show)
	if err != nil {
		return err
	}
	to := track.Options{
		Activity: activity,
		Tenant:   connect.Asked(o.Tenant), MaxShrink: shrink, AcceptShrink: o.acceptShrink,
		Version: version(), Now: e.now, Warnings: unsent.Warnings(), Phase: func(name string) { progress.Phase(name, unitOf(name)) },
	}
	if err := o.ReadMore(e.host(), o.sources, client, show, &to); err != nil {
		return err
	}
	if o.groupReadable {
		if err := store.OpenToGroup(e.db); err != nil {
			return err
		}
	}
	db, err := store.OpenReadWrite(ctx, e.db, migrations.Apply)
	if err != nil {
		return err
	}
	defer db.Close()
	release, err := lock.Take(db.Path(), e.holder())
	if err != nil {
		return err
	}
	defer release()
	to.Warnings = append(to.Warnings, doctor.NetworkDisk(disk.Of(filepath.Dir(db.Path())))...)
	defer collectForRun(e.getenv)()
	summary, err := track.Run(ctx, client, db, to)
	progress.Done()
	if err != nil {
		return err
	}
	if err := unsent.Clear(); err != nil {
		e.Warnf("%s", err)
	}
	recorded := announce.Recorded{Summary: summary, DB: db, Rules: rules}
	defer notifier.Found(ctx, recorded) // whatever becomes of files and of stdout
	ctx = context.WithoutCancel(ctx)    // history has the run: an interrupt comes too late to say otherwise
	e.Record(fleet.RunComplete, "run", int64(summary.Run), "users", summary.Result.Users, "assignments", summary.Result.Assignments,
		"changes", len(summary.Changes), "warnings", len(summary.Result.Warnings), "head", summary.Head)
	for _, w := range summary.Result.Warnings {
		e.Warnf("%s: %s", w.Code, w.Message)
	}
	if err := doAll(e,
		func() error { return o.files.WriteHead(recorded) },
		func() error { return printSummary(ctx, e, db, summary, limit) },
		func() error { return o.files.WritePages(ctx, e.announcing(), recorded) },
	); err != nil {
		return err
	}
	if o.exitCode && len(summary.Changes) > 0 {
		return errChanged
	}
	return nil
}

// prepareFiles finds out what would go wrong before the tenant is read, and reads the
// rules that the page, the digest or a mail needs.
func (o *syncOptions) prepareFiles(e *env, mails bool) (ask.Rules, error) {
	for _, p := range []place{{"--head-file", o.files.Head}, {"--report", o.files.Report}, {"--digest", o.files.Digest}} {
		if p.path == "" {
			continue
		}
		if err := e.mayWriteTo(p); err != nil {
			return ask.Rules{}, err
		}
	}
	if err := announce.RemoveDigest(o.files.Digest); err != nil {
		return ask.Rules{}, err
	}
	switch {
	case o.files.Report != "" || o.files.Digest != "" || mails:
		return loadRules(e, o.rules)
	case o.rules != "":
		return ask.Rules{}, usage("--rules has no use here without --report or --digest", "lictrail sync --report week.html --rules "+o.rules)
	}
	return ask.Rules{}, nil
}

// doAll does every step, whatever becomes of the others: none of them can be
// had from a later run. The first failure counts, the others are warnings.
func doAll(e *env, steps ...func() error) error {
	var first error
	for _, step := range steps {
		err := step()
		if first != nil && err != nil {
			e.Warnf("%s", sentence(err))
		}
		first = cmp.Or(first, err)
	}
	return first
}

// unitOf is what a phase counts on the progress line.
func unitOf(phase string) string {
	if phase == "users" || phase == "deleted users" {
		return "users"
	}
	return ""
}

// parseShare reads a share such as 20% or 0.2.
func parseShare(flag, text string) (float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share >= 0 && share <= 1) {
		return 0, usage(fmt.Sprintf("--%s %q is not a share", flag, text), "--"+flag+" 20%")
	}
	return share, nil
}

// printSummary prints what the run found: as a row of runs in JSON and CSV.
func printSummary(ctx context.Context, e *env, db *store.DB, s *track.Summary, limit ask.BurstLimit) error {
	if e.format != "text" {
		return runRunsOf(ctx, e, db, s.Run, false)
	}
	book, err := ask.Of(ctx, db)
	if err != nil {
		return err
	}
	defer book.Close()
	book.PartNumbers = e.partNumbers
	b := book
	return show.Summary(ctx, e.printer(b), s, limit)
}
