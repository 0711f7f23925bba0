package graphtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ActivityToken is the bearer token that the Management Activity API accepts.
// Graph's is none.
const ActivityToken = "graphtest-activity-token"

const (
	feedType     = "Audit.AzureActiveDirectory"
	feedKept     = 7 * 24 * time.Hour
	feedWarmUp   = 12 * time.Hour // from the start of a subscription to its first content
	feedPageSize = 7              // blobs
	feedTime     = "2006-01-02T15:04:05"
)

type feedConfig struct{ running bool }

// WithRunningFeed has the subscription of the Management Activity API on since
// before the tenant's clock started.
func WithRunningFeed() Option { return func(c *config) { c.feed.running = true } }

// feed is the state of the subscription.
type feed struct {
	enabled bool
	since   time.Time
}

// StopFeed turns the subscription off, as somebody else might.
func (s *Server) StopFeed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feed.enabled = false
}

// StartActivity serves the Management Activity API, on a port of its own, and
// returns its root.
func (s *Server) StartActivity() (string, error) {
	root, err := s.listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, true) }))
	s.feedRoot = root
	s.cfg.authority.Know(root)
	return root, err
}

// feedEndpoints: what may be asked of the feed.
var feedEndpoints []*endpoint

func init() {
	feedEndpoints = []*endpoint{
		{name: EndpointFeedList, produce: listSubscribed},
		{name: EndpointFeedStart, produce: startFeed},
		{name: EndpointFeedContent, produce: listContent},
		{name: EndpointFeedBlob, produce: oneBlob},
	}
}

// admitActivity checks token, permission, tenant, route and parameters.
func (s *Server) admitActivity(c *call) (*endpoint, *apiError) {
	if !s.feedToken(c.Header.Get("Authorization")) {
		return nil, fail(http.StatusUnauthorized, "", "Authorization has been denied for this request.")
	}
	if !s.granted("ActivityFeed.Read") {
		return nil, fail(http.StatusUnauthorized, "AF10001", "The permission set () sent in the request does not include the expected permission ActivityFeed.Read.")
	}
	e, err := s.routeActivity(c)
	if err != nil {
		return nil, err
	}
	if want := map[bool]string{true: http.MethodPost, false: http.MethodGet}[e.name == EndpointFeedStart]; c.Method != want {
		return nil, fail(http.StatusMethodNotAllowed, "", "The requested resource does not support http method '%s'.", c.Method)
	}
	if c.Query.Get("PublisherIdentifier") == "" {
		return nil, fail(http.StatusBadRequest, "AF20001", "Missing parameter: PublisherIdentifier.")
	}
	if needs := e.name == EndpointFeedStart || e.name == EndpointFeedContent; needs && c.Query.Get("contentType") != feedType {
		return nil, fail(http.StatusBadRequest, "AF20020", "The specified content type is not valid.")
	}
	c.top = feedPageSize
	return e, c.parseToken(e)
}

func (s *Server) feedToken(header string) bool {
	token, bearer := strings.CutPrefix(header, "Bearer ")
	if s.cfg.authority != nil {
		return bearer && s.cfg.authority.refuse(token, s.feedRoot) == ""
	}
	return bearer && token == ActivityToken
}

func (s *Server) routeActivity(c *call) (*endpoint, *apiError) {
	rest, ok := strings.CutPrefix(c.Path, "/api/v1.0/")
	tenant, place, feed := strings.Cut(rest, "/activity/")
	if !ok || !feed {
		return nil, fail(http.StatusNotFound, "", "No HTTP resource was found that matches the request URI.")
	}
	if tenant != s.t.ID {
		return nil, fail(http.StatusBadRequest, "AF20010", "The tenant ID passed in the URL (%s) does not match the tenant ID passed in the access token (%s).", tenant, s.t.ID)
	}
	c.path = strings.Split(place, "/")
	name := Endpoint(place)
	if strings.HasPrefix(place, "feed/audit/") {
		name = EndpointFeedBlob
	}
	for _, e := range feedEndpoints {
		if e.name == name {
			s.mu.Lock()
			c.Endpoint = e.name
			s.mu.Unlock()
			return e, nil
		}
	}
	return nil, fail(http.StatusNotFound, "", "No HTTP resource was found that matches the request URI.")
}

func noSubscription() *apiError {
	return fail(http.StatusBadRequest, "AF20022", "No subscription found for the specified content type.")
}

func badWindow() *apiError {
	return fail(http.StatusBadRequest, "AF20055", "Start time and end time must both be specified (or both omitted) and must be less than or equal to 24 hours apart, with the start time no more than 7 days in the past.")
}

// array starts the answer of a list, which is bare.
func (c *call) array() *answer {
	a := c.collection("")
	a.bare, a.contentType = true, "application/json; charset=utf-8"
	return a
}

func listSubscribed(c *call) (*answer, *apiError) {
	a := c.array()
	a.limit = 100
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	row := func(kind, status string) []byte {
		return []byte(text(object{{"contentType", kind}, {"status", status}, {"webhook", nil}}))
	}
	a.add("a", func() []byte { return row("Audit.SharePoint", "enabled") })
	switch {
	case c.s.feed.enabled:
		a.add("b", func() []byte { return row(feedType, "enabled") })
	case c.s.cfg.feed.running: // it was on
		a.add("b", func() []byte { return row(feedType, "disabled") })
	}
	return a, nil
}

func startFeed(c *call) (*answer, *apiError) {
	now := c.s.t.Now()
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.feed.enabled {
		return nil, fail(http.StatusBadRequest, "AF20024", "The subscription is already enabled. No property change.")
	}
	c.s.feed = feed{enabled: true, since: now}
	body := []byte(text(object{{"contentType", feedType}, {"status", "enabled"}, {"webhook", nil}}))
	return &answer{status: http.StatusOK, contentType: "application/json", body: body}, nil
}

// blob is content of the feed: what became available in one hour.
type blob struct {
	id      string
	created time.Time
	signIn  bool // there is a record of a sign-in
	events  []*Event
}

// blobs cuts what is available by now into content. Records are in no order,
// and one of each hour is in two blobs.
func (s *Server) blobs(now, since time.Time) []blob {
	t := s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	byHour := map[time.Time][]*Event{}
	for _, e := range t.events {
		hour := s.unifiedAt(e).Truncate(time.Hour)
		if hour.After(now.Add(-feedKept - time.Hour)) {
			byHour[hour] = append(byHour[hour], e)
		}
	}
	var all []blob
	for hour := now.Add(-feedKept).Truncate(time.Hour); hour.Before(now); hour = hour.Add(time.Hour) {
		events, created := byHour[hour], hour.Add(time.Hour)
		if created.After(now) || created.Before(since) || len(events) == 0 && hour.Hour()%12 != 0 {
			continue
		}
		halves := [2]blob{}
		for i := range halves {
			halves[i].id = fmt.Sprintf("%s$%s$audit_azureactivedirectory$%d", hour.Format("20060102150405"), t.ID[:8], i)
			halves[i].created = created
		}
		halves[0].signIn = true
		for i, e := range events {
			halves[i%2].events = append(halves[i%2].events, e)
		}
		if len(events) > 0 {
			halves[1].events = append(halves[1].events, events[0])
		}
		for _, b := range halves {
			slices.Reverse(b.events)
			if b.signIn || len(b.events) > 0 {
				all = append(all, b)
			}
		}
	}
	return all
}

// available returns the content there is, or why there is none.
func (c *call) available() ([]blob, time.Time, *apiError) {
	now := c.s.t.Now()
	c.s.mu.Lock()
	feed := c.s.feed
	c.s.mu.Unlock()
	switch {
	case !feed.enabled:
		return nil, now, noSubscription()
	case now.Before(feed.since.Add(feedWarmUp)):
		return nil, now, nil
	}
	return c.s.blobs(now, feed.since), now, nil
}

func listContent(c *call) (*answer, *apiError) {
	all, now, err := c.available()
	if err != nil {
		return nil, err
	}
	from, errFrom := time.Parse(feedTime, c.Query.Get("startTime"))
	to, errTo := time.Parse(feedTime, c.Query.Get("endTime"))
	if errFrom != nil || errTo != nil || !from.Before(to) || to.Sub(from) > 24*time.Hour || now.Sub(from) > feedKept {
		return nil, badWindow()
	}
	a := c.array()
	for _, b := range all {
		if b.created.Before(from) || !b.created.Before(to) || b.id <= c.cursor.after {
			continue
		}
		row := func() []byte { return []byte(text(c.content(&b))) }
		if !a.add(b.id, row) {
			break
		}
	}
	return a, nil
}

func (c *call) content(b *blob) object {
	const layout = "2006-01-02T15:04:05.000Z"
	return object{
		{"contentType", feedType}, {"contentId", b.id},
		{"contentUri", c.origin() + "/api/v1.0/" + c.s.t.ID + "/activity/feed/audit/" + b.id},
		{"contentCreated", b.created.Format(layout)}, {"contentExpiration", b.created.Add(feedKept).Format(layout)},
	}
}

func oneBlob(c *call) (*answer, *apiError) {
	all, _, err := c.available()
	if err != nil {
		return nil, err
	}
	id := strings.Join(c.path[2:], "/")
	i := slices.IndexFunc(all, func(b blob) bool { return b.id == id })
	if i < 0 {
		return nil, FaultContentMissing.feedRefusal()
	}
	a := c.array()
	b := all[i]
	a.limit = len(b.events) + 1
	for k, e := range b.events {
		a.add(fmt.Sprint(k), func() []byte { return c.s.unifiedText(e) })
	}
	if b.signIn {
		a.add("sign-in", func() []byte { return []byte(text(signIn(c.s.t, b.created))) })
	}
	return a, nil
}
