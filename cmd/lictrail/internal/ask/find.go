package ask

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/near"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
	"lictrail/snapshot/words"
)

// Choice is one of several things that a word may mean.
type Choice struct {
	Title string // what people call it
	ID    string
}

// several says that a name may mean several things, none of which may be chosen in
// silence. more reports that there are others beside the choices.
func several(what, word string, choices []Choice, more bool) error {
	ids := make([]string, len(choices))
	for i, c := range choices {
		ids[i] = c.ID
	}
	hint := "one of: " + JoinIDs(ids)
	if more {
		hint += "; there are others: more of the name shows fewer"
	}
	return &Error{Message: fmt.Sprintf("%q is the name of several %ss", word, what), Hint: hint, Choices: choices}
}

// unknown says that nothing has a name, and what may have been meant.
func unknown(message string, near []string, hint string) error {
	if len(near) > 0 {
		hint = strings.Join(near, ", ") + "; or lictrail find with a part of the name"
	}
	return refuse(message, hint)
}

// maxChoices bounds how many things a word is said to mean.
const maxChoices = 20

// FindUsers finds who is meant by an object id, a UPN or a mail address, present or
// past, a display name or a part of one of these. An address that several accounts
// had stands for all of them; of a name only one person may be meant, and the book's
// Guessed is called with the user found.
func (b *Book) FindUsers(ctx context.Context, word string) ([]store.Person, error) {
	people, err := b.UsersCalled(ctx, word)
	if err != nil || len(people) > 0 {
		return people, err
	}
	q := words.NewQuery(word)
	all, more, err := b.History.FindPeople(ctx, q, maxChoices)
	if err != nil {
		return nil, err
	}
	found, fits := best(all, q)
	switch {
	case len(found) == 1 && fits:
		guess(b, q.Text, TitleOf(&found[0]), len(all) > 1 || more)
		return []store.Person{found[0].Person}, nil
	case len(found) > 0 && fits:
		choices := make([]Choice, len(found))
		for i, f := range found {
			choices[i] = Choice{TitleOf(&f), string(f.ID)}
		}
		return nil, several("user", q.Text, choices, more && found[0].Rank != words.Whole)
	}
	if len(found) == 0 {
		if found, err = nearPeople(ctx, b.History, q); err != nil {
			return nil, err
		}
	}
	var near []string
	for _, f := range found[:min(len(found), 3)] {
		near = append(near, TitleOf(&f))
	}
	return nil, unknown(fmt.Sprintf("no user %q in the history", q.Text), near,
		"the object id, a UPN or mail address, present or past, or a name; lictrail assignments lists those with licenses")
}

// UsersCalled finds users by object id, or by a complete UPN or mail address, present or
// past: for names in files, and for operations that cannot be undone.
func (b *Book) UsersCalled(ctx context.Context, ref string) ([]store.Person, error) {
	return b.History.FindUsers(ctx, ref)
}

// guess reports what a name was resolved to.
func guess(b *Book, word, title string, others bool) {
	if b.Guessed != nil && !strings.EqualFold(word, title) {
		b.Guessed(word, title, others)
	}
}

// OptionalUsers is users, or nobody in particular for "".
func (b *Book) OptionalUsers(ctx context.Context, ref string) ([]store.Person, error) {
	if ref == "" {
		return nil, nil
	}
	return b.FindUsers(ctx, ref)
}

// best keeps the users of the best rank: those with exactly that name, else all that
// match. A complete address must be that of a user, or the beginning of one: a user whose
// address merely contains it is only suggested.
func best(found []store.Found, q words.Query) (kept []store.Found, fits bool) {
	whole := slices.DeleteFunc(slices.Clone(found), func(f store.Found) bool { return f.Rank != words.Whole })
	if len(whole) > 0 {
		return whole, true
	}
	if strings.Contains(q.Text, "@") || snapshot.IsGUID(q.Text) {
		begun := slices.DeleteFunc(slices.Clone(found), func(f store.Found) bool { return f.Rank != words.Begins })
		if len(begun) > 0 {
			return begun, true
		}
		return found, false
	}
	return found, len(found) > 0
}

// TitleOf is how to call a person who was found: address, name and former name.
func TitleOf(f *store.Found) string {
	title := cmp.Or(f.UPN, string(f.ID))
	if f.Name != "" {
		title += " (" + f.Name + ")"
	}
	if f.Was != "" {
		title += ", formerly " + f.Was
	}
	return title
}

// PersonLine is name, address, department and id of a user, and whether the account
// was deleted.
func PersonLine(u *snapshot.User) string {
	line := u.UPN
	if u.Name != "" {
		line = u.Name + " <" + u.UPN + ">"
	}
	if u.Department != "" {
		line += ", " + u.Department
	}
	if u.Presence != snapshot.Present {
		line += ", " + string(u.Presence)
	}
	return line + "  " + string(u.ID)
}

// nearPeople finds people with similar names: each word that no name has must be similar
// to one of theirs.
func nearPeople(ctx context.Context, h *store.History, q words.Query) ([]store.Found, error) {
	if h.Pseudonymous() {
		return nil, nil // it would say whom a word nearly names
	}
	text := q.Text
	if strings.Contains(text, "@") {
		text = words.Local(text)
	}
	typed := words.Of(text)
	for i, w := range typed {
		known, err := h.WordsOfNames(ctx, w)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, w) }) {
			if typed[i] = near.Word(w, known); typed[i] == "" {
				return nil, nil
			}
		}
	}
	found, _, err := h.FindPeople(ctx, words.NewQuery(strings.Join(typed, " ")), 3)
	return found, err
}

// SKUsOf finds the SKUs of the tenant that a word names exactly: the one with that
// id, else all with that part number, which Microsoft does not keep unique, else
// those of that product name, present or former. They are sorted.
func (b *Book) SKUsOf(word string) []snapshot.SKUID {
	word = strings.TrimSpace(word)
	var found []snapshot.SKUID
	for id, part := range b.History.PartNumbers() {
		if strings.EqualFold(string(id), word) {
			return []snapshot.SKUID{id}
		}
		if strings.EqualFold(part, word) {
			found = append(found, id)
		}
	}
	if len(found) == 0 {
		for _, s := range b.Catalog.FindSKUs(word) {
			if _, ok := b.History.PartNumbers()[s.ID]; ok {
				found = append(found, s.ID)
			}
		}
	}
	slices.Sort(found)
	return found
}

// FindSKUs finds the SKUs that a question is about, none for "": by an id, a part
// number, a product name, a common short name or a part of one of these. A part
// number may be that of several; any other word must mean one.
func (b *Book) FindSKUs(word string) ([]snapshot.SKUID, error) {
	if word == "" {
		return nil, nil
	}
	const list = "lictrail skus lists those that the tenant has had"
	found := b.SKUsOf(word)
	if len(found) == 0 {
		if known := b.Catalog.FindSKUs(word); len(known) > 0 {
			return nil, refuse(fmt.Sprintf("no SKU %q in the history: the tenant has never had %s", word, known[0].Name), list)
		}
		if found = b.MatchSKUs(words.NewQuery(word)); len(found) == 1 {
			guess(b, word, skuTitle(b, found[0]), false)
		}
	}
	switch other := func(id snapshot.SKUID) bool { return !strings.EqualFold(b.PartNumber(id), b.PartNumber(found[0])) }; {
	case len(found) == 0:
		return nil, unknown(fmt.Sprintf("no SKU %q in the history", word), nearSKUs(b, word), list)
	case slices.ContainsFunc(found, other):
		return nil, severalSKUs(b, word, found)
	}
	return found, nil
}

// FindSKU finds the one SKU that is meant, "" for "".
func (b *Book) FindSKU(word string) (snapshot.SKUID, error) {
	found, err := b.FindSKUs(word)
	switch {
	case err != nil || len(found) == 0:
		return "", err
	case len(found) > 1:
		return "", severalSKUs(b, word, found)
	}
	return found[0], nil
}

func severalSKUs(b *Book, word string, ids []snapshot.SKUID) error {
	choices := make([]Choice, len(ids))
	for i, id := range ids {
		choices[i] = Choice{skuTitle(b, id), string(id)}
	}
	return several("SKU", word, choices, false)
}

// skuTitle is how to call a SKU: product name and part number.
func skuTitle(b *Book, id snapshot.SKUID) string {
	part := b.PartNumber(id)
	title := b.Catalog.SKUName(id, part)
	if part != "" && part != title {
		title += " (" + part + ")"
	}
	return title
}

// MatchSKUs finds the SKUs of the tenant that words mean, by the best of these:
// their common short name, whole words of their names, beginnings of words, any part.
func (b *Book) MatchSKUs(q words.Query) []snapshot.SKUID {
	ranked := map[int][]snapshot.SKUID{}
	for id, part := range b.History.PartNumbers() {
		rank := rankSKU(q, b.Catalog.SKUName(id, part), part)
		ranked[rank] = append(ranked[rank], id)
	}
	for rank := 1; rank <= worstRank; rank++ {
		if found := ranked[rank]; len(found) > 0 {
			slices.Sort(found)
			return found
		}
	}
	return nil
}

// worstRank is that of a SKU in whose name the words are somewhere.
const worstRank = 4

// rankSKU says how well words fit a product: 1 the best, 0 not at all.
func rankSKU(q words.Query, name, part string) int {
	switch {
	case q.Empty():
		return 0
	case slices.Equal(words.Of(ShortSKU(name)), q.Words):
		return 1
	case wholeWords(q, name) || wholeWords(q, part):
		return 2
	}
	switch min(q.Name(name), q.Name(part)) {
	case words.Whole, words.Begins:
		return 3
	case words.Anywhere:
		return worstRank
	}
	return 0
}

func wholeWords(q words.Query, name string) bool {
	have := words.Of(name)
	return !slices.ContainsFunc(q.Words, func(w string) bool { return !slices.Contains(have, w) })
}

// brands stand before the names of products, and are left out when people talk.
var brands = []string{"Microsoft 365 ", "Office 365 ", "Dynamics 365 ", "Microsoft ", "Azure Active Directory "}

// ShortSKU is what people call a product: "E3" for "Microsoft 365 E3" as well as
// for "Microsoft 365 E3 EEA (no Teams)".
func ShortSKU(name string) string {
	if i := strings.IndexByte(name, '('); i > 0 {
		name = name[:i]
	}
	name = strings.TrimSuffix(strings.TrimSpace(name), " EEA")
	for _, b := range brands {
		if rest, ok := strings.CutPrefix(name, b); ok {
			return strings.TrimSpace(rest)
		}
	}
	return strings.TrimSpace(name)
}

// nearSKUs are products of the tenant with similar names.
func nearSKUs(b *Book, word string) []string {
	by := map[string]string{}
	for id, part := range b.History.PartNumbers() {
		name := b.Catalog.SKUName(id, part)
		for _, called := range []string{part, name, ShortSKU(name)} {
			by[strings.ToLower(called)] = name
		}
	}
	return nearest(word, by)
}

// nearest returns the things whose names are the most similar to a word; by has the things
// for each name. A part that only one name has counts as well. Words of two letters are
// not compared, since they are similar to every other.
func nearest(word string, by map[string]string) []string {
	by = maps.Clone(by)
	for part, means := range ownParts(by) {
		if by[part] == "" {
			by[part] = means
		}
	}
	var list []string
	for called := range by {
		if len(called) > 3 {
			list = append(list, called)
		}
	}
	slices.Sort(list)
	if w := near.Word(word, list); w != "" && len(word) > 3 {
		return []string{by[w]}
	}
	return nil
}

// ownParts are the parts of names, of five letters and more, that mean one thing only.
func ownParts(by map[string]string) map[string]string {
	parts := map[string]string{}
	shared := map[string]bool{}
	for called, means := range by {
		for part := range strings.FieldsSeq(called) {
			if other := parts[part]; other != "" && other != means {
				shared[part] = true
			}
			if len(part) >= 5 {
				parts[part] = means
			}
		}
	}
	maps.DeleteFunc(parts, func(part, _ string) bool { return shared[part] })
	return parts
}

// FindGroup finds the group that is meant by an object id, a name or a part of one,
// present or former; "" for "".
func (b *Book) FindGroup(ctx context.Context, word string) (snapshot.GroupID, error) {
	if word == "" {
		return "", nil
	}
	q := words.NewQuery(word)
	ranked, err := b.MatchGroups(ctx, q)
	if err != nil {
		return "", err
	}
	found := slices.DeleteFunc(slices.Clone(ranked), func(g FoundGroup) bool { return g.Rank != words.Whole })
	if now := slices.DeleteFunc(slices.Clone(found), func(g FoundGroup) bool { return g.Was != "" }); len(now) > 0 {
		found = now
	}
	if len(found) == 0 {
		found = ranked
	}
	switch len(found) {
	case 1:
		guess(b, q.Text, cmp.Or(b.History.GroupName(found[0].ID), string(found[0].ID)), len(ranked) > 1)
		return found[0].ID, nil
	case 0:
		by := map[string]string{}
		for _, name := range b.History.Groups() {
			by[strings.ToLower(name)] = name
		}
		return "", unknown(fmt.Sprintf("no group %q has given licenses", q.Text), nearest(q.Text, by), "lictrail groups lists those that have")
	}
	var choices []Choice
	for _, g := range found[:min(len(found), maxChoices)] {
		title := b.History.GroupName(g.ID)
		if g.Was != "" {
			title += ", formerly " + g.Was
		}
		choices = append(choices, Choice{title, string(g.ID)})
	}
	return "", several("group", q.Text, choices, len(found) > maxChoices)
}

// FoundGroup is a group that words mean.
type FoundGroup struct {
	ID   snapshot.GroupID
	Rank words.Rank
	Was  string // the former name that fits; "" where the present one does
}

// MatchGroups finds groups by parts of their names, the best first.
func (b *Book) MatchGroups(ctx context.Context, q words.Query) ([]FoundGroup, error) {
	h := b.History
	all, err := h.GroupNames(ctx)
	if err != nil {
		return nil, err
	}
	by := map[snapshot.GroupID]FoundGroup{}
	for _, g := range all {
		rank := q.Name(g.Name)
		if strings.EqualFold(string(g.ID), q.Text) {
			rank = words.Whole
		}
		if rank == words.No {
			continue
		}
		f := FoundGroup{g.ID, rank, ""}
		if now := h.GroupName(g.ID); now != g.Name {
			f.Was = g.Name
		}
		if old, ok := by[g.ID]; !ok || rank < old.Rank || rank == old.Rank && f.Was == "" {
			by[g.ID] = f
		}
	}
	var found []FoundGroup
	for _, f := range by {
		found = append(found, f)
	}
	slices.SortFunc(found, func(x, y FoundGroup) int {
		return cmp.Or(cmp.Compare(x.Rank, y.Rank), strings.Compare(h.GroupName(x.ID), h.GroupName(y.ID)), strings.Compare(string(x.ID), string(y.ID)))
	})
	return found, nil
}

// PlanCalled finds the service plan that is meant by an id or a whole name. The
// tenant's own names come first; what the catalog knows may come to the tenant later.
func (b *Book) PlanCalled(ctx context.Context, word string) (snapshot.PlanID, error) {
	plans, err := tenantPlans(ctx, b)
	if err != nil {
		return "", err
	}
	word = strings.TrimSpace(word)
	for _, id := range plans {
		if strings.EqualFold(word, string(id)) || strings.EqualFold(word, b.History.PlanName(id)) {
			return id, nil
		}
	}
	id, err := b.Catalog.PlanID(word)
	if err == nil {
		return id, nil
	}
	by := map[string]string{}
	for _, id := range plans {
		by[strings.ToLower(b.PlanName(id))] = b.PlanTitle(id)
	}
	return "", unknown(fmt.Sprintf("no service plan %q", word), nearest(word, by),
		"its name as Microsoft writes it, such as M365_ADVANCED_AUDITING, or its id")
}

// FindPlan finds the service plan that is meant by an id, a name or a part of one.
func (b *Book) FindPlan(ctx context.Context, word string) (snapshot.PlanID, error) {
	id, unknown := b.PlanCalled(ctx, word)
	if unknown == nil {
		return id, nil
	}
	q := words.NewQuery(word)
	found, err := b.MatchPlans(ctx, q)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", unknown
	case len(found) == 1:
		guess(b, q.Text, b.PlanTitle(found[0]), false)
		return found[0], nil
	}
	var choices []Choice
	for _, id := range found[:min(len(found), maxChoices)] {
		choices = append(choices, Choice{b.PlanTitle(id), string(id)})
	}
	return "", several("service plan", q.Text, choices, len(found) > maxChoices)
}

// MatchPlans finds plans of the tenant by parts of their names, the best first.
func (b *Book) MatchPlans(ctx context.Context, q words.Query) ([]snapshot.PlanID, error) {
	plans, err := tenantPlans(ctx, b)
	return matchPlans(b, plans, q), err
}

// tenantPlans are the plans that SKUs of the tenant ever had, sorted.
func tenantPlans(ctx context.Context, b *Book) ([]snapshot.PlanID, error) {
	bySKU, err := b.History.SKUPlans(ctx)
	if err != nil {
		return nil, err
	}
	var all []snapshot.PlanID
	for _, ids := range bySKU {
		all = append(all, ids...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func matchPlans(b *Book, plans []snapshot.PlanID, q words.Query) []snapshot.PlanID {
	ranked := map[words.Rank][]snapshot.PlanID{}
	for _, id := range plans {
		plan, _ := b.Catalog.Plan(id)
		rank := min(q.Name(b.History.PlanName(id)), q.Name(plan.FriendlyName))
		if strings.EqualFold(string(id), q.Text) {
			rank = words.Whole
		}
		ranked[rank] = append(ranked[rank], id)
	}
	for _, rank := range []words.Rank{words.Whole, words.Begins, words.Anywhere} {
		if len(ranked[rank]) > 0 {
			return ranked[rank]
		}
	}
	return nil
}

// PlanTitle is how to call a plan: its name, and in brackets what people call it.
func (b *Book) PlanTitle(id snapshot.PlanID) string {
	plan, _ := b.Catalog.Plan(id)
	title := cmp.Or(b.History.PlanName(id), plan.Name, string(id))
	if plan.FriendlyName != "" && plan.FriendlyName != title {
		title += " (" + plan.FriendlyName + ")"
	}
	return title
}

// JoinIDs lists ids in their order.
func JoinIDs[T ~string](ids []T) string {
	slices.Sort(ids)
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, ", ")
}
