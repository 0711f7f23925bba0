package graphtest

import (
	"fmt"
	"net/http"
	"regexp"
	"sort"
	"strings"
	"time"
)

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
