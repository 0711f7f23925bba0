package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type tenantJSON struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

// holdingJSON sums up one SKU of one user.
type holdingJSON struct {
	User          show.UserJSON  `json:"user"`
	SKU           show.SKUJSON   `json:"sku"`
	FirstAssigned show.DateJSON  `json:"first_assigned"`
	AssignedSince *show.DateJSON `json:"assigned_since"` // null: not held now
	Periods       int            `json:"periods"`
	DaysMin       int            `json:"days_held_min"`
	DaysMax       int            `json:"days_held_max"`
}

type periodJSON struct {
	User      show.UserJSON   `json:"user"`
	SKU       show.SKUJSON    `json:"sku"`
	Period    int             `json:"period"`
	From      show.DateJSON   `json:"from"`
	To        *show.DateJSON  `json:"to"`
	Paths     []string        `json:"paths"`
	GraphDate *string         `json:"graph_date"`
	GraphWhy  *string         `json:"graph_date_why"` // why it is later than ours
	FromActor *show.ActorJSON `json:"assigned_by"`
	ToActor   *show.ActorJSON `json:"removed_by"`
}

// swapJSON is two items that belong together.
type swapJSON struct {
	From     show.SKUJSON  `json:"from"`
	To       show.SKUJSON  `json:"to"`
	Run      int64         `json:"run"`
	When     show.DateJSON `json:"when"`
	Removed  int64         `json:"removed"`  // id of the change
	Assigned int64         `json:"assigned"` // id of the change
}

// earlierJSON is an earlier record that was imported.
type earlierJSON struct {
	SKU        show.SKUJSON `json:"sku"`
	Assigned   *string      `json:"assigned"`
	Seen       *string      `json:"seen"`
	Removed    *string      `json:"removed"`
	Path       *string      `json:"path"`
	Note       *string      `json:"note"`
	File       string       `json:"file"`
	SHA256     string       `json:"sha256"`
	Line       int          `json:"line"`
	ImportedAt *string      `json:"imported_at"`
}

// printJSON prints the changes as items, as every command does, and the rest
// beside them: what the first run found is in no change.
func (p *past) printJSON(e *env) error {
	doc := struct {
		Schema  int               `json:"schema"`
		Tenant  tenantJSON        `json:"tenant"`
		Users   []show.UserJSON   `json:"users"`
		SKUs    []holdingJSON     `json:"skus"`
		Periods []periodJSON      `json:"periods"`
		Swaps   []swapJSON        `json:"swaps"`
		Imports []earlierJSON     `json:"imports"`
		Items   []show.ChangeJSON `json:"items"`
		Gaps    []out.Gap         `json:"gaps"`
	}{out.Schema, tenantJSON{string(p.History.Tenant.ID), show.OrNull(p.History.Tenant.Name)}, []show.UserJSON{}, []holdingJSON{}, []periodJSON{},
		[]swapJSON{}, []earlierJSON{}, []show.ChangeJSON{}, show.Gaps(p.Book, e.command)}
	for i := range p.people {
		doc.Users = append(doc.Users, show.User(&p.people[i].User))
	}
	for _, h := range p.holdings {
		doc.SKUs = append(doc.SKUs, p.holdingJSON(h))
	}
	for _, d := range p.periods {
		doc.Periods = append(doc.Periods, p.periodJSON(d))
	}
	for _, s := range p.swaps {
		removed, assigned := p.changes[s.Removed], p.changes[s.Assigned]
		doc.Swaps = append(doc.Swaps, swapJSON{show.SKU(p.names.Book, removed.SKU), show.SKU(p.names.Book, assigned.SKU), int64(assigned.Run), show.Date(assigned.When), removed.ID, assigned.ID})
	}
	for i := range p.imports {
		doc.Imports = append(doc.Imports, p.earlierJSON(&p.imports[i]))
	}
	for _, c := range p.changes {
		doc.Items = append(doc.Items, show.Change(p.names.Book, c))
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	_, err = e.Out.Write(append(text, '\n'))
	return err
}

func (p *past) holdingJSON(h *store.Holding) holdingJSON {
	j := holdingJSON{User: show.User(&h.Person.User), SKU: show.SKU(p.names.Book, h.SKU), FirstAssigned: show.Date(h.First)}
	j.DaysMin, j.DaysMax = p.daysHeld(h)
	for _, d := range p.periods {
		if d.User.ID != h.Person.ID || d.SKU != h.SKU {
			continue
		}
		j.Periods++
		if d.To == nil {
			since := show.Date(d.From)
			j.AssignedSince = &since
		}
	}
	return j
}

func (p *past) periodJSON(d *store.Period) periodJSON {
	j := periodJSON{User: show.User(&d.User), SKU: show.SKU(p.names.Book, d.SKU), Period: d.Number, From: show.Date(d.From), Paths: p.pathNames(d),
		GraphDate: show.Stamp(d.GraphDate), GraphWhy: show.OrNull(p.graphWhy(d))}
	if c := p.turn(d.User.ID, d.SKU, d.From, snapshot.Assigned); c != nil {
		j.FromActor = show.Actor(c.Attribution.Actor)
	}
	if d.To == nil {
		return j
	}
	to := show.Date(*d.To)
	j.To = &to
	if c := p.turn(d.User.ID, d.SKU, *d.To, snapshot.Removed); c != nil {
		j.ToActor = show.Actor(c.Attribution.Actor)
	}
	return j
}

func (p *past) earlierJSON(r *store.ImportRow) earlierJSON {
	return earlierJSON{SKU: show.SKU(p.names.Book, r.SKU), Assigned: show.OrNull(r.Assigned.String()), Seen: show.OrNull(r.Seen.String()),
		Removed: show.OrNull(r.Removed.String()), Path: show.OrNull(r.Path), Note: show.OrNull(r.Note), File: r.File.Name, SHA256: r.File.SHA256,
		Line: r.Line, ImportedAt: show.Stamp(r.File.ImportedAt.Truncate(time.Second))}
}
