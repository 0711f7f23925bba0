package graph

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"lictrail/snapshot"
)

// FuzzUsersPage reads any bytes as a page of users. What it takes must be whole:
// every user has an id, and every path and plan names what it is of.
func FuzzUsersPage(f *testing.F) {
	for _, seed := range []string{
		`{"value":[]}`, `{"value":[{"id":"a","userPrincipalName":"a@x","assignedLicenses":[]}]}`,
		`{"@odata.nextLink":"https://graph.microsoft.com/v1.0/users?$skiptoken=x","value":[{"id":"6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"}]}`,
		`{"value":[{"id":"a","assignedLicenses":[{"skuId":"05e9a617-0261-4cee-bb44-138d3ef5d965","disabledPlans":[]}],` +
			`"licenseAssignmentStates":[{"skuId":"05e9a617-0261-4cee-bb44-138d3ef5d965","assignedByGroup":null,"state":"Active","error":"None"}],` +
			`"assignedPlans":[{"servicePlanId":"efb87545-963c-4e0d-99df-69c6916d9eb0","capabilityStatus":"Enabled","assignedDateTime":"2026-01-05T09:00:00Z"}]}]}`,
		`{"error":{"code":"x","message":"y"}}`, `{"value":null}`, `{"value":[null]}`, `[]`, ``, `{"value":[],"value":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		pg := mustReadAlike(t, body)
		if pg == nil {
			return
		}
		for _, u := range pg.rows {
			if u.ID == "" {
				t.Error("took a user without an id")
			}
			for _, p := range u.Paths {
				if p.SKU == "" {
					t.Errorf("took a path without a SKU: %+v", p)
				}
			}
		}
	})
}

// lists reads a page of each thing that Graph lists besides users, and returns
// the rows' keys.
var lists = []func(io.Reader) ([]string, error){
	keys(func(o snapshot.Organization) string { return string(o.ID) }, (*wireOrganization).organization),
	keys(func(s tenantSKU) string { return string(s.ID) }, (*wireSKU).sku),
	keys(func(s snapshot.Subscription) string { return s.ID }, (*wireSubscription).subscription),
	keys(func(u snapshot.DeletedUser) string { return string(u.ID) }, (*wireDeleted).deleted),
	keys(func(g snapshot.Group) string { return string(g.ID) }, func(w *wireGroup) (snapshot.Group, error) { return w.group(snapshot.GroupID(w.ID.text)) }),
	keys(func(b snapshot.FeedBlob) string { return b.ID }, (*wireContent).blob),
	func(r io.Reader) ([]string, error) {
		return readKeys(r, auditRow(), func(r snapshot.LogRecord) string { return r.ID })
	},
}

func keys[W, T any](key func(T) string, convert func(*W) (T, error)) func(io.Reader) ([]string, error) {
	return func(r io.Reader) ([]string, error) { return readKeys(r, each(clearRow, convert), key) }
}

func readKeys[T any](r io.Reader, row rowReader[T], key func(T) string) (keys []string, err error) {
	pg := page[T]{opts: new(interner).options(), row: row, key: key}
	err = pg.read(r)
	for _, row := range pg.rows {
		keys = append(keys, key(row))
	}
	return keys, err
}

// FuzzLists reads any bytes as a page of each list. Every row of what is taken
// has a key, and however the bytes come, the same is taken; an error is fit to be
// shown.
func FuzzLists(f *testing.F) {
	for _, seed := range []string{
		`{"value":[{"id":"7a1c4e5f-0000-4000-8000-000000000001","displayName":"x","assignedPlans":[{"servicePlanId":"41781fb2-bc02-4b7c-bd55-b576c07bb09d","capabilityStatus":"Enabled"}]}]}`,
		`{"value":[{"id":"t_s","accountId":null,"skuId":"05E9A617-0261-4cee-bb44-138d3ef5d965","skuPartNumber":"SPE_E3","prepaidUnits":{"enabled":1},"consumedUnits":2,"servicePlans":[],"subscriptionIds":["B","a"]}]}`,
		`{"value":[{"id":"s","skuId":"05e9a617-0261-4cee-bb44-138d3ef5d965","createdDateTime":"2026-01-05T09:00:00Z","nextLifecycleDateTime":null,"ownerTenantId":""}]}`,
		`{"value":[{"id":"u","deletedDateTime":"0001-01-01T00:00:00Z","assignedLicenses":[{"skuId":"05e9a617-0261-4cee-bb44-138d3ef5d965","disabledPlans":null}]}]}`,
		`{"value":[{"id":"7a1c4e5f-0000-4000-8000-000000000001","groupTypes":["DynamicMembership"],"assignedLicenses":[],"licenseProcessingState":{"state":"QueuedForProcessing"}}]}`,
		`{"value":[{"id":"a","activityDateTime":"2026-01-05T09:00:00.1234567Z"}]}`,
		`{"value":[{"contentId":"c","contentUri":"https://x","contentCreated":"2026-01-05T09:00:00.000Z"}],"@odata.nextLink":"x"}`,
	} {
		for list := range lists {
			f.Add(list, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, list int, body []byte) {
		read := lists[uint(list)%uint(len(lists))]
		keys, err := read(bytes.NewReader(body))
		if again, sameErr := read(oneByteReader{bytes.NewReader(body)}); (err == nil) != (sameErr == nil) || !slices.Equal(keys, again) {
			t.Errorf("in one piece %q, %v; byte by byte %q, %v", keys, err, again, sameErr)
		}
		if err == nil && slices.Contains(keys, "") {
			t.Errorf("took a row without a key: %q", keys)
		}
		if err != nil {
			mustBeFit(t, tidy(err).Error())
		}
	})
}

// oneByteReader gives a byte at a time.
type oneByteReader struct{ io.Reader }

func (r oneByteReader) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), 1)]) }

// mustBeFit fails unless a text may be shown on one line of a terminal.
func mustBeFit(t *testing.T, text string) {
	if len(text) > 16*maxForeign || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("an error of %d bytes: %q", len(text), text)
	}
}

// FuzzRefusal: whatever stands in the place of an answer, the error is of a kind
// with an exit code, is fit to be shown, and never asks for a wait that has no end.
func FuzzRefusal(f *testing.F) {
	f.Add(429, "2.5", "", "", "r", []byte(`{"error":{"code":"TooManyRequests","message":"slow","innerError":{"request-id":"i"}}}`))
	f.Add(503, "Mon, 05 Jan 2026 09:00:10 GMT", "Mon, 05 Jan 2026 09:00:00 GMT", "", "", []byte(`<html>`))
	f.Add(401, "", "", `Bearer error="insufficient_claims", claims="eyJ4IjoxfQ=="`, "", []byte(`{"error":{"code":"InvalidAuthenticationToken"}}`))
	f.Add(400, "-1", "x", "", "\x1b[2J", []byte(`{"error":{"code":"Directory_ExpiredPageToken","message":"\u202e\u0000"}}`))
	f.Add(403, "1e300", "", "", "", []byte(`{"error":{"code":"AF10001"}}`))
	f.Add(404, "NaN", "", "", "", []byte(`{"error":`))
	f.Fuzz(func(t *testing.T, status int, wait, date, auth, id string, text []byte) {
		now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
		r := &reader{c: &Client{opts: Options{Now: func() time.Time { return now }}}, op: opUsers, page: 2}
		w := newWatch(t.Context(), time.Hour)
		defer w.stop()
		w.start(time.Hour)
		resp := &http.Response{StatusCode: status, Header: http.Header{
			"Retry-After": {wait}, "Date": {date}, "Www-Authenticate": {auth}, "Request-Id": {id}}}
		e := r.refused(resp, &body{from: bytes.NewReader(text), left: 1 << 20, watch: w})
		if !slices.ContainsFunc([]error{ErrIncomplete, ErrAuth, ErrUnavailable, ErrThrottled}, func(kind error) bool { return errors.Is(e, kind) }) {
			t.Errorf("of no kind: %v", e)
		}
		if e.wait < 0 || e.restart && e.retry != never {
			t.Errorf("wait %v, restart %v, retry %v", e.wait, e.restart, e.retry)
		}
		mustBeFit(t, e.Error())
		mustBeFit(t, e.Hint)
	})
}
