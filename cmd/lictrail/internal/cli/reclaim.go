package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/rules"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot/reclaim"
)

type reclaimOptions struct {
	rules, user, sku, department, by string
	buckets, only                    []string
	init                             bool
}

func newReclaim(e *env) *cobra.Command {
	var o reclaimOptions
	cmd := &cobra.Command{
		Use:   "reclaim",
		Short: "Seats that can be taken back, why, how, and what they cost",
		Long: `Lists seats that can be taken back, with the reason, the steps and the
consequences. It only lists them: lictrail never writes to a tenant.

Without a file of rules these apply: a disabled account; a SKU all of
whose service plans another SKU of the user has; never used since it was
assigned, for 90 days; held for more than 180 days and not used for 180;
Project or Visio that was never activated; the same SKU by two paths. Age
counts from the true assignment date, or its latest bound. Seats whose use no
source shows are in the bucket unknown, with the reason, and never count as
unused. Activity is read by lictrail sync --activity. Free, trial and viral SKUs
are left out.

--init writes a file of rules with comments: thresholds, exclusions, prices. It
is reclaim.toml beside the database, and read from there unless --rules names
another one, or the database NAME.db has NAME.reclaim.toml beside it. With --by
it prints totals of seats and costs instead.`,
		Example: `  lictrail reclaim
  lictrail reclaim --init
  lictrail reclaim --bucket unknown,excluded
  lictrail reclaim --rule disabled --format csv --output disabled.csv
  lictrail reclaim --by department`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runReclaim(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.rules, "rules", "", "`file` of rules (default: reclaim.toml beside the database, if it is there)")
	f.BoolVar(&o.init, "init", false, "only write a file of rules with comments")
	f.StringSliceVar(&o.buckets, "bucket", nil, "these `buckets`: candidate, unknown, excluded (text shows candidates, JSON and CSV all)")
	f.StringSliceVar(&o.only, "rule", nil, "only seats that these `rules` found, such as disabled,idle")
	f.StringVar(&o.user, "user", "", "only this `user`")
	f.StringVar(&o.sku, "sku", "", "only this `SKU`")
	f.StringVar(&o.department, "department", "", "only users of this `department`")
	f.StringVar(&o.by, "by", "", "print totals by this `key`: "+strings.Join(ask.ReclaimKeyNames(), ", ")+", or what sync --attributes reads")
	return cmd
}

func runReclaim(ctx context.Context, e *env, o reclaimOptions) error {
	if o.init {
		return initRules(e, o.rules)
	}
	filter := ask.ReclaimFilter{Department: o.department}
	var err error
	if filter.Buckets, err = oneOf("bucket", o.buckets, reclaim.Buckets); err != nil {
		return err
	}
	if filter.Rules, err = oneOf("rule", o.only, reclaim.Rules); err != nil {
		return err
	}
	if o.by != "" {
		if o.by, err = attributeKey(o.by, ask.ReclaimKeyNames()); err != nil {
			return err
		}
		if e.pseudonymize && slices.Contains([]string{"office", "job-title", "employee-type"}, o.by) {
			return usage(fmt.Sprintf("--pseudonymize leaves nothing to add up by %s", o.by), "--by department, company, country, usage-location, user-type or sku")
		}
	}
	file, err := loadRules(e, o.rules)
	if err != nil {
		return err
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		if filter.Users, err = b.OptionalUsers(ctx, o.user); err != nil {
			return err
		}
		if filter.SKUs, err = b.FindSKUs(o.sku); err != nil {
			return err
		}
		var by []string
		if o.by != "" {
			by = []string{o.by}
		}
		if err := b.Keeps(ctx, o.by); err != nil {
			return err
		}
		report, err := ask.Reclaim(ctx, b, file, filter, by...)
		if err != nil {
			return err
		}
		if age := e.now().Sub(report.AsOf); age > 14*24*time.Hour {
			e.Notef("the newest run is %d days old; days are counted up to it", int(age.Hours()/24))
		}
		if report.Sum.NotRead {
			e.Notef("no run has read activity, without which unused seats are not known: lictrail sync --activity all")
		}
		if o.by != "" {
			return show.ReclaimTotals(b, o.by).Print(e.printer(b), show.Each(report.Totals(o.by)))
		}
		return show.Reclaim(ctx, e.printer(b), report, len(o.buckets) > 0)
	})
}

// initRules writes the template, and never over a file.
func initRules(e *env, path string) error {
	if e.output != "" {
		_, err := e.Out.Write(rules.Template)
		return err
	}
	path = cmp.Or(path, defaultRules(e))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usage(fmt.Sprintf("%q is there already", path), "edit it, or name another file with --rules")
	}
	if err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	_, err = f.Write(rules.Template)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the rules: %w", errors.Join(err, os.Remove(path)))
	}
	e.Notef("wrote %s", path)
	return nil
}

func defaultRules(e *env) string { return rules.Beside(e.db) }

// maxRules is more than anybody writes by hand.
const maxRules = 1 << 20

// loadRules reads the file that was named, or the one beside the database, or
// else takes the defaults.
func loadRules(e *env, path string) (ask.Rules, error) { return loadRulesOf(e, path, e.db) }

// loadRulesOf is loadRules for the database in a file.
func loadRulesOf(e *env, path, db string) (ask.Rules, error) {
	name := cmp.Or(path, rules.Beside(db))
	data, err := readInput("the file of rules", name, input.Plain, maxRules, "lictrail reclaim --init writes a file of rules")
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return ask.Rules{File: rules.Default()}, nil
	}
	if err != nil {
		return ask.Rules{}, err
	}
	file, err := rules.Parse(name, data)
	if wrong := (*rules.Error)(nil); errors.As(err, &wrong) {
		return ask.Rules{}, usage(wrong.Error(), cmp.Or(wrong.Hint, "lictrail reclaim --init --rules NEW writes one to compare with"))
	}
	if err == nil && path == "" {
		e.Notef("rules of %s", name)
	}
	return ask.Rules{File: file, Name: name}, err
}
