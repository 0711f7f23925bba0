package graphtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// render draws rows as the service does: fields, rows and ids in no order or
// case that a client may rely on.
type render struct {
	t    *Tenant
	r    *rand.Rand
	tidy bool
	// marked rows of agent users name their type.
	marked bool
}

// id writes a GUID, now and then in upper case.
func (x render) id(id string) any {
	if id == "" {
		return nil
	}
	if !x.tidy && x.r.IntN(20) == 0 {
		return strings.ToUpper(id)
	}
	return id
}

func (x render) ids(ids []string) []any {
	out := []any{}
	for _, id := range ids {
		out = append(out, x.id(id))
	}
	return x.mixed(out)
}

// mixed puts rows in random order.
func (x render) mixed(rows []any) []any {
	if !x.tidy {
		x.r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return rows
}

func (x render) object(o object) object {
	if x.tidy {
		return o
	}
	return o.shuffled(x.r)
}

// row encodes the selected fields of something.
func (x render) row(fields []string, value func(string) any) []byte {
	o := object{}
	for _, f := range fields {
		o = append(o, member{f, value(f)})
	}
	return []byte(text(x.object(o)))
}

var defaultUserFields = []string{
	"businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone",
	"officeLocation", "preferredLanguage", "surname", "userPrincipalName", "id",
}

// unlistable properties cannot be selected in a collection.
var unlistable = []string{"aboutMe", "birthday", "hireDate", "interests", "mySite", "mailboxSettings"}

// extraScope lists properties that need a permission of their own.
var extraScope = map[string]string{
	"employeeLeaveDateTime": "User-LifeCycleInfo.Read.All",
	"signInActivity":        "AuditLog.Read.All",
}

var userProps = map[string]func(render, *User) any{
	"id":                              func(x render, u *User) any { return x.id(u.ID) },
	"userPrincipalName":               func(x render, u *User) any { return u.shownUPN() },
	"displayName":                     func(x render, u *User) any { return u.DisplayName },
	"mail":                            func(x render, u *User) any { return null(u.Mail) },
	"accountEnabled":                  func(x render, u *User) any { return u.Enabled },
	"userType":                        func(x render, u *User) any { return null(u.Type) },
	"department":                      func(x render, u *User) any { return null(u.Department) },
	"jobTitle":                        func(x render, u *User) any { return null(u.JobTitle) },
	"companyName":                     func(x render, u *User) any { return null(u.Company) },
	"officeLocation":                  func(x render, u *User) any { return null(u.Office) },
	"country":                         func(x render, u *User) any { return null(u.Country) },
	"usageLocation":                   func(x render, u *User) any { return null(u.UsageLocation) },
	"employeeId":                      func(x render, u *User) any { return null(u.EmployeeID) },
	"employeeType":                    func(x render, u *User) any { return null(u.EmployeeType) },
	"employeeOrgData":                 userOrgData,
	"onPremisesExtensionAttributes":   userExtensions,
	"createdDateTime":                 func(x render, u *User) any { return stamped(u.Created) },
	"creationType":                    func(x render, u *User) any { return null(u.CreationType) },
	"externalUserState":               func(x render, u *User) any { return null(u.ExternalState) },
	"onPremisesImmutableId":           func(x render, u *User) any { return null(u.ImmutableID) },
	"deletedDateTime":                 func(x render, u *User) any { return stamped(u.Deleted) },
	"onPremisesSyncEnabled":           func(x render, u *User) any { return trueOrNull(u.Synced) },
	"assignedLicenses":                userLicenses,
	"assignedPlans":                   userPlans,
	"licenseAssignmentStates":         userStates,
	"signInActivity":                  userSignIn,
	"employeeLeaveDateTime":           nothing,
	"employeeHireDate":                nothing,
	"givenName":                       nothing,
	"surname":                         nothing,
	"mobilePhone":                     nothing,
	"preferredLanguage":               nothing,
	"city":                            nothing,
	"onPremisesDistinguishedName":     nothing,
	"onPremisesSamAccountName":        nothing,
	"onPremisesLastSyncDateTime":      nothing,
	"externalUserStateChangeDateTime": nothing,
	"lastPasswordChangeDateTime":      nothing,
	"businessPhones":                  func(render, *User) any { return []any{} },
	"proxyAddresses":                  func(render, *User) any { return []any{} },
	"provisionedPlans":                func(render, *User) any { return []any{} },
}

func nothing(render, *User) any { return nil }

func userOrgData(x render, u *User) any {
	if u.CostCenter == "" && u.Division == "" {
		return nil
	}
	return x.object(object{{"division", null(u.Division)}, {"costCenter", null(u.CostCenter)}})
}

func userExtensions(_ render, u *User) any {
	o := object{}
	for n := range 15 {
		name := fmt.Sprintf("extensionAttribute%d", n+1)
		o = append(o, member{name, null(u.Extensions[name])})
	}
	return o
}

func trueOrNull(b bool) any {
	if b {
		return true
	}
	return nil
}

func userFields() []string { return sortedKeys(userProps) }

// shownUPN is mangled once the user is deleted.
func (u *User) shownUPN() string {
	if u.Deleted.IsZero() {
		return u.UPN
	}
	return mangledUPN(u)
}

func userLicenses(x render, u *User) any {
	held, out := union(u.Licenses), []any{}
	for _, sku := range sortedKeys(held) {
		out = append(out, x.object(object{{"skuId", x.id(sku)}, {"disabledPlans", x.ids(held[sku])}}))
	}
	return x.mixed(out)
}

func userStates(x render, u *User) any {
	out := []any{}
	if u.StatesLost {
		return out
	}
	for _, l := range u.Licenses {
		out = append(out, x.object(object{
			{"skuId", x.id(l.SKU)}, {"disabledPlans", x.ids(l.Disabled)}, {"assignedByGroup", x.id(l.Group)},
			{"state", l.State}, {"error", x.noError(l.Error)}, {"lastUpdatedDateTime", stamped(l.Updated)},
		}))
	}
	return x.mixed(out)
}

// noError writes the absence of an error in one of the three ways seen.
func (x render) noError(s string) any {
	switch {
	case s != "":
		return s
	case x.tidy:
		return "None"
	}
	return pick(x.r, []any{nil, "", "None"})
}

func userPlans(x render, u *User) any {
	out := []any{}
	for _, p := range u.Plans {
		out = append(out, x.object(object{
			{"assignedDateTime", stamped(p.Assigned)}, {"capabilityStatus", p.Status},
			{"service", p.Service}, {"servicePlanId", x.id(p.ID)},
		}))
	}
	return x.mixed(out)
}

// userSignIn writes "never" in one of the ways seen.
func userSignIn(x render, u *User) any {
	if u.LastSignIn.IsZero() && u.LastSuccess.IsZero() && !x.tidy && x.r.IntN(2) == 0 {
		return nil
	}
	return x.object(object{
		{"lastSignInDateTime", x.signIn(u.LastSignIn)}, {"lastSignInRequestId", ""},
		{"lastNonInteractiveSignInDateTime", x.signIn(u.LastSilent)}, {"lastNonInteractiveSignInRequestId", ""},
		{"lastSuccessfulSignInDateTime", x.signIn(u.LastSuccess)}, {"lastSuccessfulSignInRequestId", ""},
	})
}

func (x render) signIn(at time.Time) any {
	if at.IsZero() && (x.tidy || x.r.IntN(2) == 0) {
		return "0001-01-01T00:00:00Z"
	}
	return stamped(at)
}

func (x render) user(u *User, fields []string) []byte {
	if x.marked && u.Agent {
		typed := append([]string{"@odata.type"}, fields...)
		return x.row(typed, func(f string) any {
			if f == "@odata.type" {
				return "#microsoft.graph.agentUser"
			}
			return userProps[f](x, u)
		})
	}
	return x.row(fields, func(f string) any { return userProps[f](x, u) })
}

const literal = `'((?:[^']|'')*)'`

var userForms = []clause{
	{form: regexp.MustCompile(`^assignedLicenses/any\(\w+:\w+/skuId eq ([0-9a-fA-F-]{36})\)$`),
		test: func(x any, m []string) bool { return x.(*User).Holds(strings.ToLower(m[1])) }},
	{form: regexp.MustCompile(`^assignedLicenses/\$count (eq|ne) 0$`), advanced: true,
		test: func(x any, m []string) bool { return (len(union(x.(*User).Licenses)) == 0) == (m[1] == "eq") }},
	{form: regexp.MustCompile(`^accountEnabled eq (true|false)$`),
		test: func(x any, m []string) bool { return fmt.Sprint(x.(*User).Enabled) == m[1] }},
	{form: regexp.MustCompile(`^(id|userPrincipalName|displayName|mail|department|userType|companyName|usageLocation|employeeId|employeeType|jobTitle) eq ` + literal + `$`),
		test: func(x any, m []string) bool { return strings.EqualFold(userText(x, m[1]), m[2]) }},
	{form: regexp.MustCompile(`^id in \('([0-9a-fA-F-]{36}'(?:,'[0-9a-fA-F-]{36}'){0,14})\)$`),
		test: func(x any, m []string) bool { return strings.Contains(strings.ToLower(m[1]), x.(*User).ID) }},
	{form: regexp.MustCompile(`^(department|userType|companyName|usageLocation|employeeType|jobTitle) ne ` + literal + `$`), advanced: true,
		test: func(x any, m []string) bool { return !strings.EqualFold(userText(x, m[1]), m[2]) }},
}

// createdForms are the filters on createdDateTime that the service documents: eq, ge
// and le work by default, ne with the parameters of advanced queries only; there is no
// lt and no gt. A user without the property fits none of the first three.
var createdForms = []clause{
	{form: regexp.MustCompile(`^createdDateTime (ge|le|eq) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z)$`), test: userCreated},
	{form: regexp.MustCompile(`^createdDateTime ne null$`), advanced: true,
		test: func(x any, _ []string) bool { return !x.(*User).Created.IsZero() }},
}

// withoutCreated is the test for null. Tests for null are advanced queries, see
// [WithPlainNulls].
func withoutCreated(plain bool) clause {
	return clause{form: regexp.MustCompile(`^createdDateTime eq null$`), advanced: !plain,
		test: func(x any, _ []string) bool { return x.(*User).Created.IsZero() }}
}

// userCreated compares the time as it is kept: what a row shows has no fractions of
// seconds.
func userCreated(x any, m []string) bool {
	bound, ok := parseTime(m[2])
	at := x.(*User).Created
	switch {
	case !ok || at.IsZero():
		return false
	case m[1] == "ge":
		return !at.Before(bound)
	case m[1] == "le":
		return !at.After(bound)
	}
	return at.Equal(bound)
}

func userText(x any, field string) string {
	s, _ := userProps[field](render{tidy: true}, x.(*User)).(string)
	return s
}

func userFilter(c *call, filter string) (func(any) bool, *apiError) {
	forms := slices.Concat(createdForms, []clause{withoutCreated(c.s.cfg.plainNulls)})
	if !c.s.t.isBig() { // which is asked for ranges of numbers only
		forms = append(forms, userForms...)
	}
	return compile(c, filter, forms, unsupportedFilter)
}

func (t *Tenant) isBig() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.big != nil
}

func (c *call) matches(x any) bool { return c.match == nil || c.match(x) }

// listUsers makes one page of users. Nothing is remembered between pages but
// the last id, so that users may come and go.
func listUsers(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.big != nil {
		return c.bigPage(), nil
	}
	order, users := c.people()
	a := c.userPage("users", order, users)
	if c.match != nil && !c.s.cfg.tidy { // no page says in which order a filter finds them
		c.s.draw.r.Shuffle(len(a.rows), func(i, j int) { a.rows[i], a.rows[j] = a.rows[j], a.rows[i] })
	}
	return a, nil
}

// people are the users that a query looks among. An advanced query is answered from an
// index of its own, see [Tenant.FreezeIndex].
func (c *call) people() ([]string, map[string]*User) {
	if t := c.s.t; !c.advanced || t.index == nil {
		return t.order, t.users
	}
	return sortedKeys(c.s.t.index), c.s.t.index
}

// FreezeIndex has the index that advanced queries are answered from stay as it is: they
// do not see what happens from now on, until [Tenant.RefreshIndex].
func (t *Tenant) FreezeIndex() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.index = make(map[string]*User, len(t.users))
	for id, u := range t.users {
		t.index[id] = u.clone()
	}
}

// RefreshIndex has the index catch up.
func (t *Tenant) RefreshIndex() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.index = nil
}

func listDeleted(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	return c.userPage("directoryObjects", sortedKeys(t.deleted), t.deleted), nil
}

func (c *call) userPage(set string, order []string, users map[string]*User) *answer {
	a := c.collection(set)
	if c.Query.Get("$count") == "true" && c.Page == 1 {
		n := 0
		for _, id := range order {
			if c.matches(users[id]) {
				n++
			}
		}
		a.count = n
	}
	start := sort.SearchStrings(order, c.cursor.after)
	if start < len(order) && order[start] == c.cursor.after {
		start++
	}
	for _, id := range order[start:] {
		if u := users[id]; c.matches(u) && !a.add(id, func() []byte { return c.s.draw.user(u, c.fields) }) {
			break
		}
	}
	return a
}

func (c *call) bigPage() *answer {
	b := *c.s.t.big // as it is now: the rows are made without the lock
	a := c.collection("users")
	first, last := c.chosen()
	start, err := strconv.Atoi(c.cursor.after)
	if err != nil {
		start = first - 1
	}
	end := min(start+1+a.limit, last)
	if a.more = end < last; a.more {
		a.keys = []string{strconv.Itoa(end - 1)}
	}
	a.later = b.rows(start+1, end, c.fields)
	if c.Query.Get("$count") == "true" && c.Page == 1 {
		a.count = last - first
	}
	return a
}

func countUsers(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	if t.big != nil {
		from, to := c.chosen()
		n = to - from
	}
	_, users := c.people()
	for _, u := range users {
		if t.big == nil && c.matches(u) {
			n++
		}
	}
	return &answer{status: http.StatusOK, contentType: "text/plain", body: []byte(strconv.Itoa(n))}, nil
}

func oneUser(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	key := strings.ToLower(c.path[1])
	u := t.users[key]
	if u == nil {
		i := slices.IndexFunc(t.order, func(id string) bool { return strings.EqualFold(t.users[id].UPN, key) })
		if i < 0 {
			return nil, missing(c.path[1])
		}
		u = t.users[t.order[i]]
	}
	return c.single("users", c.s.draw.user(u, c.fields)), nil
}

func missing(id string) *apiError {
	return fail(http.StatusNotFound, "Request_ResourceNotFound", "Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)
}
