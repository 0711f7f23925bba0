package graph

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"lictrail/snapshot"
)

// usageReport is one of Microsoft 365's usage reports on users.
type usageReport struct {
	// places are where Graph may have it, asked in this order.
	places  []place
	sources []snapshot.ActivitySource // what its rows report on
	reach   time.Duration             // how far it looks back; 0: no limit is known
	columns map[string]snapshot.ActivityKind
	// licensed are the workloads for which there may be columns on licenses.
	licensed []snapshot.Workload
	product  func(row map[string]string) (snapshot.ActivitySource, snapshot.ActivityKind) // where rows are about products
	// optional sorts the columns that need not be there; nil: there are none.
	optional func(header string) (snapshot.ActivityKind, countColumn)
}

// place is an address of a report: a function of the API.
type place struct {
	path string
	// richer: the same report is at the next place with fewer columns, which is
	// asked for as well where the columns here are not those that are needed.
	richer bool
}

// reportsAt is the place of a report that has only one
// (learn.microsoft.com/graph/api/resources/report).
func reportsAt(function string) []place { return []place{{path: "/reports/" + function}} }

const halfYear = 180 * 24 * time.Hour

// usageReports lists the reports that are read. Columns are found by their names:
// Microsoft adds new ones.
var usageReports = []usageReport{
	{places: reportsAt("getOffice365ActiveUserDetail(period='D180')"), sources: []snapshot.ActivitySource{snapshot.ActiveUsers}, reach: halfYear,
		columns: map[string]snapshot.ActivityKind{
			"Exchange Last Activity Date": snapshot.UsedExchange, "OneDrive Last Activity Date": snapshot.UsedOneDrive,
			"SharePoint Last Activity Date": snapshot.UsedSharePoint, "Skype For Business Last Activity Date": snapshot.UsedSkype,
			"Yammer Last Activity Date": snapshot.UsedYammer, "Teams Last Activity Date": snapshot.UsedTeams,
		},
		licensed: []snapshot.Workload{snapshot.Exchange, snapshot.OneDrive, snapshot.SharePoint, snapshot.Skype, snapshot.Yammer, snapshot.Teams}},
	{places: reportsAt("getM365AppUserDetail(period='D180')"), sources: []snapshot.ActivitySource{snapshot.AppsUsage}, reach: halfYear,
		columns: map[string]snapshot.ActivityKind{"Last Activity Date": snapshot.UsedApps}},
	{places: reportsAt("getOffice365ActivationsUserDetail"), sources: []snapshot.ActivitySource{snapshot.ProjectActivations, snapshot.VisioActivations},
		columns: map[string]snapshot.ActivityKind{"Last Activated Date": ""}, product: activatedProduct},
	{places: copilotPlaces, sources: []snapshot.ActivitySource{snapshot.CopilotUsage}, reach: halfYear,
		columns: map[string]snapshot.ActivityKind{"Last Activity Date": snapshot.UsedCopilot}, optional: copilotColumn},
}

const (
	columnUPN     = "User Principal Name"
	columnName    = "Display Name"
	columnRefresh = "Report Refresh Date"
	columnDeleted = "Is Deleted"
	columnProduct = "Product Type"
	columnPeriod  = "Report Period"
)

// activatedProduct sorts the rows of the report on activations, which has one
// for each user and product.
func activatedProduct(row map[string]string) (snapshot.ActivitySource, snapshot.ActivityKind) {
	switch product := strings.ToUpper(row[columnProduct]); {
	case strings.Contains(product, "PROJECT"):
		return snapshot.ProjectActivations, snapshot.ActivatedProject
	case strings.Contains(product, "VISIO"):
		return snapshot.VisioActivations, snapshot.ActivatedVisio
	}
	return "", ""
}

// Usage reads the usage report that has a source.
func (c *Client) Usage(ctx context.Context, source snapshot.ActivitySource) (snapshot.Usage, error) {
	if err := c.opts.Cloud.Lacks(FeatureUsage); err != nil {
		return snapshot.Usage{}, err
	}
	i := slices.IndexFunc(usageReports, func(report usageReport) bool { return slices.Contains(report.sources, source) })
	return c.usage(ctx, usageReports[i])
}

// usage reads a report. Graph answers with a redirect to a file on another host,
// which gets no token.
func (c *Client) usage(ctx context.Context, report usageReport) (snapshot.Usage, error) {
	r := c.newReader(opUsage + " " + string(report.sources[0]))
	r.files = true
	for i, place := range report.places {
		usage, err := c.usageAt(ctx, r, report, place)
		if err == nil || i+1 == len(report.places) || !place.leadsOn(err) {
			return usage, report.hint(err)
		}
	}
	return snapshot.Usage{}, nil // every report has a place
}

// usageAt reads a usage report at one of its places.
func (c *Client) usageAt(ctx context.Context, r *reader, report usageReport, at place) (usage snapshot.Usage, err error) {
	build := func(ctx context.Context) (*abstractions.RequestInformation, error) {
		info := abstractions.NewRequestInformation()
		info.Method = abstractions.GET
		u, err := url.Parse(c.base.String() + at.path)
		if err != nil {
			return nil, err
		}
		info.SetUri(*u)
		info.AddRequestOptions([]abstractions.RequestOption{opaque})
		info.Headers.TryAdd("Accept", "text/csv, application/octet-stream, application/json")
		return info, nil
	}
	err = r.fetch(ctx, build, func(body io.Reader) (err error) {
		usage, err = report.parse(body, c.sample)
		return err
	})
	return usage, err
}

// leadsOn reports whether an error at this place is a reason to ask at the next:
// Graph does not know the place, or, where the next one has the same with fewer
// columns, the columns here cannot be read.
func (p place) leadsOn(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	unknown := e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound
	return unknown || p.richer && errors.Is(err, ErrIncomplete)
}

// hint adds to the error of the last place that the others failed as well.
func (report *usageReport) hint(err error) error {
	var e *Error
	if len(report.places) > 1 && errors.As(err, &e) && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound) {
		e.Hint = cmp.Or(e.Hint, "Graph has the report neither at its new address nor at its old one")
	}
	return err
}

// file follows the redirect of a report. The address is good for some minutes
// and is a secret in itself; a failure there begins again at Graph, but once only
// where the host refuses what Graph has just made.
func (r *reader) file(w *watch, redirect *http.Response) (*http.Response, *Error) {
	address, err := url.Parse(redirect.Header.Get("Location"))
	plain := err == nil && address.Scheme == "http" && r.c.base.Scheme == "http" && loopback(address.Hostname())
	if err != nil || address.Host == "" || address.User != nil || address.Scheme != "https" && !plain {
		e := r.fail(kinded(ErrUnavailable, "the report's address is not one of https"))
		e.Status = redirect.StatusCode
		return nil, e
	}
	req, err := http.NewRequestWithContext(w.ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, r.fail(kinded(ErrUnavailable, "%w", tidy(err)))
	}
	resp, err := r.c.files.Do(req)
	if err != nil {
		return nil, r.unsent(w.why(err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	resp.Body.Close()
	e := r.fail(kinded(ErrUnavailable, "the report's file could not be fetched from %q", address.Host))
	e.Status, e.retry = resp.StatusCode, later
	if judged, _ := judge(resp.StatusCode); judged != later {
		e.retry, e.Hint = anew, "the host that keeps the reports refused the address that Graph gave for it: look at proxies and firewalls between"
	}
	return nil, e
}

// pseudonym is what concealed reports have in the place of names.
var pseudonym = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

// parse reads a report. It is all good, or an error. Of a sample it reads no
// more than one row.
func (report *usageReport) parse(body io.Reader, sample bool) (snapshot.Usage, error) {
	u, names := snapshot.Usage{Sources: report.sources}, 0
	needed := []string{columnUPN, columnRefresh}
	for name := range report.columns {
		needed = append(needed, name)
	}
	if report.product != nil {
		needed = append(needed, columnProduct)
	}
	rows, err := newTable(body, append([]string{columnName, columnDeleted, columnPeriod}, needed...))
	if err != nil {
		return u, err
	}
	if err := rows.require(needed); err != nil {
		return u, err
	}
	more := report.bind(rows.header)
	for {
		row, err := rows.next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = report.addRow(&u, &names, row, more)
		}
		if err != nil {
			return snapshot.Usage{}, err
		}
		if sample {
			break
		}
	}
	if !u.Until.IsZero() && report.reach > 0 {
		u.Since = u.Until.Add(-report.reach)
	}
	return u, nil
}

// addRow adds a row of the file. names are the bytes of names so far.
func (report *usageReport) addRow(u *snapshot.Usage, names *int, row map[string]string, more []optionalColumn) error {
	refreshed, err := usageDay(columnRefresh, row)
	if err != nil {
		return err
	}
	if u.Until.IsZero() || refreshed.Before(u.Until) {
		u.Until = refreshed
	}
	upn := strings.TrimSpace(row[columnUPN])
	switch {
	case pseudonym.MatchString(upn):
		u.Concealed = true
		return nil
	case upn == "" || strings.EqualFold(row[columnDeleted], "true"):
		return nil
	}
	if len(u.Rows) >= maxUsage {
		return tooMuch(maxUsage, "rows")
	}
	if *names += len(upn); *names > maxNames {
		return tooMuch(maxNames, "bytes of names")
	}
	entry := snapshot.ActivityRow{UPN: strings.Clone(upn), Source: report.sources[0]}
	product := snapshot.ActivityKind("")
	if report.product != nil {
		if entry.Source, product = report.product(row); product == "" {
			return nil
		}
	}
	for column, kind := range report.columns {
		at, err := usageDay(column, row)
		if err != nil {
			return err
		}
		if product != "" {
			kind = product
		}
		if !at.IsZero() {
			if entry.Uses == nil {
				entry.Uses = make([]snapshot.Use, 0, len(report.columns))
			}
			entry.Uses = append(entry.Uses, snapshot.Use{Kind: kind, At: at})
		}
	}
	if err := takeOptional(&entry, row, more); err != nil {
		return err
	}
	if entry.Licensed, err = report.licenses(row); err != nil {
		return err
	}
	if len(entry.Licensed) > 0 {
		entry.Name = strings.Clone(strings.TrimSpace(row[columnName]))
		*names += len(entry.Name)
	}
	slices.SortFunc(entry.Uses, func(a, b snapshot.Use) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
	u.Rows = append(u.Rows, entry)
	return nil
}

// licenses reads since when a user is licensed for workloads. The columns need
// not be there.
func (report *usageReport) licenses(row map[string]string) ([]snapshot.WorkloadLicense, error) {
	var licenses []snapshot.WorkloadLicense
	for _, w := range report.licensed {
		if !strings.EqualFold(strings.TrimSpace(row["Has "+string(w)+" License"]), "true") {
			continue
		}
		day, err := usageDay(string(w)+" License Assign Date", row)
		if err != nil {
			return nil, err
		}
		if !day.IsZero() {
			if licenses == nil {
				licenses = make([]snapshot.WorkloadLicense, 0, len(report.licensed))
			}
			licenses = append(licenses, snapshot.WorkloadLicense{Workload: w, Day: day})
		}
	}
	return licenses, nil
}

// usageDay reads a day; zero where the cell is empty.
func usageDay(column string, row map[string]string) (time.Time, error) {
	text := strings.TrimSpace(row[column])
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, fmt.Errorf("column %q has %q, which is no date", column, clip(text))
	}
	return t, nil
}

// usageTable reads a CSV file by the names of its columns.
type usageTable struct {
	csv    *csv.Reader
	header []string
	row    map[string]string // used again for each row; what is kept of it must be cloned
	done   int64             // bytes of the rows so far
}

func newTable(body io.Reader, headers []string) (*usageTable, error) {
	t := &usageTable{row: map[string]string{}}
	buffered := bufio.NewReader(&window{from: body, most: maxRecord, consumed: func() int64 { return t.done }})
	t.csv = csv.NewReader(buffered)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		buffered.Discard(3) //nolint:errcheck // they were just seen
	}
	header, err := t.csv.Read()
	if err != nil {
		if err == io.EOF {
			err = errors.New("the report is empty")
		}
		return nil, err
	}
	if len(header) > maxColumns {
		return nil, tooMuch(maxColumns, "columns")
	}
	t.done = t.csv.InputOffset()
	for _, name := range header {
		t.header = append(t.header, strings.TrimSpace(name))
	}
	for i, name := range t.header { // the case of names is not the same in all editions
		for _, known := range headers {
			if strings.EqualFold(name, known) {
				t.header[i] = known
			}
		}
	}
	t.csv.ReuseRecord = true
	return t, nil
}

func (t *usageTable) require(names []string) error {
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(t.header, name) {
			return fmt.Errorf("the report has no column %q", name)
		}
	}
	return nil
}

func (t *usageTable) next() (map[string]string, error) {
	cells, err := t.csv.Read()
	if err != nil {
		return nil, err
	}
	t.done = t.csv.InputOffset() // within a row, csv counts on at each end of a line
	for i, name := range t.header {
		t.row[name] = cells[i]
	}
	return t.row, nil
}
