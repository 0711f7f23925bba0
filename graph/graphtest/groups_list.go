package graphtest

import (
	"fmt"
	"regexp"
	"strings"
)

var defaultGroupFields = []string{
	"id", "displayName", "description", "createdDateTime", "deletedDateTime", "groupTypes", "mail",
	"mailEnabled", "mailNickname", "membershipRule", "membershipRuleProcessingState",
	"onPremisesSyncEnabled", "securityEnabled", "visibility",
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
