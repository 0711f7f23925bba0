package graphtest

import (
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const probe = "/users?$top=5&$select=id,displayName,assignedLicenses,licenseAssignmentStates"

// faultChecks says, for each kind, what a client sees on the page struck.
var faultChecks = map[FaultKind]func(*testing.T, *client, reply) bool{
	FaultEmptyObject: bodyIs("{}"),
	FaultErrorIn200:  func(t *testing.T, _ *client, r reply) bool { return r.status == 200 && r.code() != "" },
	FaultValueNull:   bodyIs(`{"value":null}`),
	FaultValueString: bodyIs(`{"value":"x"}`),
	FaultArrayBody:   bodyIs("[]"),
	FaultEmptyBody:   bodyIs(""),
	Fault204:         statusIs(204, ""),
	FaultHTML:        func(t *testing.T, _ *client, r reply) bool { return r.status == 200 && r.raw[0] == '<' },
	FaultTruncatedJSON: func(t *testing.T, _ *client, r reply) bool {
		return r.err == nil && r.raw[len(r.raw)-1] != '}' || !balanced(r.raw)
	},
	FaultReset:       func(t *testing.T, _ *client, r reply) bool { return r.err != nil },
	FaultGzipCorrupt: corrupt,
	FaultNullElement: func(t *testing.T, _ *client, r reply) bool {
		return slices.ContainsFunc(r.rows(t), func(m map[string]any) bool { return m == nil })
	},
	FaultMissingID:    func(t *testing.T, _ *client, r reply) bool { return r.rows(t)[0]["id"] == nil },
	FaultEmptyID:      func(t *testing.T, _ *client, r reply) bool { return r.rows(t)[0]["id"] == "" },
	FaultBadSKUID:     contains("not-a-guid"),
	FaultUnknownState: contains("Hibernating"),
	FaultBlankUsers: func(t *testing.T, _ *client, r reply) bool {
		return r.rows(t)[0]["accountEnabled"] == nil && len(r.rows(t)[0]["assignedLicenses"].([]any)) == 0
	},
	FaultNextLoop: func(t *testing.T, c *client, r reply) bool {
		return c.get(r.next(t)).rows(t)[0]["displayName"] != nil && strings.Contains(r.next(t), "127.0.0.1")
	},
	FaultNextEmpty:     contains(`"@odata.nextLink":""`),
	FaultNextGarbage:   contains("::not a link"),
	FaultNextOtherHost: contains("https://" + OtherHost),
	FaultNextHTTP:      contains("http://graph.microsoft.com/"),
	FaultRepeatedPage: func(t *testing.T, c *client, r reply) bool {
		return slices.Equal(idsOf(r.rows(t)), idsOf(c.get(r.next(t)).rows(t)))
	},
	FaultOverlap: func(t *testing.T, c *client, r reply) bool {
		here, there := idsOf(r.rows(t)), idsOf(c.get(r.next(t)).rows(t))
		return slices.Equal(here[len(here)/2:], there[:len(here)-len(here)/2])
	},
	FaultUserVanishes: func(t *testing.T, c *client, r reply) bool { return len(c.s.t.UserIDs()) == 26 },
	FaultUserAppears:  func(t *testing.T, c *client, r reply) bool { return len(c.s.t.UserIDs()) == 28 },
	Fault429:          retryAfter(429, "1"),
	Fault429Fraction:  retryAfter(429, "0.128"),
	Fault429Date: func(t *testing.T, _ *client, r reply) bool {
		_, err := http.ParseTime(r.header.Get("Retry-After"))
		return err == nil && r.status == 429
	},
	Fault429Zero:           retryAfter(429, "0"),
	Fault429Hour:           retryAfter(429, "3600"),
	Fault429Absent:         retryAfter(429, ""),
	Fault500:               statusIs(500, "InternalServerError"),
	Fault500NoBody:         statusIs(500, ""),
	Fault502:               statusIs(502, ""),
	Fault503:               retryAfter(503, "1"),
	Fault504:               statusIs(504, "UnknownError"),
	Fault401:               statusIs(401, "InvalidAuthenticationToken"),
	Fault403:               statusIs(403, "Authorization_RequestDenied"),
	Fault403Property:       statusIs(403, "Authorization_RequestDenied"),
	Fault404:               statusIs(404, "Request_ResourceNotFound"),
	FaultExpiredPageToken:  statusIs(400, "Directory_ExpiredPageToken"),
	FaultPageTokenNotFound: statusIs(400, "DirectoryPageTokenNotFoundException"),
	Fault410:               statusIs(410, "syncStateNotFound"),
	FaultHang:              func(t *testing.T, _ *client, r reply) bool { return r.err != nil && r.status == 0 },
	FaultDrip:              func(t *testing.T, _ *client, r reply) bool { return r.err != nil && r.status == 200 },
	FaultCountDisagrees:    contains(`"@odata.count":`),
	FaultClockSkew: func(t *testing.T, c *client, r reply) bool {
		return r.header.Get("Date") == c.s.t.Now().Add(20*time.Minute).Format(http.TimeFormat)
	},
	FaultGroupGone:   func(t *testing.T, c *client, r reply) bool { return len(c.get("/groups").rows(t)) == 3 },
	FaultHugeName:    func(t *testing.T, _ *client, r reply) bool { return len(r.rows(t)[0]["displayName"].(string)) == 1e6 },
	FaultHostileName: func(t *testing.T, _ *client, r reply) bool { return r.rows(t)[0]["displayName"] == HostileName },
	FaultRedirectOtherHost: func(t *testing.T, _ *client, r reply) bool {
		return r.status == 302 && strings.Contains(r.header.Get("Location"), OtherHost)
	},
}

func bodyIs(want string) func(*testing.T, *client, reply) bool {
	return func(_ *testing.T, _ *client, r reply) bool { return r.status == 200 && string(r.raw) == want }
}

func statusIs(status int, code string) func(*testing.T, *client, reply) bool {
	return func(_ *testing.T, _ *client, r reply) bool { return r.status == status && r.code() == code }
}

func retryAfter(status int, after string) func(*testing.T, *client, reply) bool {
	return func(_ *testing.T, _ *client, r reply) bool {
		return r.status == status && r.header.Get("Retry-After") == after && r.code() != ""
	}
}

func contains(part string) func(*testing.T, *client, reply) bool {
	return func(_ *testing.T, _ *client, r reply) bool {
		return r.status == 200 && strings.Contains(string(r.raw), part)
	}
}

func corrupt(t *testing.T, _ *client, r reply) bool {
	z, err := gzip.NewReader(strings.NewReader(string(r.raw)))
	if err != nil {
		return true
	}
	_, err = io.ReadAll(z)
	return err != nil && r.header.Get("Content-Encoding") == "gzip"
}

func balanced(b []byte) bool {
	return strings.Count(string(b), "{") == strings.Count(string(b), "}")
}

func idsOf(rows []map[string]any) []string {
	var ids []string
	for _, r := range rows {
		id, _ := r["id"].(string)
		ids = append(ids, strings.ToLower(id))
	}
	return ids
}

func TestEveryFaultOnEveryPage(t *testing.T) {
	for _, kind := range AllFaults {
		for name, page := range map[string]Page{"first": FirstPage, "middle": MiddlePage, "last": LastPage, "third": 3} {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				t.Parallel()
				strikes(t, kind, page)
			})
		}
	}
	if len(faultChecks) != len(AllFaults) {
		t.Errorf("%d checks for %d faults", len(faultChecks), len(AllFaults))
	}
}

// strikes reads pages of users until the fault is seen.
func strikes(t *testing.T, kind FaultKind, page Page) {
	c := serve(t, small(t), WithDrip(20*time.Millisecond))
	c.http.Timeout = 10 * time.Second
	c.s.Inject(Fault{Endpoint: EndpointUsers, Page: page, Kind: kind})
	number := 1
	for path := probe; path != ""; number++ {
		struck := page == Page(number) || page == MiddlePage && number == 2 || page == LastPage && number == 6
		if struck && (kind == FaultHang || kind == FaultDrip) {
			c.http.Timeout = time.Second
		}
		r := c.get(path)
		if !struck {
			if r.status != 200 || len(r.rows(t)) == 0 {
				t.Fatalf("page %d: status %d", number, r.status)
			}
			path = r.next(t)
			continue
		}
		if !faultChecks[kind](t, c, r) {
			t.Fatalf("page %d: status %d, error %v, header %v, body %.300q", number, r.status, r.err, r.header, r.raw)
		}
		c.http.Timeout = 10 * time.Second
		if again := c.get(path); again.status != 200 || again.err != nil {
			t.Errorf("struck twice: status %d, %v", again.status, again.err)
		}
		return
	}
	t.Fatalf("never struck in %d pages", number-1)
}

func TestFaultsOnOtherEndpoints(t *testing.T) {
	paths := map[Endpoint]string{
		EndpointUsersCount: "/users/$count", EndpointSKUs: "/subscribedSkus", EndpointGroups: "/groups",
		EndpointAudits: "/auditLogs/directoryAudits", EndpointOrganization: "/organization",
	}
	for endpoint, path := range paths {
		c := serve(t, small(t))
		for _, kind := range []FaultKind{FaultEmptyObject, Fault500, FaultHTML, Fault429Absent, FaultReset, FaultTruncatedJSON} {
			c.s.Inject(Fault{Endpoint: endpoint, Kind: kind})
			if r := c.get(path, eventual); endpoint != EndpointUsersCount && !faultChecks[kind](t, c, r) {
				t.Errorf("%s: %s: status %d %.200q", endpoint, kind, r.status, r.raw)
			}
		}
	}
	c := serve(t, small(t))
	c.s.Inject(Fault{Endpoint: EndpointUsersCount, Kind: FaultCountDisagrees})
	if r := c.get("/users/$count", eventual); string(r.raw) != "34" {
		t.Errorf("count %s", r.raw)
	}
}

func TestFaultTimes(t *testing.T) {
	c := serve(t, small(t))
	statuses := func(n int) []int {
		var out []int
		for range n {
			out = append(out, c.get("/users").status)
		}
		return out
	}
	c.s.Inject(Fault{Kind: Fault500, Times: 2, Skip: 1})
	if got := statuses(4); !slices.Equal(got, []int{200, 500, 500, 200}) {
		t.Errorf("twice after one: %v", got)
	}
	c.s.Inject(Fault{Kind: Fault429, Times: Forever})
	if got := statuses(3); !slices.Equal(got, []int{429, 429, 429}) {
		t.Errorf("forever: %v", got)
	}
	if c.s.ClearFaults(); c.get("/users").status != 200 {
		t.Error("not cleared")
	}
	c.s.Inject(Fault{Kind: Fault403Property, Query: "signInActivity", Times: Forever})
	if c.get("/users?$select=id").status != 200 || c.get("/users?$select=id,signInActivity").status != 403 {
		t.Error("property fault")
	}
}
