package notify

import (
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
)

// webhookLimit is in bytes: what receivers of webhooks commonly take at least.
const webhookLimit = 256 << 10

// document is the JSON of a webhook. Fields may be added; none is renamed,
// retyped or dropped without raising the schema. What is absent is null.
type document struct {
	Schema   int        `json:"schema"`
	ID       string     `json:"id"`
	Event    Event      `json:"event"`
	SentAt   string     `json:"sent_at"`
	Lictrail string     `json:"lictrail"`
	Tenant   *tenant    `json:"tenant"`
	Text     string     `json:"text"`
	Run      any        `json:"run"`
	Changes  *changes   `json:"changes"`
	Warnings warnings   `json:"warnings"`
	Gaps     []out.Gap  `json:"gaps"`
	Head     *string    `json:"head"`
	Error    *errorJSON `json:"error"`
}

type tenant struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

type changes struct {
	Total       int            `json:"total"`
	ByKind      map[string]int `json:"by_kind"`
	ByCause     map[string]int `json:"by_cause"`
	Responsible responsible    `json:"responsible"`
	Unexplained unexplained    `json:"unexplained"`
}

// responsible is who is behind the changes, those of the most changes first.
type responsible struct {
	Items   []any `json:"items"`
	LeftOut int   `json:"left_out"`
}

type unexplained struct {
	Total   int   `json:"total"`
	Items   []any `json:"items"`
	LeftOut int   `json:"left_out"`
}

type warnings struct {
	Items   []warning `json:"items"`
	LeftOut int       `json:"left_out"`
}

type warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type errorJSON struct {
	Code    int     `json:"code"`
	Message string  `json:"message"`
	Hint    *string `json:"hint"`
}

// webhook is the message for programs.
func (m *Message) webhook() ([]byte, error) {
	return fit(webhookLimit, MaxOpen, func(items int) ([]byte, error) { return out.JSON(m.document(items)) })
}

func (m *Message) document(items int) *document {
	d := &document{Schema: out.Schema, ID: m.ID, Event: m.Event, SentAt: m.At.UTC().Format("2006-01-02T15:04:05Z"), Lictrail: m.Version,
		Text: m.Title(), Run: m.Run, Head: orNull(m.Head), Warnings: someWarnings(m.Warnings, items), Gaps: append([]out.Gap{}, m.Gaps...)}
	if m.Tenant.ID != "" {
		d.Tenant = &tenant{m.Tenant.ID, orNull(cut(m.Tenant.Name, 300))}
	}
	if m.Event == Ran {
		open := unexplained{Total: m.Unexplained, Items: []any{}}
		for _, c := range m.Open[:min(items, len(m.Open))] {
			open.Items = append(open.Items, c.JSON)
		}
		open.LeftOut = open.Total - len(open.Items)
		by := responsible{Items: []any{}}
		for _, p := range m.By[:min(items, len(m.By))] {
			by.Items = append(by.Items, p.JSON)
		}
		by.LeftOut = len(m.By) - len(by.Items)
		d.Changes = &changes{total(m.ByKind), counted(m.ByKind), counted(m.ByCause), by, open}
	}
	if f := m.Failure; f != nil {
		d.Error = &errorJSON{f.Code, cut(f.Message, 2000), orNull(cut(f.Hint, 1000))}
	}
	return d
}

func someWarnings(all []snapshot.Warning, items int) warnings {
	some := warnings{Items: []warning{}}
	for _, w := range all[:min(items, len(all))] {
		some.Items = append(some.Items, warning{cut(w.Code, 100), cut(w.Message, 1000)})
	}
	some.LeftOut = len(all) - len(some.Items)
	return some
}

func counted(counts []Count) map[string]int {
	m := map[string]int{}
	for _, c := range counts {
		m[c.Label] = c.N
	}
	return m
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
