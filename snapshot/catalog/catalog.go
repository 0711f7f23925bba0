// Package catalog has Microsoft's names of products: for the GUID or part number of a
// SKU, and for the GUID of a service plan. It includes a table
// of common products and reads the list that Microsoft publishes.
//
// Names are for people. They must never take part in identity or comparison,
// and a product that is missing here is still a product: it goes by its part
// number, or by its id.
package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lictrail/snapshot"
)

// Offer says on what terms a SKU is held. Paid is the usual case.
type Offer string

const (
	Paid  Offer = ""
	Free  Offer = "free"  // costs nothing for as long as it is held
	Trial Offer = "trial" // free for a limited time
	Viral Offer = "viral" // free, and users sign up by themselves
)

// NoCost reports whether the SKU takes no money, so that reclaiming a seat of
// it saves nothing.
func (o Offer) NoCost() bool { return o != Paid }

// SKU is a product as Microsoft sells it.
type SKU struct {
	ID         snapshot.SKUID
	PartNumber string
	Name       string // the product's display name
	Offer      Offer
	Plans      []snapshot.PlanID // sorted; empty when not known
}

// Plan is a service plan: one service within a SKU.
type Plan struct {
	ID           snapshot.PlanID
	Name         string // as in subscribedSkus, such as EXCHANGE_S_ENTERPRISE
	FriendlyName string
}

// ErrNotFound says that no product or plan has the name that was asked for.
var ErrNotFound = errors.New("not in the catalog")

// AmbiguousError says that several products or plans have the name.
type AmbiguousError struct {
	Word string
	IDs  []string // sorted
}

// Error gives the name and the ids that it may stand for.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q may be any of %s", e.Word, strings.Join(e.IDs, ", "))
}

// Catalog holds names of products and plans. The zero value is empty and ready
// for lookups; it must not be copied into. A Catalog does not change once it is
// made, so goroutines may share it.
type Catalog struct {
	skus   map[snapshot.SKUID]SKU
	plans  map[snapshot.PlanID]Plan
	byPart index[snapshot.SKUID]
	byName index[snapshot.SKUID] // of a later list too, beside the built-in name
	// byFormer has names that Microsoft gave up long ago. Some were given to other
	// products since.
	byFormer index[snapshot.SKUID]
	byPlan   index[snapshot.PlanID]
}

// New returns a catalog of the products and plans given. Of two with the same
// id the first wins.
func New(skus []SKU, plans []Plan) *Catalog {
	c := newCatalog()
	for _, s := range skus {
		c.addSKU(s)
	}
	for _, p := range plans {
		c.addPlan(p)
	}
	return c
}

func newCatalog() *Catalog {
	return &Catalog{
		skus:     map[snapshot.SKUID]SKU{},
		plans:    map[snapshot.PlanID]Plan{},
		byPart:   index[snapshot.SKUID]{},
		byName:   index[snapshot.SKUID]{},
		byFormer: index[snapshot.SKUID]{},
		byPlan:   index[snapshot.PlanID]{},
	}
}

// SKUName returns the product's display name, else the part number, else the id.
// The part number given is the tenant's; "" asks the catalog for it.
func (c *Catalog) SKUName(id snapshot.SKUID, partNumber string) string {
	s := c.skus[lowerID(id)]
	return cmp.Or(s.Name, partNumber, s.PartNumber, string(id))
}

// SKU returns the product with the id, in either case.
func (c *Catalog) SKU(id snapshot.SKUID) (SKU, bool) {
	s, ok := c.skus[lowerID(id)]
	s.Plans = slices.Clone(s.Plans)
	return s, ok
}

// FindSKUs returns the products that go by the word, sorted by id: the one with
// that id, else those with that part number, else those with that display name,
// present or past. Case, spacing and the kind of dash do not matter.
func (c *Catalog) FindSKUs(word string) []SKU {
	if s, ok := c.SKU(snapshot.SKUID(strings.TrimSpace(word))); ok {
		return []SKU{s}
	}
	ids := c.byPart.find(word)
	if len(ids) == 0 {
		ids = c.byName.find(word)
	}
	if len(ids) == 0 {
		ids = c.byFormer.find(word)
	}
	return c.named(ids)
}

// Formerly returns the products that had the name before, sorted by id, whatever
// has it now: an old list may mean either.
func (c *Catalog) Formerly(name string) []SKU { return c.named(c.byFormer.find(name)) }

func (c *Catalog) named(ids []snapshot.SKUID) []SKU {
	found := make([]SKU, 0, len(ids))
	for _, id := range ids {
		s, _ := c.SKU(id)
		found = append(found, s)
	}
	return found
}

// FindSKU returns the one product that goes by the word. It returns
// [ErrNotFound] when there is none and an [AmbiguousError] when there are more.
func (c *Catalog) FindSKU(word string) (SKU, error) {
	found := c.FindSKUs(word)
	ids := make([]string, len(found))
	for i, s := range found {
		ids[i] = string(s.ID)
	}
	if err := wantOne("product", word, ids); err != nil {
		return SKU{}, err
	}
	return found[0], nil
}

// PlanIDs returns the service plans in a SKU, sorted; nil when not known.
func (c *Catalog) PlanIDs(id snapshot.SKUID) []snapshot.PlanID {
	s, _ := c.SKU(id)
	return s.Plans
}

// PlanName returns the plan's friendly name, else its name, else the id.
func (c *Catalog) PlanName(id snapshot.PlanID) string {
	p := c.plans[lowerID(id)]
	return cmp.Or(p.FriendlyName, p.Name, string(id))
}

// Plan returns the service plan with the id, in either case.
func (c *Catalog) Plan(id snapshot.PlanID) (Plan, bool) {
	p, ok := c.plans[lowerID(id)]
	return p, ok
}

// PlanID returns the id of the one plan that goes by the word: an id, a name or
// a friendly name. It returns [ErrNotFound] when there is none and an
// [AmbiguousError] when there are more, which is common among friendly names.
func (c *Catalog) PlanID(word string) (snapshot.PlanID, error) {
	if p, ok := c.Plan(snapshot.PlanID(strings.TrimSpace(word))); ok {
		return p.ID, nil
	}
	ids := c.byPlan.find(word)
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = string(id)
	}
	if err := wantOne("service plan", word, words); err != nil {
		return "", err
	}
	return ids[0], nil
}

// SKUs returns all products, sorted by id.
func (c *Catalog) SKUs() []SKU {
	all := make([]SKU, 0, len(c.skus))
	for _, id := range slices.Sorted(maps.Keys(c.skus)) {
		s, _ := c.SKU(id)
		all = append(all, s)
	}
	return all
}

// Plans returns all service plans, sorted by id.
func (c *Catalog) Plans() []Plan {
	all := make([]Plan, 0, len(c.plans))
	for _, id := range slices.Sorted(maps.Keys(c.plans)) {
		all = append(all, c.plans[id])
	}
	return all
}

// Merge returns a catalog of both. Where both know a product or a plan, what was
// imported wins; what it does not say stays as built in: the offer, which
// Microsoft's list leaves out, and former names for lookups.
func Merge(builtin, imported *Catalog) *Catalog {
	m := newCatalog()
	for _, c := range []*Catalog{builtin, imported} {
		if c == nil {
			continue
		}
		for id, s := range c.skus {
			m.skus[id] = overlaySKU(m.skus[id], s)
		}
		for id, p := range c.plans {
			m.plans[id] = overlayPlan(m.plans[id], p)
		}
		m.byPart.addAll(c.byPart)
		m.byName.addAll(c.byName)
		m.byFormer.addAll(c.byFormer)
		m.byPlan.addAll(c.byPlan)
	}
	return m
}

func overlaySKU(under, over SKU) SKU {
	merged := SKU{
		ID:         over.ID,
		PartNumber: cmp.Or(over.PartNumber, under.PartNumber),
		Name:       cmp.Or(over.Name, under.Name),
		Offer:      cmp.Or(over.Offer, under.Offer),
		Plans:      over.Plans,
	}
	if len(merged.Plans) == 0 {
		merged.Plans = under.Plans
	}
	return merged
}

func overlayPlan(under, over Plan) Plan {
	return Plan{
		ID:           over.ID,
		Name:         cmp.Or(over.Name, under.Name),
		FriendlyName: cmp.Or(over.FriendlyName, under.FriendlyName),
	}
}

// addSKU adds the product unless its id is known, and lets it be found by the
// part number and the name in any case.
func (c *Catalog) addSKU(s SKU) (added bool) {
	if _, known := c.skus[s.ID]; !known {
		c.skus[s.ID], added = s, true
	}
	c.byPart.add(s.PartNumber, s.ID)
	c.byName.add(s.Name, s.ID)
	return added
}

// addPlan adds the plan unless its id is known, and lets it be found by both
// names in any case.
func (c *Catalog) addPlan(p Plan) (added bool) {
	if _, known := c.plans[p.ID]; !known {
		c.plans[p.ID], added = p, true
	}
	c.byPlan.add(p.Name, p.ID)
	c.byPlan.add(p.FriendlyName, p.ID)
	return added
}

// addPlanTo notes that the SKU contains the plan; both must be known.
func (c *Catalog) addPlanTo(sku snapshot.SKUID, plan snapshot.PlanID) (added bool) {
	s := c.skus[sku]
	at, known := slices.BinarySearch(s.Plans, plan)
	if known {
		return false
	}
	s.Plans = slices.Insert(s.Plans, at, plan)
	c.skus[sku] = s
	return true
}

func wantOne(what, word string, ids []string) error {
	switch len(ids) {
	case 0:
		return fmt.Errorf("%s %q: %w", what, word, ErrNotFound)
	case 1:
		return nil
	}
	return &AmbiguousError{Word: word, IDs: ids}
}

// index finds ids by a name that several may share. Lists are sorted.
type index[ID ~string] map[string][]ID

func (x index[ID]) find(word string) []ID { return x[fold(word)] }

func (x index[ID]) add(word string, id ID) {
	key := fold(word)
	if key == "" {
		return
	}
	if at, known := slices.BinarySearch(x[key], id); !known {
		x[key] = slices.Insert(slices.Clip(x[key]), at, id)
	}
}

func (x index[ID]) addAll(o index[ID]) {
	for word, ids := range o {
		for _, id := range ids {
			x.add(word, id)
		}
	}
}

// fold makes names equal that differ only in case, spaces and the like.
func fold(word string) string {
	word = strings.Map(func(r rune) rune {
		switch r {
		case '\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2212':
			return '-'
		}
		return r
	}, word)
	return strings.ToLower(strings.Join(strings.Fields(word), " "))
}

func lowerID[ID ~string](id ID) ID { return ID(strings.ToLower(string(id))) }

// isGUID reports whether s is a GUID in lower case, without braces.
func isGUID(s string) bool { return snapshot.IsGUID(s) && s == strings.ToLower(s) }
