package cli

import (
	"context"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot/store"
)

func newSKUs(e *env) *cobra.Command {
	var asOf string
	cmd := &cobra.Command{
		Use:   "skus",
		Short: "What is bought, used, free, about to lapse",
		Long: `What is bought, used and free per SKU. USED is Microsoft's count of seats in use;
DIFF is that count less the users whom lictrail found holding the SKU. NEXT is the
day on which a subscription changes its status unless it is renewed.`,
		Example: `  lictrail skus
  lictrail skus --as-of 2026-01-01 --format csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSKUs(cmd.Context(), e, asOf) },
	}
	cmd.Flags().StringVar(&asOf, "as-of", "", "as it was at this `time`, by the newest run then")
	return cmd
}

func runSKUs(ctx context.Context, e *env, asOf string) error {
	return withHistory(ctx, e, func(n names) error {
		if err := n.asOf(e, "as-of", asOf); err != nil {
			return err
		}
		rows, err := n.h.SKUs(ctx)
		if err != nil {
			return err
		}
		return n.skuListing().print(e, n, each(rows))
	})
}

// each lists the elements of a slice as a command streams rows.
func each[T any](rows []T) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for i := range rows {
			if !yield(&rows[i], nil) {
				return
			}
		}
	}
}

func (n names) skuListing() listing[*store.SKURow] {
	type row = *store.SKURow
	return listing[row]{
		json: func(r row) any { return n.skuRow(r) },
		none: "the tenant has no SKU",
		columns: []column[row]{
			{csv: "sku_id", cell: func(r row) any { return string(r.ID) }},
			{Column: out.Column{Head: "SKU", Min: 10, Rank: 3}, csv: "part_number", text: func(r row) any { return n.shortSKU(r.ID) }},
			{Column: out.Column{Head: "PRODUCT", Min: 8, Rank: 1}, csv: "product", text: func(r row) any { return n.cat.SKUName(r.ID, r.PartNumber) }},
			{Column: out.Column{Head: "STATUS", Min: 7, Rank: 2}, csv: "status", text: func(r row) any { return statusWord(r) }, cell: func(r row) any { return r.Status }},
			{Column: out.Column{Head: "BOUGHT"}, csv: "enabled", text: func(r row) any { return r.Units.Enabled }},
			{csv: "warning", cell: func(r row) any { return r.Units.Warning }},
			{csv: "suspended", cell: func(r row) any { return r.Units.Suspended }},
			{csv: "locked_out", cell: func(r row) any { return r.Units.LockedOut }},
			{Column: out.Column{Head: "USED"}, csv: "consumed", text: func(r row) any { return r.Consumed }},
			{csv: "assigned", cell: func(r row) any { return r.Assigned }},
			{Column: out.Column{Head: "DIFF"}, csv: "difference", text: func(r row) any { return r.Consumed - r.Assigned }},
			{Column: out.Column{Head: "FREE"}, csv: "available", text: func(r row) any { return available(r) }},
			{Column: out.Column{Head: "NEXT"}, csv: "next_lifecycle_at", text: func(r row) any { return dayOrNil(nextLifecycle(r)) },
				cell: func(r row) any { return stamp(nextLifecycle(r)) }},
			{csv: "gone_at", cell: func(r row) any { return goneAt(r) }},
			{csv: "first_seen", cell: func(r row) any { return stamp(r.First.ObservedUntil) }},
		},
	}
}

func goneAt(r *store.SKURow) *string {
	if r.To == nil {
		return nil
	}
	return stamp(r.To.ObservedUntil)
}

func statusWord(r *store.SKURow) string {
	if r.To != nil {
		return "gone " + r.To.ObservedUntil.Format("2006-01-02")
	}
	return r.Status
}

// nextLifecycle is the soonest date at which a subscription of the SKU changes
// its status unless it is renewed.
func nextLifecycle(r *store.SKURow) (next time.Time) {
	for _, s := range r.Bought {
		if !s.NextLifecycleAt.IsZero() && (next.IsZero() || s.NextLifecycleAt.Before(next)) {
			next = s.NextLifecycleAt
		}
	}
	return next
}
