package ask

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Customer is a tenant that a partner looks after.
type Customer struct{ ID, Name string }

// Member is a tenant that the fleet's file names.
type Member struct {
	Name string
	DB   string // as it stands in the file
	ID   string // "" where neither the file nor its database says
}

// Found is a tenant of the file, or a customer, or both.
type Found struct {
	State State
	Name  string // in the file; "" where it is in none
	DB    string
	ID    string // "" where it is not known
	Title string // what the customer is called; "" for what is none
	Why   string // it was not added, or is not known
}

// State says where a tenant was found.
type State string

const (
	NotAdded    State = "not-added"    // a customer that may be in the file without an id
	NotKnown    State = "not-known"    // in the file without an id: whether it is a customer is not known
	NotCustomer State = "not-customer" // in the file, and no customer, or none any more
	Added       State = "added"        // a customer that was not in the file
	There       State = "there"        // a customer that is in the file
)

// states are in the order in which they are shown: what somebody may have to act upon
// comes first.
var states = []State{NotAdded, NotKnown, NotCustomer, Added, There}

// Discover compares the tenants of the fleet's file with the customers of a partner,
// and names those that are to be added. folder is where their databases go, as it is
// to stand in the file; free reports whether no other tenant has a database there.
func Discover(members []Member, customers []Customer, folder string, free func(db, id string) bool) []Found {
	n := namer{folder: folder, free: free, used: map[string]bool{}, wanted: map[string]int{}}
	byID, unknown := map[string]bool{}, map[string]string{}
	for _, m := range members {
		n.use(m.Name, m.DB)
		if m.ID == "" {
			unknown[strings.ToLower(m.Name)] = m.Name
		} else {
			byID[m.ID] = true
		}
	}
	listed := map[string]Customer{}
	for _, c := range customers {
		listed[c.ID] = c
		if !byID[c.ID] {
			n.wanted[plainName(c.Name)]++
		}
	}
	var all []Found
	for _, m := range members {
		c, ok := listed[m.ID]
		f := Found{State: There, Name: m.Name, DB: m.DB, ID: m.ID, Title: c.Name}
		switch {
		case m.ID == "":
			f.State, f.Why = NotKnown, "neither the file nor its database says which tenant it is"
		case !ok:
			f.State = NotCustomer
		}
		all = append(all, f)
	}
	for _, c := range customers {
		if byID[c.ID] {
			continue
		}
		f := Found{State: Added, ID: c.ID, Title: c.Name}
		if twin, ok := unknown[plainName(c.Name)]; ok {
			f.State, f.Why = NotAdded, fmt.Sprintf("it may be %q, whose id is not known", twin)
		} else {
			f.Name, f.DB = n.name(c)
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b Found) int {
		return cmp.Or(slices.Index(states, a.State)-slices.Index(states, b.State), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Comment is the comment above the table of a tenant in a file: the customer's name, on
// one line. It is left out if its characters could hide or change other text.
func (f *Found) Comment() string {
	if strings.ContainsFunc(f.Title, deceives) {
		return ""
	}
	return strings.TrimSpace(clip(f.Title))
}

// clip keeps a comment on a line that can be read.
func clip(title string) string {
	if runes := []rune(title); len(runes) > maxComment {
		return string(runes[:maxComment]) + "…"
	}
	return title
}

// deceives reports whether a character is invisible, changes the direction of text, or
// ends the line.
func deceives(r rune) bool {
	return r == utf8.RuneError || r == '\u2028' || r == '\u2029' || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// namer finds names for tenants and their databases that no other has, in whatever
// case: a file system may know no difference.
type namer struct {
	folder string
	free   func(db, id string) bool
	used   map[string]bool
	wanted map[string]int // how many customers are called so
}

func (n *namer) use(name, db string) {
	n.used[strings.ToLower(name)] = true
	n.used[strings.ToLower(path.Base(strings.ReplaceAll(db, `\`, "/")))] = true
}

// name is the name of a customer in the file: the letters and digits of its own name, with
// the beginning of its id if another has the same name, or its id alone.
func (n *namer) name(c Customer) (name, db string) {
	plain := plainName(c.Name)
	choices := []string{plain, plain + "-" + c.ID[:8], c.ID}
	switch {
	case plain == "":
		choices = choices[2:]
	case n.wanted[plain] > 1:
		choices = choices[1:]
	}
	for _, name = range choices {
		if db = n.folder + name + ".db"; !n.used[name] && !n.used[name+".db"] && n.free(db, c.ID) {
			break
		}
	}
	n.use(name, db)
	return name, db
}

const (
	maxName    = 40  // leaves room for the beginning of an id in what a tenant may be called
	maxComment = 100 // characters
)

// plainName is the name of a customer in letters and digits of ASCII, with dashes
// between words. It is "" if too few letters remain to recognize the customer, or if
// Windows reserves the name for a device.
func plainName(title string) string {
	var b strings.Builder
	lost := false
	for _, r := range norm.NFKD.String(clip(title)) {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(unicode.ToLower(r))
		case deceives(r):
			return ""
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
