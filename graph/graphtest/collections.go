package graphtest

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"sort"
	"strings"
	"time"
)

var (
	skuFields = []string{
		"id", "accountId", "accountName", "skuId", "skuPartNumber", "appliesTo", "capabilityStatus",
		"consumedUnits", "prepaidUnits", "servicePlans", "subscriptionIds",
	}
	subscriptionFields = []string{
		"id", "commerceSubscriptionId", "createdDateTime", "isTrial", "nextLifecycleDateTime", "ownerId",
		"ownerTenantId", "ownerType", "serviceStatus", "skuId", "skuPartNumber", "status", "totalLicenses",
	}
	organizationFields = []string{"id", "displayName", "assignedPlans", "countryLetterCode", "verifiedDomains"}
	defaultGroupFields = []string{
		"id", "displayName", "description", "createdDateTime", "deletedDateTime", "groupTypes", "mail",
		"mailEnabled", "mailNickname", "membershipRule", "membershipRuleProcessingState",
		"onPremisesSyncEnabled", "securityEnabled", "visibility",
	}
)

func listSKUs(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	a := c.collection("subscribedSkus")
	a.limit = math.MaxInt
	for _, s := range t.skus {
		a.add(s.ID, func() []byte { return c.s.draw.sku(s, c.fields) })
	}
	return a, nil
}

func (x render) sku(s *SKU, fields []string) []byte {
	plans, subs := []any{}, []any{}
	for _, p := range s.Plans {
		plans = append(plans, x.object(object{
			{"servicePlanId", x.id(p.ID)}, {"servicePlanName", p.Name}, {"provisioningStatus", "Success"}, {"appliesTo", "User"},
		}))
	}
	for _, sub := range s.Subscriptions {
		subs = append(subs, sub.ID)
	}
	values := map[string]any{
		"id": x.t.ID + "_" + s.ID, "accountId": x.t.ID, "accountName": strings.ToLower(x.t.Name), "skuId": x.id(s.ID),
		"skuPartNumber": s.PartNumber, "appliesTo": s.AppliesTo, "capabilityStatus": s.Status,
		"consumedUnits": s.consumed, "servicePlans": x.mixed(plans), "subscriptionIds": x.mixed(subs),
		"prepaidUnits": x.object(object{{"enabled", s.Enabled}, {"warning", s.Warning}, {"suspended", s.Suspended}, {"lockedOut", s.LockedOut}}),
	}
	return x.row(fields, func(f string) any { return values[f] })
}

func listSubscriptions(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	a := c.collection("directory/subscriptions")
	a.limit = math.MaxInt
	for _, s := range t.skus {
		for _, sub := range s.Subscriptions {
			a.add(sub.ID, func() []byte { return c.s.draw.subscription(s, sub, c.fields) })
		}
	}
	return a, nil
}

func (x render) subscription(s *SKU, sub Subscription, fields []string) []byte {
	ends := sub.Ends
	if ends.IsZero() {
		ends = Epoch.AddDate(1, 0, 0)
	}
	values := map[string]any{
		"id": sub.ID, "commerceSubscriptionId": sub.CommerceID, "createdDateTime": stamped(Epoch.AddDate(-1, 0, 0)),
		"isTrial": sub.Trial, "nextLifecycleDateTime": stamped(ends), "ownerId": nil,
		"ownerTenantId": nil, "ownerType": nil, "serviceStatus": []any{}, "skuId": x.id(s.ID),
		"skuPartNumber": s.PartNumber, "status": sub.Status, "totalLicenses": sub.Seats,
	}
	return x.row(fields, func(f string) any { return values[f] })
}

func listOrganization(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	a := c.collection("organization")
	a.limit = math.MaxInt
	plans := []any{object{
		{"assignedDateTime", stamped(Epoch.AddDate(-1, 0, 0))}, {"capabilityStatus", "Enabled"},
		{"service", "exchange"}, {"servicePlanId", PlanID("EXCHANGE_S_FOUNDATION")},
	}}
	if t.Premium {
		plans = append(plans, object{
			{"assignedDateTime", stamped(Epoch.AddDate(-1, 0, 0))}, {"capabilityStatus", "Enabled"},
			{"service", "AADPremiumService"}, {"servicePlanId", PlanAADPremium},
		})
	}
	values := map[string]any{
		"id": t.ID, "displayName": t.Name, "assignedPlans": c.s.draw.mixed(plans), "countryLetterCode": "US",
		"verifiedDomains": []any{object{{"name", t.Domain}, {"isDefault", true}}},
	}
	a.add(t.ID, func() []byte { return c.s.draw.row(c.fields, func(f string) any { return values[f] }) })
	return a, nil
}

var groupProps = map[string]func(render, *Group) any{
	"id":                            func(x render, g *Group) any { return x.id(g.ID) },
	"displayName":                   func(_ render, g *Group) any { return g.Name },
	"description":                   func(render, *Group) any { return nil },
	"createdDateTime":               func(_ render, g *Group) any { return stamped(g.Created) },
	"deletedDateTime":               func(render, *Group) any { return nil },
	"groupTypes":                    groupTypes,
	"mail":                          func(render, *Group) any { return nil },
	"mailEnabled":                   func(render, *Group) any { return false },
	"mailNickname":                  func(_ render, g *Group) any { return g.ID[:8] },
	"membershipRule":                membershipRule,
	"membershipRuleProcessingState": ruleState,
	"onPremisesSyncEnabled":         func(_ render, g *Group) any { return trueOrNull(g.Synced) },
	"securityEnabled":               func(render, *Group) any { return true },
	"visibility":                    func(render, *Group) any { return nil },
	"isAssignableToRole":            func(render, *Group) any { return nil },
	"assignedLicenses":              groupLicenses,
	"licenseProcessingState":        processingState,
}

func groupFields() []string { return sortedKeys(groupProps) }

func groupTypes(_ render, g *Group) any {
	if g.Department == "" {
		return []any{}
	}
	return []any{"DynamicMembership"}
}

func membershipRule(_ render, g *Group) any {
	if g.Department == "" {
		return nil
	}
	return fmt.Sprintf("(user.department -eq %q)", g.Department)
}

func ruleState(_ render, g *Group) any {
	if g.Department == "" {
		return nil
	}
	return "On"
}

func processingState(_ render, g *Group) any {
	if len(g.Licenses) == 0 {
		return nil
	}
	return object{{"state", "ProcessingComplete"}}
}

func groupLicenses(x render, g *Group) any {
	out := []any{}
	for _, sku := range sortedKeys(g.Licenses) {
		out = append(out, x.object(object{{"skuId", x.id(sku)}, {"disabledPlans", x.ids(g.Licenses[sku])}}))
	}
	return x.mixed(out)
}

func (x render) group(g *Group, fields []string) []byte {
	return x.row(fields, func(f string) any { return groupProps[f](x, g) })
}

var groupForms = []clause{
	{form: regexp.MustCompile(`^assignedLicenses/any\(\w+:\w+/skuId eq ([0-9a-fA-F-]{36})\)$`),
		test: func(x any, m []string) bool {
			_, ok := x.(*Group).Licenses[strings.ToLower(m[1])]
			return ok
		}},
	{form: regexp.MustCompile(`^assignedLicenses/\$count (eq|ne) 0$`), advanced: true,
		test: func(x any, m []string) bool { return (len(x.(*Group).Licenses) == 0) == (m[1] == "eq") }},
	{form: regexp.MustCompile(`^displayName eq ` + literal + `$`),
		test: func(x any, m []string) bool { return strings.EqualFold(x.(*Group).Name, m[1]) }},
	{form: regexp.MustCompile(`^id eq ` + literal + `$`),
		test: func(x any, m []string) bool { return strings.EqualFold(x.(*Group).ID, m[1]) }},
}

func groupFilter(c *call, filter string) (func(any) bool, *apiError) {
	return compile(c, filter, groupForms, unsupportedFilter)
}

func listGroups(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	a := c.collection("groups")
	matching := map[string]*Group{}
	for id, g := range t.groups {
		if !g.hidden && c.matches(g) {
			matching[id] = g
		}
	}
	if c.Query.Get("$count") == "true" && c.Page == 1 {
		a.count = len(matching)
	}
	for _, id := range sortedKeys(matching) {
		if id > c.cursor.after && !a.add(id, func() []byte { return c.s.draw.group(matching[id], c.fields) }) {
			break
		}
	}
	return a, nil
}

func oneGroup(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[strings.ToLower(c.path[1])]
	if g == nil || g.hidden {
		return nil, missing(c.path[1])
	}
	return c.single("groups", c.s.draw.group(g, c.fields)), nil
}

var auditForms = []clause{
	{form: regexp.MustCompile(`^activityDateTime (ge|le|eq) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z)$`), test: auditTime},
	{form: regexp.MustCompile(`^(activityDisplayName|correlationId|loggedByService) eq ` + literal + `$`),
		test: func(x any, m []string) bool { return x.(*Event).field(m[1]) == m[2] }},
	{form: regexp.MustCompile(`^startswith\(activityDisplayName,\s*` + literal + `\)$`),
		test: func(x any, m []string) bool { return strings.HasPrefix(x.(*Event).Activity, m[1]) }},
	{form: regexp.MustCompile(`^initiatedBy/(user)/(id|displayName|userPrincipalName) eq ` + literal + `$`), test: auditActor},
	{form: regexp.MustCompile(`^initiatedBy/(app)/(appId|displayName) eq ` + literal + `$`), test: auditActor},
	{form: regexp.MustCompile(`^startswith\(initiatedBy/user/userPrincipalName,\s*` + literal + `\)$`),
		test: func(x any, m []string) bool {
			upn, ok := x.(*Event).actor("user", "userPrincipalName")
			return ok && strings.HasPrefix(upn, m[1])
		}},
	{form: regexp.MustCompile(`^targetResources/any\(\s*\w+:\s*\w+/(id|displayName) eq ` + literal + `\)$`),
		test: func(x any, m []string) bool {
			return x.(*Event).aims(func(g target) bool { return g.text(m[1]) == m[2] })
		}},
	{form: regexp.MustCompile(`^targetResources/any\(\s*\w+:\s*startswith\(\w+/displayName,\s*` + literal + `\)\)$`),
		test: func(x any, m []string) bool {
			return x.(*Event).aims(func(g target) bool { return strings.HasPrefix(g.name, m[1]) })
		}},
}

func auditFilter(c *call, filter string) (func(any) bool, *apiError) {
	return compile(c, filter, auditForms, func(string) *apiError {
		return fail(http.StatusBadRequest, "BadRequest", "Invalid filter clause")
	})
}

func auditTime(x any, m []string) bool {
	bound, ok := parseTime(m[2])
	at := x.(*Event).shownAt()
	switch {
	case !ok:
		return false
	case m[1] == "ge":
		return !at.Before(bound)
	case m[1] == "le":
		return !at.After(bound)
	}
	return at.Equal(bound)
}

func auditActor(x any, m []string) bool {
	v, ok := x.(*Event).actor(m[1], m[2])
	return ok && v == m[3]
}

// shownAt is the event's time with the precision it is served in.
func (e *Event) shownAt() time.Time {
	if e.zulu {
		return e.At.Truncate(time.Microsecond)
	}
	return e.At.Truncate(100 * time.Nanosecond)
}

func (e *Event) field(name string) string {
	switch name {
	case "activityDisplayName":
		return e.Activity
	case "correlationId":
		return e.Correlation
	}
	return "Core Directory"
}

func (e *Event) actor(kind, field string) (string, bool) {
	o := e.app
	if kind == "user" {
		o = e.user
	}
	for _, m := range o {
		if m.name == field {
			s, ok := m.value.(string)
			return s, ok
		}
	}
	return "", false
}

func (e *Event) aims(test func(target) bool) bool {
	for _, x := range e.targets {
		if test(x) {
			return true
		}
	}
	return false
}

func (x target) text(field string) string {
	if field == "id" {
		return x.id
	}
	return x.name
}

// retention is how long the audit log keeps events.
func (t *Tenant) retention() time.Duration {
	if t.Premium {
		return 30 * 24 * time.Hour
	}
	return 7 * 24 * time.Hour
}

func (e *Event) key() string { return fmt.Sprintf("%020d.%09d", e.At.UnixNano(), e.serial) }

// listAudits makes one page of the events that are visible by now.
func listAudits(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	a := c.collection("auditLogs/directoryAudits")
	oldest := t.now.Add(-t.retention())
	first := sort.Search(len(t.events), func(i int) bool { return !t.events[i].At.Before(oldest) })
	events := t.events[first:]
	for i := range events {
		e := events[i]
		if c.desc {
			e = events[len(events)-1-i]
		}
		if e.Visible.After(t.now) || c.cursor.after != "" && (e.key() > c.cursor.after) == c.desc || e.key() == c.cursor.after || !c.matches(e) {
			continue
		}
		if !a.add(e.key(), func() []byte { return []byte(text(c.s.draw.event(e))) }) {
			break
		}
	}
	return a, nil
}

func (x render) event(e *Event) object {
	o := e.object()
	if x.tidy {
		return o
	}
	for _, m := range o {
		if list, ok := m.value.([]any); ok && m.name == "additionalDetails" {
			x.mixed(list)
		}
	}
	return o.shuffled(x.r)
}
