package graphtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// ask sends a request to one of a server's services.
func ask(t *testing.T, s *Server, activity bool, method, path, token, body string) (int, http.Header, string) {
	t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.serve(w, r, activity)
	raw, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, w.Result().Header, string(raw)
}

// The unified log writes an event as its documentation and published records
// have it: names with a full stop, whole seconds without a zone, ids of its own,
// and every value as text.
func TestUnifiedShape(t *testing.T) {
	tenant := New(1)
	tenant.Style = StyleSelfContained
	id := tenant.AddUser(tenant.Admins[0], UserSpec{Name: "Ann"})
	tenant.Advance(1500 * time.Millisecond)
	if err := tenant.AssignDirect(tenant.Admins[0], id, skuOf(t, tenant, "EMS")); err != nil {
		t.Fatal(err)
	}
	if err := tenant.AssignDirect(tenant.Partners[0], id, skuOf(t, tenant, "VISIOCLIENT")); err != nil {
		t.Fatal(err)
	}
	s := NewServer(tenant)
	byPartner := 0
	for _, e := range tenant.Events() {
		var r struct {
			ID, Operation, CreationTime, UserID, ObjectID, ActorContextID, InterSystemsID string
			UserType                                                                      int
			ModifiedProperties                                                            []struct{ Name, NewValue, OldValue string }
			ExtendedProperties                                                            []struct{ Name, Value string }
			Actor, Target                                                                 []struct {
				ID   string
				Type int
			}
		}
		raw := s.unifiedText(&e)
		if err := json.Unmarshal(raw, &r, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatalf("%v: %s", err, raw)
		}
		whole := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`).MatchString(r.CreationTime)
		if r.Operation != e.Activity+"." || !whole || r.ID == e.ID || r.InterSystemsID != e.Correlation || !strings.Contains(r.ObjectID, "@") {
			t.Errorf("got %s", raw)
		}
		if e.Activity == "Change user license" && e.by.Kind == ActorPartner {
			byPartner++
			if r.UserType != 9 || r.ActorContextID != tenant.Partners[0].HomeTenant || r.UserID != tenant.Partners[0].UPN {
				t.Errorf("a partner is %s", raw)
			}
		}
		for _, p := range r.ModifiedProperties {
			if p.Name == "AssignedLicense" && p.NewValue != "[]" && !strings.HasPrefix(p.NewValue, "[\r\n  \"[SkuName=") {
				t.Errorf("AssignedLicense is %q", p.NewValue)
			}
		}
	}
	if byPartner != 1 {
		t.Errorf("%d changes by a partner", byPartner)
	}
	tenant.UnrelatedLogs = true
	e := tenant.Events()[0]
	if strings.Contains(string(NewServer(tenant).unifiedText(&e)), e.Correlation) {
		t.Error("the logs share a correlation id")
	}
}

func skuOf(t *testing.T, tenant *Tenant, part string) string {
	t.Helper()
	for _, s := range tenant.skus {
		if s.PartNumber == part {
			return s.ID
		}
	}
	t.Fatalf("no SKU %s", part)
	return ""
}

// A search takes what the documentation lists, and nothing else.
func TestSearchIsStrict(t *testing.T) {
	s := NewServer(New(1))
	const path = "/v1.0/security/auditLog/queries"
	body := `"filterStartDateTime":"2026-01-01T00:00:00Z","filterEndDateTime":"2026-01-02T00:00:00Z"`
	for text, want := range map[string]int{
		`{` + body + `}`: 201,
		`{` + body + `,"recordTypeFilters":["azureActiveDirectory"],"operationFilters":["Add user."]}`: 201,
		`{` + body + `,"recordTypeFilters":["everything"]}`:                                            400,
		`{` + body + `,"serviceFilter":"x"}`:                                                           400,
		`{"filterStartDateTime":"2026-01-03T00:00:00Z","filterEndDateTime":"2026-01-02T00:00:00Z"}`:    400,
		`{}`: 400, ``: 400,
	} {
		if got, _, reply := ask(t, s, false, http.MethodPost, path, DefaultToken, text); got != want {
			t.Errorf("%s: %d %s, want %d", text, got, reply, want)
		}
	}
	if got, _, _ := ask(t, s, false, http.MethodPost, "/v1.0/users", DefaultToken, "{}"); got != 405 {
		t.Errorf("users took a POST: %d", got)
	}
	s.Grant("AuditLog.Read.All")
	if got, _, _ := ask(t, s, false, http.MethodPost, path, DefaultToken, "{"+body+"}"); got != 403 {
		t.Errorf("AuditLog.Read.All was enough: %d", got)
	}
}

// The feed has its own token and codes; its windows, its subscription and the
// life of its content have their limits.
func TestFeedIsStrict(t *testing.T) {
	tenant := New(1)
	s := NewServer(tenant)
	root := "/api/v1.0/" + tenant.ID + "/activity/feed/"
	window := func(from, to time.Duration) string {
		v := url.Values{"contentType": {feedType}, "PublisherIdentifier": {tenant.ID},
			"startTime": {tenant.Now().Add(from).Format(feedTime)}, "endTime": {tenant.Now().Add(to).Format(feedTime)}}
		return root + "subscriptions/content?" + v.Encode()
	}
	const hour = time.Hour
	start := root + "subscriptions/start?contentType=" + feedType + "&PublisherIdentifier=x"
	for _, c := range []struct {
		method, path, token string
		status              int
		code                string
	}{
		{"GET", window(-hour, 0), DefaultToken, 401, ""},
		{"GET", window(-hour, 0), ActivityToken, 400, "AF20022"},
		{"GET", start, ActivityToken, 405, ""},
		{"POST", strings.Replace(start, feedType, "Audit.Everything", 1), ActivityToken, 400, "AF20020"},
		{"POST", strings.Replace(start, "PublisherIdentifier", "p", 1), ActivityToken, 400, "AF20001"},
		{"POST", strings.Replace(start, tenant.ID, "x", 1), ActivityToken, 400, "AF20010"},
		{"POST", start, ActivityToken, 200, ""},
		{"POST", start, ActivityToken, 400, "AF20024"},
		{"GET", window(-hour, 0), ActivityToken, 200, ""},
		{"GET", window(-25*hour, 0), ActivityToken, 400, "AF20055"},
		{"GET", window(-169*hour, -160*hour), ActivityToken, 400, "AF20055"},
		{"GET", window(0, -hour), ActivityToken, 400, "AF20055"},
		{"GET", root + "audit/none?PublisherIdentifier=x", ActivityToken, 400, "AF20050"},
		{"GET", root + "nothing?PublisherIdentifier=x", ActivityToken, 404, ""},
	} {
		status, _, body := ask(t, s, true, c.method, c.path, c.token, "")
		if status != c.status || !strings.Contains(body, c.code) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, status, body, c.status, c.code)
		}
	}
	s.Grant()
	if status, _, body := ask(t, s, true, "GET", window(-hour, 0), ActivityToken, ""); status != 401 || !strings.Contains(body, "AF10001") {
		t.Errorf("%d %s", status, body)
	}
}
