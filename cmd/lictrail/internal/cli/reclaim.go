package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/rules"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
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
		Long: `Seats that can be taken back, with the reason, how to do it and what comes of
it. Nothing is done: lictrail never writes to a tenant.

Without a file of rules these hold: an account that is disabled; a SKU all of
whose service plans another SKU of the user has; never used since it was
assigned, for 90 days; held for more than 180 days and not used for 180;
Project or Visio that was never activated; the same SKU by two paths. Age
counts from the true assignment date, at its latest. What nothing tells of is
in a bucket of its own, unknown, with the reason: it is never taken for unused.
Activity is read by lictrail sync --activity. Free, trial and viral SKUs are
left out.

--init writes a file of rules with comments: thresholds, exclusions, prices. It
is reclaim.toml beside the database, and read from there unless --rules names
another one, or the database NAME.db has NAME.reclaim.toml beside it. With --by
seats and what they cost are added up instead.`,
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
	f.BoolVar(&o.init, "init", false, "write a file of rules with comments, and do nothing else")
	f.StringSliceVar(&o.buckets, "bucket", nil, "these `buckets`: candidate, unknown, excluded (text shows candidates, JSON and CSV all)")
	f.StringSliceVar(&o.only, "rule", nil, "only what these `rules` found, such as disabled,idle")
	f.StringVar(&o.user, "user", "", "only this `user`")
	f.StringVar(&o.sku, "sku", "", "only this `SKU`")
	f.StringVar(&o.department, "department", "", "only users of this `department`")
	f.StringVar(&o.by, "by", "", "add up by this `key`: "+strings.Join(reclaimKeyNames(), ", "))
	return cmd
}

func runReclaim(ctx context.Context, e *env, o reclaimOptions) error {
	if o.init {
		return initRules(e, o.rules)
	}
	if _, err := oneOf("bucket", o.buckets, reclaim.Buckets); err != nil {
		return err
	}
	if _, err := oneOf("rule", o.only, reclaim.Rules); err != nil {
		return err
	}
	if o.by != "" {
		if _, err := oneOf("by", []string{o.by}, reclaimKeyNames()); err != nil {
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
	return withHistory(ctx, e, func(n names) error {
		report, err := n.reclaimReport(ctx, file)
		if err != nil {
			return err
		}
		if err := n.narrow(ctx, report, o); err != nil {
			return err
		}
		if age := e.now().Sub(report.AsOf); age > 14*24*time.Hour {
			e.Notef("the newest run is %d days old; days are counted up to it", int(age.Hours()/24))
		}
		if slices.ContainsFunc(report.Rows, func(r *reclaim.Row) bool { return r.Gap == reclaim.GapNotRead }) {
			e.Notef("no run has read activity, without which unused seats are not known: lictrail sync --activity all")
		}
		if o.by != "" {
			return n.printTotals(e, report, o.by)
		}
		return n.printReclaim(e, report, o)
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

// ruleFile is a file of rules and what to call it.
type ruleFile struct {
	*rules.File
	name string
}

// maxRules is more than anybody writes by hand.
const maxRules = 1 << 20

// loadRules reads the file that was named, or the one beside the database, or
// else takes the defaults.
func loadRules(e *env, path string) (ruleFile, error) {
	name := cmp.Or(path, defaultRules(e))
	data, err := readInput("the file of rules", name, input.Plain, maxRules, "lictrail reclaim --init writes a file of rules")
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return ruleFile{rules.Default(), ""}, nil
	}
	if err != nil {
		return ruleFile{}, err
	}
	file, err := rules.Parse(name, data)
	if wrong := (*rules.Error)(nil); errors.As(err, &wrong) {
		return ruleFile{}, usage(wrong.Error(), cmp.Or(wrong.Hint, "lictrail reclaim --init --rules NEW writes one to compare with"))
	}
	if err == nil && path == "" {
		e.Notef("rules of %s", name)
	}
	return ruleFile{file, name}, err
}

// narrow leaves in the report what the flags ask for. The rules have looked at
// all of it: one seat of a user bears on another.
func (n names) narrow(ctx context.Context, report *reclaim.Report, o reclaimOptions) error {
	users, err := n.OptionalUsers(ctx, o.user)
	if err != nil {
		return err
	}
	skus, err := n.FindSKUs(o.sku)
	if err != nil {
		return err
	}
	keep := func(u *snapshot.User, id snapshot.SKUID) bool {
		named := slices.ContainsFunc(users, func(p store.Person) bool { return p.ID == u.ID })
		return (named || len(users) == 0) && (len(skus) == 0 || slices.Contains(skus, id)) && (o.department == "" || strings.EqualFold(o.department, u.Department))
	}
	report.Seats = slices.DeleteFunc(report.Seats, func(s *reclaim.Seat) bool { return !keep(s.User, s.SKU) })
	var rows []*reclaim.Row
	kept := make(map[*reclaim.Row]bool)
	for _, r := range report.Rows {
		if keep(r.User, r.SKU) && (len(o.only) == 0 || slices.ContainsFunc(append([]reclaim.Rule{r.Rule}, r.Also...), func(rule reclaim.Rule) bool { return slices.Contains(o.only, string(rule)) })) &&
			(len(o.buckets) == 0 || slices.Contains(o.buckets, string(r.Bucket))) {
			rows, kept[r] = append(rows, r), true
		}
	}
	for _, s := range report.Seats {
		if !kept[s.Row] {
			s.Row = nil
		}
	}
	report.Rows = rows
	return nil
}

func (n names) printReclaim(e *env, report *reclaim.Report, o reclaimOptions) error {
	shown := report.Rows
	if e.format == "text" && len(o.buckets) == 0 {
		shown = slices.DeleteFunc(slices.Clone(shown), func(r *reclaim.Row) bool { return r.Bucket != reclaim.Candidate })
	}
	if err := n.reclaimListing(slices.ContainsFunc(shown, func(r *reclaim.Row) bool { return r.Counts != nil })).Print(e.printer(n), rowsOf(shown)); err != nil || e.format != "text" {
		return err
	}
	sum := sumOf(report)
	lines := sum.lines(n.Unread(e.command, snapshot.ReadActivity, snapshot.ReadNames))
	if len(shown) > 0 {
		lines = slices.Insert(lines, 0, "")
	}
	for _, l := range lines {
		if err := e.Printf("%s\n", l); err != nil {
			return err
		}
	}
	return nil
}

// reclaimSum is what all of a report comes to.
type reclaimSum struct {
	agents                      int // seats of agent users
	candidates, frees, unpriced int
	monthly, idle               reclaim.Cost
	others                      map[string]int // why seats are not among the candidates
}

func sumOf(report *reclaim.Report) reclaimSum {
	s := reclaimSum{others: map[string]int{}, agents: report.Agents}
	for _, r := range report.Rows {
		switch r.Bucket {
		case reclaim.Unknown:
			s.others["not judged: "+r.GapWords()]++
		case reclaim.Excluded:
			s.others["excluded by the rules"]++
		case reclaim.Candidate:
			s.add(r)
		}
	}
	s.monthly.Lower = s.unpriced > 0
	return s
}

func (s *reclaimSum) add(r *reclaim.Row) {
	s.candidates++
	if !r.Frees {
		return
	}
	s.frees++
	if r.Monthly == nil {
		s.unpriced++
	} else {
		s.monthly.Add(*r.Monthly)
	}
	s.idle.Lower = s.idle.Lower || r.SinceIdle.Lower
	for _, m := range r.SinceIdle.Amounts {
		s.idle.Add(m)
	}
}

// lines says it in some lines. Without any candidate there is nothing to say of
// them while some activity is unread.
func (s *reclaimSum) lines(unread bool) []string {
	var lines []string
	if s.candidates > 0 || len(s.others) == 0 && !unread {
		line := fmt.Sprintf("%s; %s would become free", show.Plural(s.candidates, "candidate"), show.Plural(s.frees, "seat"))
		if len(s.monthly.Amounts) > 0 {
			line += fmt.Sprintf(", %s a month", costWords(s.monthly))
		}
		lines = append(lines, line+".")
	}
	if s.unpriced > 0 {
		lines = append(lines, fmt.Sprintf("%s without a price; lictrail reclaim --init writes a file for prices.", show.Plural(s.unpriced, "seat")))
	}
	if len(s.idle.Amounts) > 0 {
		lines = append(lines, fmt.Sprintf("Since they went idle these seats have cost %s.", costWords(s.idle)))
	}
	for _, k := range slices.Sorted(maps.Keys(s.others)) {
		lines = append(lines, fmt.Sprintf("%s %s.", show.Plural(s.others[k], "seat"), k))
	}
	if s.agents > 0 {
		lines = append(lines, fmt.Sprintf("%s of agent users, which cannot sign in: not judged by use.", show.Plural(s.agents, "seat")))
	}
	return lines
}

// costWords words amounts that are never added up: "12.00 EUR and 3.00 USD or more".
func costWords(c reclaim.Cost) string {
	words := make([]string, len(c.Amounts))
	for i, m := range c.Amounts {
		words[i] = m.String()
	}
	text := strings.Join(words, " and ")
	if c.Lower {
		text += " or more"
	}
	return text
}

// reclaimListing lists seats. counted: some have counts of Copilot, which then get
// columns of the text.
func (n names) reclaimListing(counted bool) show.Listing[*reclaim.Row] {
	type row = *reclaim.Row
	since := func(r row) any { return show.Stamp(r.IdleSince) }
	counts := show.CopilotColumns(counted, func(r row) *snapshot.CopilotCounts { return r.Counts })
	return show.Listing[row]{
		JSON: func(r row) any { return show.ReclaimRow(n.Book, r) },
		None: "no seat to take back",
		Columns: slices.Insert([]show.Column[row]{
			{CSV: "user_id", Cell: func(r row) any { return string(r.User.ID) }},
			{Column: out.Column{Head: "USER", Keep: true}, CSV: "upn", Text: func(r row) any { return show.UserWord(r.User) }, Cell: func(r row) any { return r.User.UPN }},
			{CSV: "name", Cell: func(r row) any { return r.User.Name }},
			{CSV: "department", Cell: func(r row) any { return r.User.Department }},
			{CSV: "company", Cell: func(r row) any { return r.User.Company }},
			{CSV: "country", Cell: func(r row) any { return r.User.Country }},
			{CSV: "sku_id", Cell: func(r row) any { return string(r.SKU) }},
			{Column: out.Column{Head: "SKU", Keep: true}, CSV: "part_number", Text: func(r row) any { return n.ShortSKU(r.SKU) }, Cell: func(r row) any { return n.PlainSKU(r.SKU) }},
			{CSV: "product", Cell: func(r row) any { return n.Catalog.SKUName(r.SKU, n.PartNumber(r.SKU)) }},
			{CSV: "paths", Cell: func(r row) any { return n.reclaimPaths(r) }},
			{CSV: "bucket", Cell: func(r row) any { return string(r.Bucket) }},
			{Column: out.Column{Head: "WHY", Min: 10, Rank: 5, Wrap: true}, CSV: "rule", Text: func(r row) any { return n.reclaimWhy(r) }, Cell: func(r row) any { return string(r.Rule) }},
			{CSV: "unknown_why", Cell: func(r row) any { return string(r.Gap) }},
			{CSV: "mark", Cell: func(r row) any { return string(r.Mark) }},
			{CSV: "held_days", Cell: func(r row) any { return r.HeldDays }},
			{Column: out.Column{Head: "IDLE", Right: true}, CSV: "idle_days", Text: func(r row) any { return intOrNil(r.IdleDays) }},
			{CSV: "idle_since", Cell: since},
			{CSV: "last_activity", Cell: func(r row) any { return lastAt(r) }},
			{CSV: "last_activity_source", Cell: func(r row) any { return lastKind(r) }},
			{CSV: "assigned_since", Cell: func(r row) any { return show.Stamp(r.Since.At) }},
			{CSV: "assigned_since_not_before", Cell: func(r row) any { return show.Stamp(r.Since.NotBefore) }},
			{CSV: "assigned_since_precision", Cell: func(r row) any { return string(r.Since.Precision) }},
			{CSV: "action", Cell: func(r row) any { return string(r.Action) }},
			{Column: out.Column{Head: "A MONTH", Right: true}, CSV: "", Text: func(r row) any { return monthlyWord(r) }},
			{CSV: "frees_seat", Cell: func(r row) any { return r.Frees }},
			{CSV: "monthly_amount", Cell: func(r row) any { return decimalOrNil(r.Monthly) }},
			{CSV: "monthly_currency", Cell: func(r row) any { return currencyOrNil(r.Monthly) }},
			{CSV: "cost_since_idle", Cell: func(r row) any { return costCell(r.SinceIdle) }},
			{CSV: "cost_lower_bound", Cell: func(r row) any { return r.SinceIdle.Lower }},
			{CSV: "excluded_until", Cell: func(r row) any { return excludedUntil(r) }},
			{CSV: "steps", Cell: func(r row) any { return strings.Join(r.Steps, "; ") }},
			{CSV: "follows", Cell: func(r row) any { return strings.Join(r.Follows, "; ") }},
			{CSV: "reason", Cell: func(r row) any { return r.Reason }},
			{CSV: "user_kind", Cell: func(r row) any { return r.User.Kind() }},
			{CSV: "also", Cell: func(r row) any { return strings.Join(texts(r.Also), " ") }},
			{CSV: "contained_in", Cell: func(r row) any {
				if r.By == "" {
					return ""
				}
				return n.PlainSKU(r.By)
			}},
			{Column: out.Column{Head: "HOW", Min: 20, Wrap: true}, CSV: "", Text: func(r row) any { return reclaimHow(r) }},
		}, 19, counts...),
	}
}

// reclaimWhy is the rule and, where it has one, the mark or the gap.
func (n names) reclaimWhy(r *reclaim.Row) string {
	word := string(r.Rule)
	if r.By != "" && r.Rule == reclaim.Contained {
		word += " in " + n.ShortSKU(r.By)
	}
	for _, other := range r.Also {
		word += ", also " + string(other)
	}
	switch {
	case r.Bucket == reclaim.Unknown:
		word = string(r.Gap)
	case r.Bucket == reclaim.Excluded:
		word += ", excluded"
	}
	if r.Mark != "" {
		word += ", " + string(r.Mark)
	}
	return word
}

// reclaimHow is what to do and what comes of it.
func reclaimHow(r *reclaim.Row) any {
	words := append(slices.Clone(r.Steps), r.Follows...)
	if r.Bucket != reclaim.Candidate {
		return r.Reason
	}
	return strings.Join(words, "; ")
}

func (n names) reclaimPaths(r *reclaim.Row) string {
	words := make([]string, len(r.Paths))
	for i := range r.Paths {
		words[i] = n.PathName(&r.Paths[i].PathRef)
	}
	return strings.Join(words, " + ")
}

func intOrNil(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}

func lastAt(r *reclaim.Row) *string {
	if r.Last == nil {
		return nil
	}
	return show.Stamp(r.Last.At)
}

func lastKind(r *reclaim.Row) string {
	if r.Last == nil {
		return ""
	}
	return string(r.Last.Kind)
}

// monthlyWord is what the seat costs: nothing that would be saved, an amount, or
// unknown.
func monthlyWord(r *reclaim.Row) any {
	switch {
	case !r.Frees:
		return nil
	case r.Monthly == nil:
		return "unknown"
	}
	return r.Monthly.String()
}

func decimalOrNil(m *reclaim.Money) any {
	if m == nil {
		return nil
	}
	return out.Decimal(m.Decimal())
}

func currencyOrNil(m *reclaim.Money) any {
	if m == nil {
		return nil
	}
	return m.Currency
}

func costCell(c reclaim.Cost) any {
	if len(c.Amounts) == 0 {
		return nil
	}
	c.Lower = false // has a column of its own
	return costWords(c)
}

func excludedUntil(r *reclaim.Row) any {
	if r.Exclusion == nil || r.Exclusion.Until == nil {
		return nil
	}
	return r.Exclusion.Until.Time().Format(time.DateOnly)
}

// reclaimKey is something that seats can be added up by.
type reclaimKey struct {
	name  string
	label func(n names, s *reclaim.Seat) string
}

var reclaimKeys = []reclaimKey{
	{"department", func(_ names, s *reclaim.Seat) string { return s.User.Department }},
	{"company", func(_ names, s *reclaim.Seat) string { return s.User.Company }},
	{"country", func(_ names, s *reclaim.Seat) string { return s.User.Country }},
	{"office", func(_ names, s *reclaim.Seat) string { return s.User.Office }},
	{"usage-location", func(_ names, s *reclaim.Seat) string { return s.User.UsageLocation }},
	{"job-title", func(_ names, s *reclaim.Seat) string { return s.User.JobTitle }},
	{"employee-type", func(_ names, s *reclaim.Seat) string { return s.User.EmployeeType }},
	{"user-type", func(_ names, s *reclaim.Seat) string { return s.User.Type }},
	{"sku", func(n names, s *reclaim.Seat) string { return n.ShortSKU(s.SKU) }},
}

func reclaimKeyNames() []string {
	words := make([]string, len(reclaimKeys))
	for i, k := range reclaimKeys {
		words[i] = k.name
	}
	return words
}

func (n names) printTotals(e *env, report *reclaim.Report, by string) error {
	i := slices.IndexFunc(reclaimKeys, func(k reclaimKey) bool { return k.name == by })
	totals := report.Totals(func(s *reclaim.Seat) string { return reclaimKeys[i].label(n, s) })
	return n.reclaimTotals(by).Print(e.printer(n), show.Each(totals))
}

func (n names) reclaimTotals(by string) show.Listing[*reclaim.Total] {
	type row = *reclaim.Total
	amount := func(t row, micros int64) any {
		if t.Currency == "" {
			return nil
		}
		return out.Decimal(reclaim.Money{Micros: micros, Currency: t.Currency}.Decimal())
	}
	known := func(t row, v any) any {
		if !t.Known() {
			return nil
		}
		return v
	}
	told := func(t row, v any) any {
		if !t.Known() {
			return show.NotKnown
		}
		return v
	}
	return show.Listing[row]{
		JSON: func(t row) any { return show.ReclaimTotal(by, t) },
		None: "no seat is held",
		Columns: []show.Column[row]{
			{CSV: "by", Cell: func(row) any { return by }},
			{Column: out.Column{Head: strings.ToUpper(by), Min: 10, Rank: 2}, CSV: "label", Text: func(t row) any { return show.OrNil(t.Label) }},
			{Column: out.Column{Head: "SEATS"}, CSV: "seats", Text: func(t row) any { return t.Seats }},
			{Column: out.Column{Head: "A MONTH", Right: true}, CSV: "monthly", Text: func(t row) any { return amount(t, t.Monthly) }},
			{Column: out.Column{Head: "TO TAKE BACK", Right: true}, CSV: "reclaimable", Text: func(t row) any { return told(t, t.Reclaimable) }, Cell: func(t row) any { return known(t, t.Reclaimable) }},
			{Column: out.Column{Head: "SAVES A MONTH", Right: true}, CSV: "saving", Text: func(t row) any { return told(t, amount(t, t.Saving)) }, Cell: func(t row) any { return known(t, amount(t, t.Saving)) }},
			{Column: out.Column{Head: "COST SINCE IDLE", Right: true}, CSV: "since_idle", Text: func(t row) any { return told(t, amount(t, t.SinceIdle)) }, Cell: func(t row) any { return known(t, amount(t, t.SinceIdle)) }},
			{Column: out.Column{Head: "CURRENCY"}, CSV: "currency", Text: func(t row) any { return currencyWord(t) }, Cell: func(t row) any { return t.Currency }},
			{CSV: "lower_bound", Cell: func(t row) any { return t.Lower }},
			{CSV: "not_judged", Cell: func(t row) any { return t.Unjudged }},
		},
	}
}

// currencyWord says where a price is missing, and that the label's amounts are
// lower bounds then.
func currencyWord(t *reclaim.Total) string {
	switch {
	case t.Currency == "":
		return "price unknown"
	case t.Lower:
		return t.Currency + " or more"
	}
	return t.Currency
}
