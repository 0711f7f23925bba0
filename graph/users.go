package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	sdk "github.com/microsoftgraph/msgraph-sdk-go/users"

	"lictrail/snapshot"
)

// userFields is $select of the users read. Without it Graph leaves out
// everything about licensing.
var userFields = []string{
	"id", "userPrincipalName", "displayName", "mail", "accountEnabled", "userType", "department",
	"jobTitle", "companyName", "officeLocation", "country", "usageLocation", "employeeId", "employeeType",
	"createdDateTime", "creationType", "onPremisesSyncEnabled",
	"assignedLicenses", "assignedPlans", "licenseAssignmentStates",
}

// UserFields lists the properties that [Client.Users] asks for, unless it is to keep
// more.
func UserFields() []string { return slices.Clone(userFields) }

const (
	orgDataField   = "employeeOrgData"
	extensionField = "onPremisesExtensionAttributes"
)

// selected is $select of the users read, with what holds the attributes to keep.
func (c *Client) selected() []string {
	fields := userFields
	for _, name := range c.opts.Keep {
		field := extensionField
		if name == snapshot.KeptCostCenter || name == snapshot.KeptDivision {
			field = orgDataField
		}
		if !slices.Contains(fields, field) {
			fields = append(slices.Clip(fields), field)
		}
	}
	return fields
}

// Users reads every user of the tenant, once each: in one unfiltered pass, since
// filters on licenses have lost their page tokens on large tenants, or, where so many
// [Options.Partitions] are asked for and proven to be all users, in partitions. Rows
// that are known byte by byte are not decoded.
func (c *Client) Users(ctx context.Context, known snapshot.KnownRows, page func([]snapshot.UserRow) error, restart func() error) (snapshot.PagesRead, error) {
	if c.sample || c.opts.Partitions == 0 || c.opts.Partitions == 1 {
		return c.usersInOnePass(ctx, known, page, restart)
	}
	read, small, failed := c.usersInPartitions(ctx, known, page)
	if !small && !another(failed) {
		return read, failed
	}
	if failed != nil {
		if err := restart(); err != nil {
			return read, fmt.Errorf("restart %s: %w", opUsers, err)
		}
	}
	read, err := c.usersInOnePass(ctx, known, page, restart)
	if failed != nil {
		read.Warnings = append(read.Warnings, snapshot.Warning{
			Code: "partitions", Message: fmt.Sprintf("the users were read in one pass, since the read in partitions does not count: %v", failed),
		})
	}
	return read, err
}

func (c *Client) usersInOnePass(ctx context.Context, known snapshot.KnownRows, page func([]snapshot.UserRow) error, restart func() error) (snapshot.PagesRead, error) {
	rows, err := c.userRows(known)
	if err != nil {
		return snapshot.PagesRead{}, err
	}
	return c.usersPager(rows, c.newReader(opUsers), "").run(ctx, page, restart)
}

// userRows reads the rows of one enumeration.
func (c *Client) userRows(known snapshot.KnownRows) (*userRows, error) {
	var key [16]byte
	if known.Print != nil {
		var err error
		if key, err = known.Key(c.rowForm()); err != nil {
			return nil, err
		}
	}
	rows := newUserRows(key, known.Print)
	rows.w.keep = c.opts.Keep
	return rows, nil
}

// usersPager enumerates the users that a filter selects, "" for all.
func (c *Client) usersPager(rows *userRows, r *reader, filter string) *pager[snapshot.UserRow] {
	return &pager[snapshot.UserRow]{
		reader: r,
		first:  c.usersRequest(c.selected(), filter, false),
		key:    userKey,
		row:    rows.row,
		filter: rows.page,
		opts:   rows.in.options(),
	}
}

func userKey(u snapshot.UserRow) string { return string(u.ID) }

// usersRequest asks for the first page of users. A filter that is an advanced query
// needs a count, too, and [reader.eventual].
func (c *Client) usersRequest(fields []string, filter string, advanced bool) request {
	query := &sdk.UsersRequestBuilderGetQueryParameters{Select: fields, Top: &c.opts.PageSize}
	if filter != "" {
		query.Filter = &filter
	}
	if advanced {
		query.Count = &advanced
	}
	return func(ctx context.Context) (*abstractions.RequestInformation, error) {
		return sdk.NewUsersRequestBuilderInternal(c.path(), c.adapter).ToGetRequestInformation(ctx,
			&sdk.UsersRequestBuilderGetRequestConfiguration{QueryParameters: query})
	}
}

// wireUser is a user as Graph writes it: learn.microsoft.com/graph/api/resources/user.
type wireUser struct {
	ID                    string     `json:"id"`
	UserPrincipalName     string     `json:"userPrincipalName"`
	DisplayName           string     `json:"displayName"`
	Mail                  string     `json:"mail"`
	AccountEnabled        *bool      `json:"accountEnabled"`
	UserType              sharedText `json:"userType"`
	Department            sharedText `json:"department"`
	JobTitle              sharedText `json:"jobTitle"`
	CompanyName           sharedText `json:"companyName"`
	OfficeLocation        sharedText `json:"officeLocation"`
	Country               sharedText `json:"country"`
	UsageLocation         sharedText `json:"usageLocation"`
	EmployeeID            string     `json:"employeeId"`
	EmployeeType          sharedText `json:"employeeType"`
	CreatedDateTime       instant    `json:"createdDateTime"`
	CreationType          sharedText `json:"creationType"`
	OnPremisesSyncEnabled bool       `json:"onPremisesSyncEnabled"`

	EmployeeOrgData struct { // null for most
		Division   sharedText `json:"division"`
		CostCenter sharedText `json:"costCenter"`
	} `json:"employeeOrgData"`
	ExtensionAttributes map[string]sharedText `json:"onPremisesExtensionAttributes"`
	keep                []string              // of what the two above hold

	AssignedLicenses        list[wireLicense] `json:"assignedLicenses"`
	AssignedPlans           list[wirePlan]    `json:"assignedPlans"`
	LicenseAssignmentStates list[wireState]   `json:"licenseAssignmentStates"`

	licenses []snapshot.License // memory for the conversion
	states   []snapshot.StateRow
	unsorted []snapshot.Plan
	order    planOrders
}

type wireLicense struct {
	SKUID         guid   `json:"skuId"`
	DisabledPlans []guid `json:"disabledPlans"`
}

type wirePlan struct {
	ServicePlanID    guid       `json:"servicePlanId"`
	CapabilityStatus sharedText `json:"capabilityStatus"`
	AssignedDateTime instant    `json:"assignedDateTime"`
}

type wireState struct {
	SKUID               guid       `json:"skuId"`
	AssignedByGroup     guid       `json:"assignedByGroup"`
	State               sharedText `json:"state"`
	Error               sharedText `json:"error"`
	DisabledPlans       []guid     `json:"disabledPlans"`
	LastUpdatedDateTime instant    `json:"lastUpdatedDateTime"`
}

// reset makes w ready for the next row.
func (w *wireUser) reset() {
	*w = wireUser{
		AssignedLicenses:        w.AssignedLicenses.empty(),
		AssignedPlans:           w.AssignedPlans.empty(),
		LicenseAssignmentStates: w.LicenseAssignmentStates.empty(),
		order:                   w.order,
		unsorted:                w.unsorted[:0],
		licenses:                w.licenses[:0],
		states:                  w.states[:0],
		keep:                    w.keep,
	}
}

// user converts a row. Nothing of the result shares memory with w.
func (w *wireUser) user() (snapshot.UserRow, error) {
	id := snapshot.NormalID(snapshot.UserID(w.ID))
	p := rowProblem{kind: "user", name: string(id)}
	u := snapshot.UserRow{
		User: snapshot.User{
			ID:         id,
			Attributes: w.attributes(&p),
			Presence:   snapshot.Present,
			Paths:      w.paths(&p),
			Plans:      w.order.sorted(w.plans(&p)),
		},
		LicensesAbsent: !w.AssignedLicenses.present,
		LicensesEmpty:  w.AssignedLicenses.present && len(w.AssignedLicenses.rows) == 0,
	}
	u.Normalize()
	return u, p.err
}

func (w *wireUser) attributes(p *rowProblem) snapshot.Attributes {
	created := w.CreatedDateTime
	p.at("createdDateTime", created)
	return snapshot.Attributes{
		UPN: w.UserPrincipalName, Name: w.DisplayName, Mail: w.Mail,
		Department: string(w.Department), Enabled: w.AccountEnabled, Type: string(w.UserType),
		UsageLocation: string(w.UsageLocation), Company: string(w.CompanyName), Country: string(w.Country),
		Office: string(w.OfficeLocation), JobTitle: string(w.JobTitle),
		EmployeeID: w.EmployeeID, EmployeeType: string(w.EmployeeType),
		CreationType: string(w.CreationType), OnPremisesSync: w.OnPremisesSyncEnabled,
		CreatedAt: created.pointer(), Kept: w.kept(),
	}
}

// kept takes what was asked for out of properties that hold more.
func (w *wireUser) kept() snapshot.Kept {
	if len(w.keep) == 0 {
		return ""
	}
	values := make(map[string]string, len(w.keep))
	for _, name := range w.keep {
		switch name {
		case snapshot.KeptCostCenter:
			values[name] = string(w.EmployeeOrgData.CostCenter)
		case snapshot.KeptDivision:
			values[name] = string(w.EmployeeOrgData.Division)
		default:
			values[name] = string(w.ExtensionAttributes["extensionAttribute"+strings.TrimPrefix(name, snapshot.KeptExtension)])
		}
	}
	return snapshot.KeptOf(values)
}

func (w *wireUser) paths(p *rowProblem) []snapshot.Path {
	for _, l := range w.AssignedLicenses.rows {
		w.licenses = append(w.licenses, snapshot.License{
			SKU:      snapshot.SKUID(p.id("assignedLicenses skuId", l.SKUID)),
			Disabled: ids[snapshot.PlanID](p, "assignedLicenses disabledPlans", l.DisabledPlans),
		})
	}
	for _, s := range w.LicenseAssignmentStates.rows {
		w.states = append(w.states, snapshot.StateRow{
			SKU:       snapshot.SKUID(p.id("licenseAssignmentStates skuId", s.SKUID)),
			Group:     snapshot.GroupID(p.optionalID("assignedByGroup", s.AssignedByGroup)),
			State:     string(s.State),
			Error:     string(s.Error),
			Disabled:  ids[snapshot.PlanID](p, "licenseAssignmentStates disabledPlans", s.DisabledPlans),
			UpdatedAt: p.at("lastUpdatedDateTime", s.LastUpdatedDateTime),
		})
	}
	return snapshot.ResolvePaths(w.licenses, w.states)
}

// plans converts the rows of plans, in memory that is used again.
func (w *wireUser) plans(p *rowProblem) []snapshot.Plan {
	plans := w.unsorted[:0]
	for _, row := range w.AssignedPlans.rows {
		id := p.optionalID("servicePlanId", row.ServicePlanID)
		if id == "" {
			continue // the schema allows null: a row about no plan
		}
		plans = append(plans, snapshot.Plan{
			ID:         snapshot.PlanID(id),
			Status:     string(row.CapabilityStatus),
			AssignedAt: p.at("assignedDateTime", row.AssignedDateTime),
		})
	}
	w.unsorted = plans
	return plans
}

// planOrders knows where the plans of earlier rows went when they were sorted. Users
// with the same SKUs have the same plans in the same order, and sorting them anew would
// take as long as a fifth of the decoding. The order that fitted last stands first.
type planOrders []*planOrder

type planOrder struct {
	ids   []snapshot.PlanID
	place []int // of each plan
}

// maxPlanOrders bounds how many orders a row is compared with.
const maxPlanOrders = 16

// sorted returns a copy of plans in the order of their ids.
func (all *planOrders) sorted(plans []snapshot.Plan) []snapshot.Plan {
	if len(plans) == 0 {
		return nil
	}
	o := all.of(plans)
	sorted := make([]snapshot.Plan, len(plans))
	for i := range plans {
		sorted[o.place[i]] = plans[i]
	}
	return sorted
}

func (all *planOrders) of(plans []snapshot.Plan) *planOrder {
	list := *all
	i := slices.IndexFunc(list, func(o *planOrder) bool { return o.fits(plans) })
	if i < 0 {
		if len(list) < maxPlanOrders {
			list = append(list, nil)
		}
		i = len(list) - 1
		list[i] = newPlanOrder(plans)
	}
	o := list[i]
	copy(list[1:i+1], list[:i])
	list[0] = o
	*all = list
	return o
}

func (o *planOrder) fits(plans []snapshot.Plan) bool {
	if len(plans) != len(o.ids) {
		return false
	}
	for i := range plans {
		if plans[i].ID != o.ids[i] {
			return false
		}
	}
	return true
}

func newPlanOrder(plans []snapshot.Plan) *planOrder {
	o := &planOrder{make([]snapshot.PlanID, len(plans)), make([]int, len(plans))}
	from := make([]int, len(plans))
	for i := range plans {
		o.ids[i], from[i] = plans[i].ID, i
	}
	slices.SortStableFunc(from, func(a, b int) int { return strings.Compare(string(o.ids[a]), string(o.ids[b])) })
	for to, i := range from {
		o.place[i] = to
	}
	return o
}

// UserExists asks for one user by id. It is how a user whom the list lacks is
// distinguished from one who left: the list may have lost a row.
func (c *Client) UserExists(ctx context.Context, id snapshot.UserID) (bool, error) {
	return c.userExists(ctx, id, nil)
}

func (c *Client) userExists(ctx context.Context, id snapshot.UserID, shared *hold) (bool, error) {
	build := c.template("{+baseurl}/users/{id}{?%24select}", map[string]any{"%24select": "id"})
	read := func(ctx context.Context) (*abstractions.RequestInformation, error) {
		info, err := build(ctx)
		if err == nil {
			info.PathParameters["id"] = string(id)
		}
		return info, err
	}
	var found wireUser
	r := c.newReader(opUser)
	r.shared = shared
	err := getObject(ctx, r, read, func(w *wireUser) error {
		found = *w
		return nil
	})
	if objectUnknown(err) {
		return false, nil
	}
	return err == nil && snapshot.NormalID(snapshot.UserID(found.ID)) == id, err
}

// UserCount asks how many users there are, an answer that may lag behind. ok is
// false when Graph will not say: B2C tenants do not support the question.
func (c *Client) UserCount(ctx context.Context) (n int, ok bool, err error) {
	n, err = c.countUsers(ctx, "", nil)
	if uncounted(err) {
		return 0, false, nil
	}
	return n, err == nil, err
}

// uncounted reports whether Graph will not count.
func uncounted(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && slices.Contains([]int{400, 403, 404, 501}, e.Status)
}

// countUsers counts the users that a filter selects, "" for all.
func (c *Client) countUsers(ctx context.Context, filter string, shared *hold) (n int, err error) {
	query := &sdk.CountRequestBuilderGetQueryParameters{}
	if filter != "" {
		query.Filter = &filter
	}
	build := func(ctx context.Context) (*abstractions.RequestInformation, error) {
		return sdk.NewCountRequestBuilderInternal(c.path(), c.adapter).ToGetRequestInformation(ctx,
			&sdk.CountRequestBuilderGetRequestConfiguration{QueryParameters: query})
	}
	r := c.newReader(opUserCount)
	r.shared, r.eventual = shared, true
	err = r.fetch(ctx, build, func(body io.Reader) (err error) {
		n, err = readCount(body)
		return err
	})
	return n, err
}

var errNoCount = errors.New("the body is not a number")

// readCount reads a number, before which Graph may put a byte order mark.
func readCount(body io.Reader) (int, error) {
	text, err := io.ReadAll(io.LimitReader(body, maxErrorBody))
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(string(text), "\ufeff")), 10, 31)
	if err != nil {
		return 0, errNoCount
	}
	return int(n), nil
}
