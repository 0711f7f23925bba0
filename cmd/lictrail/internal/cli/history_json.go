package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type tenantJSON struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

// holdingJSON sums up one SKU of one user.
type holdingJSON struct {
	User          userJSON  `json:"user"`
	SKU           skuJSON   `json:"sku"`
	FirstAssigned dateJSON  `json:"first_assigned"`
	AssignedSince *dateJSON `json:"assigned_since"` // null: not held now
	Periods       int       `json:"periods"`
	DaysMin       int       `json:"days_held_min"`
	DaysMax       int       `json:"days_held_max"`
}

type periodJSON struct {
	User      userJSON   `json:"user"`
	SKU       skuJSON    `json:"sku"`
	Period    int        `json:"period"`
	From      dateJSON   `json:"from"`
	To        *dateJSON  `json:"to"`
	Paths     []string   `json:"paths"`
	GraphDate *string    `json:"graph_date"`
	GraphWhy  *string    `json:"graph_date_why"` // why it is later than ours
	FromActor *actorJSON `json:"assigned_by"`
	ToActor   *actorJSON `json:"removed_by"`
}

// swapJSON is two items that belong together.
type swapJSON struct {
	From     skuJSON  `json:"from"`
	To       skuJSON  `json:"to"`
	Run      int64    `json:"run"`
	When     dateJSON `json:"when"`
	Removed  int64    `json:"removed"`  // id of the change
	Assigned int64    `json:"assigned"` // id of the change
}

// earlierJSON is an earlier record that was imported.
type earlierJSON struct {
	SKU        skuJSON `json:"sku"`
	Assigned   *string `json:"assigned"`
	Seen       *string `json:"seen"`
	Removed    *string `json:"removed"`
	Path       *string `json:"path"`
	Note       *string `json:"note"`
	File       string  `json:"file"`
	SHA256     string  `json:"sha256"`
	Line       int     `json:"line"`
	ImportedAt *string `json:"imported_at"`
}

// printJSON prints the changes as items, as every command does, and the rest
// beside them: what the first run found is in no change.
func (p *past) printJSON(e *env) error {
	doc := struct {
		Schema  int           `json:"schema"`
		Tenant  tenantJSON    `json:"tenant"`
		Users   []userJSON    `json:"users"`
		SKUs    []holdingJSON `json:"skus"`
		Periods []periodJSON  `json:"periods"`
		Swaps   []swapJSON    `json:"swaps"`
		Imports []earlierJSON `json:"imports"`
		Items   []changeJSON  `json:"items"`
		Gaps    []out.Gap     `json:"gaps"`
	}{out.Schema, tenantJSON{string(p.h.Tenant.ID), orNull(p.h.Tenant.Name)}, []userJSON{}, []holdingJSON{}, []periodJSON{},
		[]swapJSON{}, []earlierJSON{}, []changeJSON{}, p.gapsJSON(e.command)}
	for i := range p.people {
		doc.Users = append(doc.Users, newUser(&p.people[i].User))
	}
	for _, h := range p.holdings {
		doc.SKUs = append(doc.SKUs, p.holdingJSON(h))
	}
	for _, d := range p.periods {
		doc.Periods = append(doc.Periods, p.periodJSON(d))
	}
	for _, s := range p.swaps {
		removed, assigned := p.changes[s.Removed], p.changes[s.Assigned]
		doc.Swaps = append(doc.Swaps, swapJSON{p.sku(removed.SKU), p.sku(assigned.SKU), int64(assigned.Run), newDate(assigned.When), removed.ID, assigned.ID})
	}
	for i := range p.imports {
		doc.Imports = append(doc.Imports, p.earlierJSON(&p.imports[i]))
	}
	for _, c := range p.changes {
		doc.Items = append(doc.Items, p.names.change(c))
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	_, err = e.Out.Write(append(text, '\n'))
	return err
}

func (p *past) holdingJSON(h *store.Holding) holdingJSON {
	j := holdingJSON{User: newUser(&h.Person.User), SKU: p.sku(h.SKU), FirstAssigned: newDate(h.First)}
	j.DaysMin, j.DaysMax = p.daysHeld(h)
	for _, d := range p.periods {
		if d.User.ID != h.Person.ID || d.SKU != h.SKU {
			continue
		}
		j.Periods++
		if d.To == nil {
			since := newDate(d.From)
			j.AssignedSince = &since
		}
	}
	return j
}

func (p *past) periodJSON(d *store.Period) periodJSON {
	j := periodJSON{User: newUser(&d.User), SKU: p.sku(d.SKU), Period: d.Number, From: newDate(d.From), Paths: p.pathNames(d),
		GraphDate: stamp(d.GraphDate), GraphWhy: orNull(p.graphWhy(d))}
	if c := p.turn(d.User.ID, d.SKU, d.From, snapshot.Assigned); c != nil {
		j.FromActor = newActor(c.Attribution.Actor)
	}
	if d.To == nil {
		return j
	}
	to := newDate(*d.To)
	j.To = &to
	if c := p.turn(d.User.ID, d.SKU, *d.To, snapshot.Removed); c != nil {
		j.ToActor = newActor(c.Attribution.Actor)
	}
	return j
}

func (p *past) earlierJSON(r *store.ImportRow) earlierJSON {
	return earlierJSON{SKU: p.sku(r.SKU), Assigned: orNull(r.Assigned.String()), Seen: orNull(r.Seen.String()),
		Removed: orNull(r.Removed.String()), Path: orNull(r.Path), Note: orNull(r.Note), File: r.File.Name, SHA256: r.File.SHA256,
		Line: r.Line, ImportedAt: stamp(r.File.ImportedAt.Truncate(time.Second))}
}
