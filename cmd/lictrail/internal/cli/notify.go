package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/announce"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
)

const notifyVariables = `  webhook  LICTRAIL_WEBHOOK_URL
  teams    LICTRAIL_TEAMS_URL: of a workflow that begins with "When a Teams
           webhook request is received"
  slack    LICTRAIL_SLACK_URL: of an incoming webhook
  mail     LICTRAIL_SMTP_HOST, LICTRAIL_SMTP_FROM, LICTRAIL_SMTP_TO; where
           needed LICTRAIL_SMTP_PORT, LICTRAIL_SMTP_TLS (starttls, implicit,
           none), LICTRAIL_SMTP_USER, LICTRAIL_SMTP_PASSWORD
Addresses of webhooks and the password are secrets: they may also be in files,
which are named by variables with the suffix _FILE.`

const notifyHint = "lictrail notify test --help lists the variables"

func newNotify(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Notifications about the results of runs",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "test",
		Short: "Send a test message to every receiver that is set up",
		Long: `Sends a test message to every receiver that is set up, and reports each result.
These variables set up receivers:

` + notifyVariables + `

"taken" means that the receiver confirmed the message. It does not show whether
a Teams workflow posted it or a mail was delivered: docs/notifications.md.`,
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
	outcomes := new(notify.Sender).Send(ctx, receivers, e.announcing().TestMessage())
	if err := announce.Outcomes().Print(e.printer(noHistory), show.Given(outcomes)); err != nil {
		return err
	}
	failed := slices.DeleteFunc(outcomes, func(o notify.Outcome) bool { return o.Err == nil })
	if len(failed) > 0 {
		return &out.Error{Code: exitFailed, Message: fmt.Sprintf("%d of %s not sent", len(failed), show.Plural(len(receivers), "message")), Hint: notifyHint}
	}
	return nil
}

// notifyOptions are the flags of sync that say who is notified, of what.
type notifyOptions struct {
	kinds         []string
	names, always bool
}

func (o *notifyOptions) addFlags(f *pflag.FlagSet) {
	f.StringSliceVar(&o.kinds, "notify", nil, "send the result of the run to these `kinds` of receivers: webhook, teams, slack, mail, or all that are set up (lictrail notify test --help)")
	f.BoolVar(&o.names, "notify-names", false, "name people in notifications, not only object ids")
	f.BoolVar(&o.always, "notify-always", false, "notify them also when nothing changed")
}

// notifier finds out what would go wrong before the tenant is read.
func (o *notifyOptions) notifier(e *env) (*announce.Notifier, error) {
	n := &announce.Notifier{Host: e.announcing(), Names: o.names, Always: o.always, Began: e.now()}
	if len(o.kinds) == 0 {
		if o.names || o.always {
			return nil, usage("--notify-names and --notify-always have no use without --notify", "lictrail sync --notify teams,mail --notify-names")
		}
		return n, nil
	}
	if slices.ContainsFunc(o.kinds, func(kind string) bool { return strings.ContainsAny(kind, ":/@") }) {
		return nil, usage("--notify takes kinds of receivers, not addresses, which may be secrets", notifyHint) // not repeated
	}
	kinds, err := oneOf("notify", o.kinds, append([]string{"all"}, notify.Kinds...))
	if err != nil {
		return nil, err
	}
	if slices.Contains(kinds, "all") {
		kinds = nil
	}
	if n.Receivers, err = notify.Receivers(e.getenv, kinds); err != nil {
		return nil, usage(err.Error(), notifyHint)
	}
	if len(n.Receivers) == 0 {
		return nil, usage("--notify all, and nobody is set up to be notified", notifyHint)
	}
	return n, nil
}

// announcing is this execution as its run is announced.
func (e *env) announcing() announce.Host {
	return announce.Host{Streams: e.Streams, Database: e.db, Now: e.now, Version: version(), PartNumbers: e.partNumbers}
}
