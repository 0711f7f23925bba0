package show

import (
	"iter"
	"slices"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// FormatAssignLicense is the format that prints the requests which would restore a state.
// They are printed only: lictrail never writes to a tenant.
const FormatAssignLicense = "assign-license"

// addLicenseJSON and the types around it are Microsoft Graph's own.
type addLicenseJSON struct {
	SKU           string   `json:"skuId"`
	DisabledPlans []string `json:"disabledPlans"`
}

type assignLicenseJSON struct {
	Add    []addLicenseJSON `json:"addLicenses"`
	Remove []string         `json:"removeLicenses"`
}

type requestJSON struct {
	Method string            `json:"method"`
	URL    string            `json:"url"`
	Body   assignLicenseJSON `json:"body"`
}

// restoreGroupJSON is a group that the user must be added to.
type restoreGroupJSON struct {
	Group GroupJSON `json:"group"`
	SKUs  []SKUJSON `json:"skus"`
}

// restoreJSON is what would give one user their licenses back.
type restoreJSON struct {
	User    UserJSON           `json:"user"`
	AsOf    *string            `json:"as_of"`
	Request *requestJSON       `json:"request"` // null: nothing was assigned directly
	Groups  []restoreGroupJSON `json:"add_to_groups"`
	Unknown []SKUJSON          `json:"path_unknown"` // held then, but Graph did not say by which path
}

// AssignLicense prints, user by user, the requests that would bring back
// what was held at the run asked about.
func AssignLicense(p Printer, rows iter.Seq2[*store.Assignment, error], group snapshot.GroupID) error {
	doc := out.NewDocument(p.Out, Tenant(p.Book))
	doc.Gaps = Gaps(p.Book, p.Command)
	var r *restoreJSON
	for a, err := range rows {
		if err != nil {
			return err
		}
		if r != nil && r.User.ID != string(a.User.ID) {
			if err := doc.Item(r); err != nil {
				return err
			}
			r = nil
		}
		if r == nil {
			r = &restoreJSON{User: User(&a.User), AsOf: Stamp(p.Book.History.At.ObservedUntil), Groups: []restoreGroupJSON{}, Unknown: []SKUJSON{}}
		}
		restore(p.Book, r, a, group)
	}
	if r != nil {
		if err := doc.Item(r); err != nil {
			return err
		}
	}
	return doc.Close()
}

// restore adds one assignment; only names the one group that is asked for.
func restore(b *ask.Book, r *restoreJSON, a *store.Assignment, only snapshot.GroupID) {
	for _, p := range a.Paths {
		switch {
		case only != "" && p.Group != only:
		case p.Kind == snapshot.Direct:
			r.addLicense(a, &p.Path)
		case p.Kind == snapshot.ByGroup:
			r.addGroup(*Group(b, p.Group), SKU(b, a.SKU))
		default:
			r.Unknown = append(r.Unknown, SKU(b, a.SKU))
		}
	}
}

func (r *restoreJSON) addLicense(a *store.Assignment, p *snapshot.Path) {
	if r.Request == nil {
		r.Request = &requestJSON{Method: "POST", URL: "/users/" + string(a.User.ID) + "/assignLicense",
			Body: assignLicenseJSON{Add: []addLicenseJSON{}, Remove: []string{}}}
	}
	add := addLicenseJSON{SKU: string(a.SKU), DisabledPlans: make([]string, len(p.Disabled))}
	for i, id := range p.Disabled {
		add.DisabledPlans[i] = string(id)
	}
	r.Request.Body.Add = append(r.Request.Body.Add, add)
}

func (r *restoreJSON) addGroup(g GroupJSON, sku SKUJSON) {
	i := slices.IndexFunc(r.Groups, func(o restoreGroupJSON) bool { return o.Group.ID == g.ID })
	if i < 0 {
		i = len(r.Groups)
		r.Groups = append(r.Groups, restoreGroupJSON{Group: g})
	}
	r.Groups[i].SKUs = append(r.Groups[i].SKUs, sku)
}
