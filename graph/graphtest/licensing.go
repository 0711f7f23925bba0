package graphtest

import (
	"encoding/base32"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// LicensingWorld is how a tenant's Graph offers the cloud licensing API.
type LicensingWorld string

const (
	// LicensingOffered: as the pages of microsoft.graph.cloudLicensing have it.
	LicensingOffered LicensingWorld = ""
	// LicensingUnknown: Graph does not know the segment, and answers 400.
	LicensingUnknown LicensingWorld = "unknown"
	// LicensingMissing: the tenant has none, which is 404.
	LicensingMissing LicensingWorld = "missing"
	// LicensingBare: allotments come without skuId, units and subscriptions, as the
	// examples of some pages do, and what is assigned to comes without its type.
	LicensingBare LicensingWorld = "bare"
	// LicensingCommerce: subscriptions go by their ids in the commerce system.
	LicensingCommerce LicensingWorld = "commerce"
	// LicensingEmpty: every list is empty, with status 200.
	LicensingEmpty LicensingWorld = "empty"
)

// The cloud licensing API, which only the beta has.
const (
	EndpointAllotments       Endpoint = "admin/cloudLicensing/allotments"
	EndpointAssignments      Endpoint = "admin/cloudLicensing/assignments"
	EndpointWaitingMembers   Endpoint = "admin/cloudLicensing/allotments/{id}/waitingMembers"
	EndpointAssignmentErrors Endpoint = "admin/cloudLicensing/assignmentErrors"
)

var licensingScopes = []string{"CloudLicensing.Read.All", "Directory.Read.All"}

// licensingEndpoints are strict about options: the pages name no others.
func licensingEndpoints() []*endpoint {
	var list []*endpoint
	for name, produce := range map[Endpoint]func(*call) (*answer, *apiError){
		EndpointAllotments: listAllotments, EndpointAssignments: listAllotmentAssignments,
		EndpointWaitingMembers: listWaitingMembers, EndpointAssignmentErrors: listAssignmentErrors,
	} {
		list = append(list, &endpoint{name: name, scopes: licensingScopes, maxTop: 999, options: []string{"$top", "$expand", "$skiptoken"}, produce: produce})
	}
	return list
}

// licensingName finds the endpoint of a path below /beta.
func licensingName(c *call, rest string) (Endpoint, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.Licensing {
	case LicensingUnknown:
		return "", fail(http.StatusBadRequest, "BadRequest", "Resource not found for the segment 'cloudLicensing'.")
	case LicensingMissing:
		return "", fail(http.StatusNotFound, "UnknownError", "")
	}
	if len(c.path) == 5 && c.path[2] == "allotments" && c.path[4] == "waitingMembers" {
		return EndpointWaitingMembers, nil
	}
	return Endpoint(rest), nil
}

// deviceSeat is a license that a device holds.
type deviceSeat struct{ device, allotment string }

// drawKey is a direct license of a user, or one that a group gives.
type drawKey struct{ holder, sku string }

// allotmentID makes the opaque id of the allotment that a subscription backs.
func allotmentID(subscription string) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(subscription)))
}

// AllotmentOf is the id of the allotment that the n-th subscription of a SKU backs.
func (t *Tenant) AllotmentOf(sku string, n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return allotmentID(t.sku(sku).Subscriptions[n].ID)
}

// Draw has the licenses that a user holds directly, or that a group gives, draw on
// the n-th subscription of the SKU. They draw on the first unless told otherwise.
func (t *Tenant) Draw(holder, sku string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draws == nil {
		t.draws = map[drawKey]string{}
	}
	t.draws[drawKey{holder, sku}] = allotmentID(t.sku(sku).Subscriptions[n].ID)
}

// AssignDevice gives a device a license of the n-th subscription of the SKU.
func (t *Tenant) AssignDevice(sku string, n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := deviceSeat{t.guid(), allotmentID(t.sku(sku).Subscriptions[n].ID)}
	t.devices = append(t.devices, d)
	return d.device
}

// MisstateAllotted has every allotment show so many licenses more than were bought.
func (t *Tenant) MisstateAllotted(more int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allottedOff = more
}

func (t *Tenant) drawn(holder string, s *SKU) string {
	if a, ok := t.draws[drawKey{holder, s.ID}]; ok {
		return a
	}
	if len(s.Subscriptions) == 0 {
		return ""
	}
	return allotmentID(s.Subscriptions[0].ID)
}

// Drawn lists, for each allotment, the users whose licenses draw on it, sorted.
func (t *Tenant) Drawn() map[string][]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.drawnUsers()
}

func (t *Tenant) drawnUsers() map[string][]string {
	users := map[string][]string{}
	for _, id := range t.order {
		for _, l := range t.users[id].Licenses {
			s := t.sku(l.SKU)
			if s == nil || l.State != "Active" {
				continue
			}
			holder := id
			if l.Group != "" {
				holder = l.Group
			}
			if a := t.drawn(holder, s); !slices.Contains(users[a], id) {
				users[a] = append(users[a], id)
			}
		}
	}
	return users
}

// page serves what sorts after the cursor.
func (c *call) licensingPage(set string, rows map[string]func() []byte) *answer {
	a := c.collection(set)
	if c.s.t.Licensing == LicensingEmpty {
		rows = nil
	}
	for _, id := range sortedKeys(rows) {
		if id > c.cursor.after && !a.add(id, rows[id]) {
			break
		}
	}
	return a
}

var allotmentStates = map[string]string{"Enabled": "active", "Warning": "warning", "Suspended": "suspended", "LockedOut": "lockedOut", "Deleted": "deleted"}

func listAllotments(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	users, rows := t.drawnUsers(), map[string]func() []byte{}
	for _, s := range t.skus {
		for _, sub := range s.Subscriptions {
			id := allotmentID(sub.ID)
			consumed := len(users[id])
			for _, d := range t.devices {
				if d.allotment == id {
					consumed++
				}
			}
			rows[id] = func() []byte { return c.s.draw.allotment(s, sub, consumed) }
		}
	}
	return c.licensingPage("admin/cloudLicensing/allotments", rows), nil
}

func (x render) allotment(s *SKU, sub Subscription, consumed int) []byte {
	o := object{{"@odata.type", "#microsoft.graph.cloudLicensing.allotment"}, {"id", allotmentID(sub.ID)}, {"assignableTo", "user,group,device"}, {"skuPartNumber", s.PartNumber}}
	if x.t.Licensing != LicensingBare {
		ends, tags := sub.Ends, "none"
		if ends.IsZero() {
			ends = Epoch.AddDate(1, 0, 0)
		}
		if sub.Trial {
			tags = "trial"
		}
		subscription := sub.ID
		if x.t.Licensing == LicensingCommerce {
			subscription = sub.CommerceID
		}
		o = append(o, member{"allottedUnits", sub.Seats + x.t.allottedOff}, member{"consumedUnits", consumed}, member{"skuId", x.id(s.ID)},
			member{"services", []any{}}, member{"subscriptions", []any{object{
				{"subscriptionId", subscription}, {"startDate", Epoch.AddDate(-1, 0, 0).Format(time.DateOnly)}, {"nextLifecycleDate", ends.Format(time.DateOnly)},
				{"state", allotmentStates[sub.Status]}, {"tags", tags},
			}}})
	}
	return []byte(text(x.object(o)))
}

// assignedTo is what an assignment belongs to, when it is expanded.
func (c *call) assignedTo(kind, id string) object {
	o := object{{"@odata.type", "#microsoft.graph." + kind}, {"id", c.s.draw.id(id)}}
	if c.s.t.Licensing == LicensingBare {
		o = o[1:]
	}
	if !nestedID.MatchString(c.Query.Get("$expand")) {
		o = append(o, member{"displayName", "Name of " + id})
	}
	return o
}

var nestedID = regexp.MustCompile(`assignedTo\(\$select=id\)`)

// expands reports whether a relationship is expanded.
func (c *call) expands(name string) bool {
	return regexp.MustCompile(`(^|,)` + name + `($|[,(])`).MatchString(c.Query.Get("$expand"))
}

func (c *call) licensingRow(typ, id, kind, holder string, more object) []byte {
	o := append(object{{"@odata.type", "#microsoft.graph.cloudLicensing." + typ}, {"id", id}}, more...)
	if c.expands("assignedTo") {
		o = append(o, member{"assignedTo", c.assignedTo(kind, holder)})
	}
	return []byte(text(c.s.draw.object(o)))
}

func listAllotmentAssignments(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := map[string]func() []byte{}
	add := func(kind, holder, allotment string) {
		id := allotment + "." + holder
		more := object{{"disabledServicePlanIds", []any{}}}
		if c.expands("allotment") && allotment != "" {
			more = append(more, member{"allotment", object{{"id", allotment}}})
		}
		rows[id] = func() []byte { return c.licensingRow("assignment", id, kind, holder, more) }
	}
	for _, id := range t.order {
		for _, l := range t.users[id].Licenses {
			if s := t.sku(l.SKU); l.Group == "" && s != nil {
				add("user", id, t.drawn(id, s))
			}
		}
	}
	for id, g := range t.groups {
		for sku := range g.Licenses {
			if s := t.sku(sku); s != nil {
				add("group", id, t.drawn(id, s))
			}
		}
	}
	for _, d := range t.devices {
		add("device", d.device, d.allotment)
	}
	return c.licensingPage("admin/cloudLicensing/assignments", rows), nil
}

// failedLicenses calls yield for every license that did not take effect.
func (t *Tenant) failedLicenses(yield func(u *User, l License, s *SKU)) {
	for _, id := range t.order {
		for _, l := range t.users[id].Licenses {
			if s := t.sku(l.SKU); s != nil && l.State == "Error" {
				yield(t.users[id], l, s)
			}
		}
	}
}

func listWaitingMembers(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	rows, known := map[string]func() []byte{}, false
	for _, s := range t.skus {
		for _, sub := range s.Subscriptions {
			known = known || allotmentID(sub.ID) == c.path[3]
		}
	}
	if !known {
		return nil, missing(c.path[3])
	}
	t.failedLicenses(func(u *User, l License, s *SKU) {
		holder := l.Group
		if holder == "" {
			holder = u.ID
		}
		if l.Error == "CountViolation" && t.drawn(holder, s) == c.path[3] {
			id := c.path[3] + "." + u.ID
			rows[id] = func() []byte {
				return c.licensingRow("waitingMember", id, "user", u.ID, object{{"waitingSinceDateTime", l.Updated.UTC().Format("2006-01-02T15:04:05.0000000+00:00")}})
			}
		}
	})
	return c.licensingPage("admin/cloudLicensing/allotments/waitingMembers", rows), nil
}

func listAssignmentErrors(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := map[string]func() []byte{}
	t.failedLicenses(func(u *User, l License, s *SKU) {
		if l.Error == "CountViolation" {
			return
		}
		id := u.ID + "." + s.ID
		rows[id] = func() []byte {
			return c.licensingRow("assignmentError", id, "user", u.ID, object{
				{"code", strings.TrimSuffix(l.Error, "Violation")}, {"message", "A service plan cannot be assigned without another one."},
				{"occurrenceDateTime", l.Updated.UTC().Format("2006-01-02T15:04:05.0000000+00:00")}, {"skuId", c.s.draw.id(s.ID)},
			})
		}
	})
	return c.licensingPage("admin/cloudLicensing/assignmentErrors", rows), nil
}
