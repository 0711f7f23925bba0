package web

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"time"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
)

//go:embed shell.html
var shellSource string

var shell = template.Must(page.Extend("shell", shellSource))

// screen is a page with what stands around it.
type screen struct {
	*answer
	Top, Root string // relative addresses: of all that is served, and of the tenant
	Tenant    string
	Fleet     bool
	Asked     bool // about a tenant; else there is nothing to search
	Menu      []item
	Formats   []item
	Gaps      []string
	AsOf      string
	Version   string
	Concealed bool
}

// item is an entry of a menu.
type item struct {
	Title, To string
	Here      bool
}

func (s *Site) newScreen(q *question, v *view, a *answer, top string) *screen {
	sc := &screen{answer: a, Top: top, Root: q.root, Fleet: s.Fleet, Version: s.Version, Concealed: s.Pseudonymize}
	if a.formats != nil {
		sc.Formats = q.formatLinks()
	}
	if q.tenant == nil {
		return sc
	}
	sc.Asked, sc.Tenant = true, q.tenant.Name
	for _, other := range views {
		if other.listed {
			sc.Menu = append(sc.Menu, item{other.title, q.link(other.name, ""), v != nil && other.name == v.name})
		}
	}
	if q.book == nil {
		return sc
	}
	h := q.book.History
	sc.Tenant = cmp.Or(h.Tenant.Name, string(h.Tenant.ID))
	if a.command != "" {
		sc.Gaps = show.GapSentences(q.book.Gaps(a.command))
	}
	sc.AsOf = fmt.Sprintf("As of run %d, which read the tenant until %s UTC%s.", h.At.ID, h.At.ObservedUntil.UTC().Format("2 January 2006 15:04"), ageText(q.now.Sub(h.At.ObservedUntil)))
	return sc
}

// formatLinks lead to the same answer for programs.
func (q *question) formatLinks() []item {
	var links []item
	for _, format := range []string{"csv", "json"} {
		values := url.Values{}
		maps.Copy(values, q.values)
		values.Set("format", format)
		links = append(links, item{Title: format, To: "?" + values.Encode()})
	}
	return links
}

// ageText warns of a history that nothing has been added to for long.
func ageText(age time.Duration) string {
	if days := int(age / (24 * time.Hour)); days > 8 {
		return fmt.Sprintf(", %s ago: what has happened since is not known", out.Plural(days, "day"))
	}
	return ""
}
