// Package ask is the reading side: what can be asked of a recorded history, one
// question a file. A question is a function of a [Book] and of typed options; its
// answer is typed as well. Package show turns answers into text; this package prints nothing,
// and knows neither flags nor formats.
package ask

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/catalog"
	"lictrail/snapshot/store"
)

// Book is a history opened for reading, with the names of what is in it.
type Book struct {
	History *store.History
	Catalog *catalog.Catalog

	Guessed func(word, title string, others bool) // called with what a name was resolved to; may be nil

	// PartNumbers has answers call SKUs by part numbers, as programs know them, and
	// not by the names of products.
	PartNumbers bool

	products map[string]int // how many SKUs of the tenant are called so, in lower case

	from, until time.Time      // see About
	unkept      []snapshot.Gap // see Keeps

	db    *store.DB // closed with the book; nil: somebody else's
	reads *readings // nil: there is no answer that could have gaps
}

// Open opens the database in a file for reading. With pseudonymize, people are
// called by pseudonyms in every answer.
func Open(ctx context.Context, file string, pseudonymize bool) (*Book, error) {
	db, err := store.OpenReadOnly(ctx, file, migrations.Check)
	if err != nil {
		return nil, err
	}
	b, err := Of(ctx, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	b.db = db
	if pseudonymize {
		if err := b.History.Pseudonymize(ctx); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

// Of opens the history of a database that stays the caller's: closing the book
// closes the history alone.
func Of(ctx context.Context, db *store.DB) (*Book, error) {
	h, err := db.History(ctx)
	if err != nil {
		return nil, err
	}
	b := &Book{History: h, products: map[string]int{}}
	if b.Catalog, err = Names(ctx, h); err == nil {
		b.reads, err = readReadings(ctx, h)
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	for id := range h.PartNumbers() {
		b.products[strings.ToLower(b.Product(id))]++
	}
	return b, nil
}

// Again returns a new book of a database with the cached data of another book, including
// pseudonyms, if nothing has been written since; else nil. It is fast.
func Again(ctx context.Context, db *store.DB, known *Book) (*Book, error) {
	h, err := db.Again(ctx, known.History)
	if h == nil || err != nil {
		return nil, err
	}
	return &Book{History: h, Catalog: known.Catalog, products: known.products, reads: known.reads}, nil
}

// Names joins the built-in names with those that were imported.
func Names(ctx context.Context, h *store.History) (*catalog.Catalog, error) {
	skus, plans, err := h.ImportedNames(ctx)
	if err != nil {
		return nil, err
	}
	if len(skus) == 0 {
		return catalog.Builtin(), nil
	}
	imported := make([]catalog.SKU, len(skus))
	for i, s := range skus {
		imported[i] = catalog.SKU{ID: s.ID, PartNumber: s.PartNumber, Name: s.Name}
	}
	named := make([]catalog.Plan, len(plans))
	for i, p := range plans {
		named[i] = catalog.Plan{ID: p.ID, Name: p.Name, FriendlyName: p.FriendlyName}
	}
	return catalog.Merge(catalog.Builtin(), catalog.New(imported, named)), nil
}

// Close closes the history, and the database where the book opened it.
func (b *Book) Close() error {
	err := b.History.Close()
	if b.db != nil {
		err = errors.Join(err, b.db.Close())
	}
	return err
}

// Tenant is a book of a tenant without any history: for answers that rest on
// nothing recorded.
func Tenant(t snapshot.Tenant) *Book {
	return &Book{History: &store.History{Tenant: t}, Catalog: catalog.Builtin()}
}

// Named is the same book with people under their names, for rules that use names. Conceal
// the result with [store.History.Conceal].
func (b *Book) Named() *Book {
	named := *b
	named.History, named.db = b.History.Named(), nil
	return &named
}

// Error is a question that cannot be answered as it was asked, such as one about an
// unknown user, with what to ask instead.
type Error struct {
	Message, Hint string
	Choices       []Choice // what a word means that means several things
}

func (e *Error) Error() string { return e.Message }

func refuse(message, hint string) error { return &Error{Message: message, Hint: hint} }

// PlanLabel is what a service plan is called in sentences and tables: its name for
// people, or with PartNumbers that for programs. Where another plan has the same name
// for people, the one for programs is added.
func (b *Book) PlanLabel(id snapshot.PlanID) string {
	plan, _ := b.Catalog.Plan(id)
	name := cmp.Or(b.PlanName(id), string(id))
	if b.PartNumbers || plan.FriendlyName == "" || plan.FriendlyName == name {
		return name
	}
	if _, err := b.Catalog.PlanID(plan.FriendlyName); err != nil {
		return plan.FriendlyName + " (" + name + ")"
	}
	return plan.FriendlyName
}

// PartNumber is the part number of a SKU in the tenant, else in the catalog.
func (b *Book) PartNumber(id snapshot.SKUID) string {
	if part := b.History.PartNumbers()[id]; part != "" {
		return part
	}
	s, _ := b.Catalog.SKU(id)
	return s.PartNumber
}

// PlainSKU is the part number, or the id of a SKU that has none: how programs and
// command lines name it.
func (b *Book) PlainSKU(id snapshot.SKUID) string { return cmp.Or(b.PartNumber(id), string(id)) }

// Product is the name under which Microsoft sells a SKU, else its part number or id.
func (b *Book) Product(id snapshot.SKUID) string { return b.Catalog.SKUName(id, b.PartNumber(id)) }

// SKULabel is what a SKU is called in sentences and tables: the product, or with
// PartNumbers the part number. Where another SKU of the tenant has the same name, the
// part number is added, and the id as well if the part numbers are equal.
func (b *Book) SKULabel(id snapshot.SKUID) string {
	part, product := b.PartNumber(id), b.Product(id)
	switch {
	case b.PartNumbers || product == part || product == string(id):
		return b.partWord(id, part)
	case b.products[strings.ToLower(product)] > 1:
		return product + " (" + b.partWord(id, part) + ")"
	}
	return product
}

func (b *Book) partWord(id snapshot.SKUID, part string) string {
	switch {
	case part == "":
		return string(id)
	case b.History.SharesPartNumber(id):
		return part + " (" + string(id) + ")"
	}
	return part
}

func (b *Book) PlanName(id snapshot.PlanID) string {
	return cmp.Or(b.History.PlanName(id), b.Catalog.PlanName(id))
}

// PathName names a path without its state: "direct", "unknown" or the group.
func (b *Book) PathName(p *snapshot.PathRef) string {
	switch {
	case p == nil:
		return ""
	case p.Kind == snapshot.ByGroup:
		return cmp.Or(b.History.GroupName(p.Group), string(p.Group))
	}
	return string(p.Kind)
}

// AsOf moves the history to the newest run at a time.
func (b *Book) AsOf(at time.Time) error {
	if !b.History.AsOf(at) {
		first := b.History.First.ObservedUntil
		return refuse("tracking began on "+first.Format("2 January 2006 15:04 UTC")+"; what was held before is not known", first.Format(time.DateOnly)+" or later")
	}
	return nil
}

// Available is what can still be assigned: seats that are paid for or in grace, less
// those in use.
func Available(r *store.SKURow) int64 {
	if r.To != nil {
		return 0
	}
	return max(0, r.Units.Enabled+r.Units.Warning-r.Consumed)
}
