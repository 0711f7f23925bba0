package ask

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/store/ledger"
)

// Forgettable is a person whose data can be erased.
type Forgettable struct {
	Row    int64  // of the user; 0 for somebody who never was a user
	Title  string // names, addresses and id
	Called ledger.Called
}

// standIn matches the name that replaces an erased person whom only records named: one
// whom no run ever read as a user.
var standIn = regexp.MustCompile(`^forgotten-s\d+$`)

// ToForget finds the one person who is meant by an object id, or by a whole UPN or
// mail address, among the users and among those whom only audit records and
// attributions name. Parts of names are not accepted, because erasing cannot be undone.
func ToForget(ctx context.Context, b *Book, ref string) (*Forgettable, error) {
	if standIn.MatchString(ref) {
		return &Forgettable{Title: ref}, nil // to overwrite what an erasing left behind
	}
	users, err := b.UsersCalled(ctx, ref)
	if err != nil {
		return nil, err
	}
	all, err := ArchiveOf(ctx, b)
	if err != nil {
		return nil, err
	}
	var archived []*Archived
	for _, p := range all.Find(ref) {
		switch {
		case p.ID == "" && len(users) > 0: // the records name the address alone
		case strings.HasPrefix(p.ID, "forgotten-"):
		default:
			archived = append(archived, p)
		}
	}
	others, strangers, err := apart(ctx, b, archived)
	if err != nil {
		return nil, err
	}
	var people []*Forgettable
	found := map[snapshot.UserID]bool{}
	for _, u := range append(users, others...) {
		if !found[u.ID] {
			found[u.ID] = true
			people = append(people, all.forgettable(u.Row, string(u.ID), PersonLine(&u.User), all.ByID[string(u.ID)]))
		}
	}
	for _, p := range strangers {
		people = append(people, all.forgettable(0, p.ID, p.Line(), p))
	}
	switch len(people) {
	case 1:
		return people[0], nil
	case 0:
		return nil, refuse(fmt.Sprintf("nobody is called %q in the history or in its audit records", ref),
			"give the object id, or a UPN or mail address, present or past; lictrail audit search --actor or --user shows whom records name")
	}
	titles := make([]string, len(people))
	for i, p := range people {
		titles[i] = p.Title
	}
	return nil, refuse(fmt.Sprintf("%d people are called %q: %s", len(people), ref, strings.Join(titles, "; ")), "give the object id of the one who is meant")
}

// forgettable is a person with what records call them; p is nil where none names them.
func (a *archive) forgettable(row int64, id, title string, p *Archived) *Forgettable {
	f := &Forgettable{Row: row, Title: title}
	if p != nil {
		f.Called = p.Called()
	}
	f.Called.Others = a.Others(id)
	return f
}
