package graphtest

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

var searchScopes = []string{"AuditLogsQuery-Entra.Read.All", "AuditLogsQuery.Read.All"}

// searchConfig is how Purview audit searches behave.
type searchConfig struct {
	latency  time.Duration
	looks    int // how often a search is looked at before it has ended
	limit    int // records a search returns
	unstable int // readings that leave rows out
	fates    []string
}

// WithUnifiedLatency lets events get into the unified audit log so much later
// than into Graph's.
func WithUnifiedLatency(d time.Duration) Option { return func(c *config) { c.search.latency = d } }

// WithSearchLimit bounds the records that a search returns. One with more says
// so, and has succeeded all the same.
func WithSearchLimit(records int) Option { return func(c *config) { c.search.limit = records } }

// WithUnstableSearches leaves rows out of the first readings of a search, other
// ones each time.
func WithUnstableSearches(readings int) Option {
	return func(c *config) { c.search.unstable = readings }
}

// WithSearchFates says how the first searches end: succeeded, failed, cancelled,
// or running for one that never does.
func WithSearchFates(fates ...string) Option { return func(c *config) { c.search.fates = fates } }

// search is a search of the unified audit log.
type search struct {
	id, name   string
	from, to   time.Time
	operations []string
	created    time.Time
	looks      int
	readings   int
	fate       string
	found      []*Event // once it has ended
	exceeded   bool
}

// EndSearches lets searches that would run for ever succeed.
func (s *Server) EndSearches() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.searches {
		x.fate = "succeeded"
	}
}

// Fates says how searches end from now on; see [WithSearchFates]. It counts from
// the first that was ever started.
func (s *Server) Fates(fates ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.search.fates = fates
}

// Searches returns how many searches were started.
func (s *Server) Searches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.searches)
}

// searchBody is the documented body of a new search.
type searchBody struct {
	Type           string   `json:"@odata.type"`
	DisplayName    string   `json:"displayName"`
	Start          string   `json:"filterStartDateTime"`
	End            string   `json:"filterEndDateTime"`
	RecordTypes    []string `json:"recordTypeFilters"`
	Keyword        string   `json:"keywordFilter"`
	Services       []string `json:"serviceFilters"`
	Operations     []string `json:"operationFilters"`
	PrincipalNames []string `json:"userPrincipalNameFilters"`
	Addresses      []string `json:"ipAddressFilters"`
	Objects        []string `json:"objectIdFilters"`
	Units          []string `json:"administrativeUnitIdFilters"`
}

func startSearch(c *call) (*answer, *apiError) {
	if c.Method == http.MethodGet {
		return listSearches(c)
	}
	if !strings.HasPrefix(c.Header.Get("Content-Type"), "application/json") {
		return nil, fail(http.StatusUnsupportedMediaType, "RequestBodyRead", "A Content-Type of application/json is needed.")
	}
	raw, err := io.ReadAll(io.LimitReader(c.http.Body, 1<<20))
	var b searchBody
	if err == nil {
		err = json.Unmarshal(raw, &b, json.RejectUnknownMembers(true))
	}
	from, okFrom := parseTime(b.Start)
	to, okTo := parseTime(b.End)
	wrongType := slices.ContainsFunc(b.RecordTypes, func(x string) bool { return x != "azureActiveDirectory" })
	if err != nil || !okFrom || !okTo || !from.Before(to) || wrongType {
		return nil, fail(http.StatusBadRequest, "BadRequest", "The search is not valid: %v", err)
	}
	s := c.s
	now := s.t.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	x := &search{
		id: guid(s.rng.Uint64(), s.rng.Uint64()), name: b.DisplayName, from: from, to: to, operations: b.Operations,
		created: now, fate: "succeeded",
	}
	if n := len(s.searches); n < len(s.cfg.search.fates) {
		x.fate = s.cfg.search.fates[n]
	}
	s.searches = append(s.searches, x)
	a := c.single("security/auditLog/queries", x.object("notStarted"))
	a.status = http.StatusCreated
	return a, nil
}

// listSearches shows all that were started, on one page. Query options are not
// named in the documentation, and none is taken.
func listSearches(c *call) (*answer, *apiError) {
	a := c.collection("security/auditLog/queries")
	a.limit = math.MaxInt
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for _, x := range c.s.searches {
		a.add(x.id, func() []byte { return x.object(x.status()) })
	}
	return a, nil
}

func (x *search) object(status string) []byte {
	o := object{
		{"id", x.id}, {"displayName", x.name}, {"filterStartDateTime", stamped(x.from)}, {"filterEndDateTime", stamped(x.to)},
		{"recordTypeFilters", []string{"azureActiveDirectory"}}, {"keywordFilter", nil}, {"operationFilters", x.operations},
		{"status", status}, {"recordCountLimit", nil}, {"approximateReturnedRecordCount", nil}, {"isRecordCountLimitExceeded", nil},
	}
	if status == "succeeded" {
		o = append(o[:len(o)-2], member{"approximateReturnedRecordCount", len(x.found) + 1}, member{"isRecordCountLimitExceeded", x.exceeded})
	}
	return []byte(text(o))
}

// find takes the search of the path one step further with every look.
func (c *call) findSearch(look bool) (*search, *apiError) {
	id := c.path[3]
	s := c.s
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.searches, func(x *search) bool { return x.id == id })
	if i < 0 {
		return nil, fail(http.StatusNotFound, "UnknownError", "The search was not found.")
	}
	x := s.searches[i]
	if look {
		x.looks++
	}
	if x.looks >= max(s.cfg.search.looks, 2) && x.found == nil && x.fate == "succeeded" {
		s.conclude(x)
	}
	return x, nil
}

// conclude finds what the log had when the search was started.
func (s *Server) conclude(x *search) {
	x.found = []*Event{}
	for _, e := range s.t.events {
		at := e.second()
		if at.Before(x.from) || !at.Before(x.to) || !s.inUnified(e, x.created) || len(x.operations) > 0 && !slices.Contains(x.operations, e.Activity+".") {
			continue
		}
		x.found = append(x.found, e)
	}
	if limit := s.cfg.search.limit; limit > 0 && len(x.found) > limit {
		x.found, x.exceeded = x.found[:limit], true
	}
}

func (x *search) status() string {
	switch {
	case x.found != nil:
		return "succeeded"
	case x.looks < 2:
		return "notStarted"
	case x.fate == "failed" || x.fate == "cancelled":
		return x.fate
	}
	return "running"
}

func oneSearch(c *call) (*answer, *apiError) {
	x, err := c.findSearch(true)
	if err != nil {
		return nil, err
	}
	return c.single("security/auditLog/queries", x.object(x.status())), nil
}

// listSearchRecords makes one page of a reading. Before the search has ended
// there is nothing, and no word of that.
func listSearchRecords(c *call) (*answer, *apiError) {
	x, err := c.findSearch(false)
	if err != nil {
		return nil, err
	}
	s := c.s
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	s.mu.Lock()
	reading, start := x.readings, 0
	if c.cursor.after == "" {
		x.readings++
		reading = x.readings
	} else {
		_, _ = fmt.Sscanf(c.cursor.after, "%d:%d", &reading, &start)
		start++
	}
	s.mu.Unlock()
	a := c.collection("security/auditLog/queries('" + x.id + "')/records")
	for i := start; i < len(x.found); i++ {
		if reading <= s.cfg.search.unstable && (i+reading)%3 == 0 {
			continue
		}
		row := func() []byte { return s.searchRecord(x.found[i]) }
		if !a.add(fmt.Sprintf("%d:%d", reading, i), row) {
			break
		}
	}
	if s.cfg.vary && start > 0 && len(a.rows) > 0 { // rows come twice
		a.rows = append(a.rows, s.searchRecord(x.found[start-1]))
		a.keys = append(a.keys, a.keys[len(a.keys)-1])
	}
	return a, nil
}

// searchRecord is the event as a search shows it: the record of the unified
// audit log, with some of its members beside it.
func (s *Server) searchRecord(e *Event) []byte {
	by := e.by.unified(s.t, e.appName())
	outer := text(object{
		{"id", e.unifiedID()}, {"createdDateTime", stamped(e.second())}, {"auditLogRecordType", "azureActiveDirectory"},
		{"operation", e.Activity + "."}, {"organizationId", s.t.ID}, {"userType", "regular"}, {"userId", by.id},
		{"service", "AzureActiveDirectory"}, {"objectId", e.objectID()}, {"userPrincipalName", by.id},
		{"clientIp", nil}, {"administrativeUnits", []string{""}},
	})
	data := `,"auditData":{"@odata.type":"#microsoft.graph.security.defaultAuditData",` + string(s.unifiedText(e)[1:]) + "}"
	return []byte(strings.TrimSuffix(outer, "}") + data)
}
