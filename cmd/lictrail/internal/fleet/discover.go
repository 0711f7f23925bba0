package fleet

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
)

// Member is a tenant that the fleet's file names.
type Member struct {
	Name string
	DB   string            // as it stands in the file
	ID   snapshot.TenantID // "" where neither the file nor a database says
}

// Found is a tenant of the file, or a customer of the partner's, or both.
type Found struct {
	State State
	Name  string // in the file; "" where it is in none
	DB    string
	ID    snapshot.TenantID // "" where it is not known
	Title string            // what Graph calls it; "" where Graph does not list it
	Why   string            // of what was not added, or is not known
}

// State says where a tenant was found.
type State string

const (
	Added       State = "added"        // a customer that was not in the file
	There       State = "there"        // a customer that is in the file
	NotCustomer State = "not-customer" // in the file, and no customer, or none any more
	NotKnown    State = "not-known"    // in the file without an id: whether it is a customer cannot be told
	NotAdded    State = "not-added"    // a customer that may be in the file without an id
)

// states are in the order in which they are shown: what somebody may have to act upon
// comes first.
var states = []State{NotAdded, NotKnown, NotCustomer, Added, There}

// Compare compares the tenants of the fleet's file with the customers of a partner,
// and names those that are to be added. folder is where their databases go, as it is
// to stand in the file; taken reports whether there is such a database already.
func Compare(members []Member, customers []snapshot.Tenant, folder string, taken func(db string) bool) []Found {
	n := namer{folder: folder, taken: taken, used: map[string]bool{}, wanted: map[string]int{}}
	byID, unknown := map[snapshot.TenantID]Member{}, map[string]string{}
	for _, m := range members {
		n.use(m.Name, m.DB)
		if m.ID == "" {
			unknown[strings.ToLower(m.Name)] = m.Name
		} else {
			byID[snapshot.NormalID(m.ID)] = m
		}
	}
	listed := map[snapshot.TenantID]snapshot.Tenant{}
	for _, c := range customers {
		listed[c.ID] = c
		if _, ok := byID[c.ID]; !ok {
			n.wanted[plainName(c.Name)]++
		}
	}
	var all []Found
	for _, m := range members {
		f := Found{State: There, Name: m.Name, DB: m.DB, ID: snapshot.NormalID(m.ID)}
		c, ok := listed[f.ID]
		f.Title = c.Name
		switch {
		case m.ID == "":
			f.State, f.Why = NotKnown, "neither the file nor a database says which tenant it is"
		case !ok:
			f.State = NotCustomer
		}
		all = append(all, f)
	}
	for _, c := range customers {
		if _, ok := byID[c.ID]; ok {
			continue
		}
		if twin, ok := unknown[plainName(c.Name)]; ok {
			all = append(all, Found{State: NotAdded, ID: c.ID, Title: c.Name, Why: "it may be " + twin + ", of which the file has no id"})
			continue
		}
		f := Found{State: Added, ID: c.ID, Title: c.Name}
		f.Name, f.DB = n.name(c)
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b Found) int {
		return cmp.Or(slices.Index(states, a.State)-slices.Index(states, b.State), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Additions are the tables to be added to the file.
func Additions(all []Found) []config.NewTenant {
	var add []config.NewTenant
	for _, f := range all {
		if f.State == Added {
			add = append(add, config.NewTenant{Comment: strings.TrimSpace(out.Safe(f.Title)), Name: f.Name, DB: f.DB, ID: string(f.ID)})
		}
	}
	return add
}

// namer finds names for tenants and their databases that no other has, in whatever
// case: a file system may know no difference.
type namer struct {
	folder string
	taken  func(db string) bool
	used   map[string]bool
	wanted map[string]int // how many customers are called so
}

func (n *namer) use(name, db string) {
	n.used[strings.ToLower(name)] = true
	n.used[strings.ToLower(path.Base(strings.ReplaceAll(db, `\`, "/")))] = true
}

// name is what a customer is called in the file: the letters and digits of its
// name, with the beginning of its id where others are called the same, or its id
// alone.
func (n *namer) name(c snapshot.Tenant) (name, db string) {
	plain, id := plainName(c.Name), string(c.ID)
	choices := []string{plain, plain + "-" + id[:8], id}
	if n.wanted[plain] > 1 {
		choices = choices[1:]
	}
	if plain == "" {
		choices = []string{id}
	}
	for _, name = range choices {
		if db = n.folder + name + ".db"; !n.used[name] && !n.used[name+".db"] && !n.taken(db) {
			break
		}
	}
	n.use(name, db)
	return name, db
}

// maxName leaves room for the beginning of an id in what a tenant may be called.
const maxName = 40

// plainName is the name of a customer in letters and digits of ASCII, with dashes
// between words; "" where too little is left of it to tell, or Windows would take a
// file of that name for a device.
func plainName(title string) string {
	var b strings.Builder
	lost := false
	for _, r := range norm.NFKD.String(title) {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(unicode.ToLower(r))
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return "" // it is meant to deceive
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			lost = true
		case unicode.Is(unicode.Mn, r): // of the letter before it
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= maxName {
			break
		}
	}
	name := strings.Trim(b.String(), "-")
	if lost || device(name) {
		return ""
	}
	return name
}

// device reports whether Windows takes a file of that name, whatever its ending, for
// a device: learn.microsoft.com/windows/win32/fileio/naming-a-file.
func device(name string) bool {
	if slices.Contains([]string{"con", "prn", "aux", "nul", "conin", "conout"}, name) {
		return true
	}
	return len(name) == 4 && (strings.HasPrefix(name, "com") || strings.HasPrefix(name, "lpt")) && unicode.IsDigit(rune(name[3]))
}
