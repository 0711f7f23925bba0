package announce

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func (h Host) newMessage(event notify.Event) *notify.Message {
	return &notify.Message{ID: rand.Text(), At: h.Now(), Version: h.Version, Event: event}
}

// TestMessage is a message that says nothing but that it arrived.
func (h Host) TestMessage() *notify.Message { return h.newMessage(notify.Test) }

// message says what the run found: with names the message names people, and with
// the page it has the week in full.
func (h Host) message(ctx context.Context, r Recorded, names, withPage bool) (*notify.Message, error) {
	m := h.newMessage(notify.Ran)
	m.Tenant = out.Tenant{ID: string(r.Tenant.ID), Name: r.Tenant.Name}
	m.Number, m.First, m.Head, m.Warnings = int64(r.Run), r.First, r.Head, r.Result.Warnings
	countChanges(m, r.Changes, names)
	err := r.read(ctx, h, func(b *ask.Book) (err error) {
		m.Run = newAnnouncedRun(b.History.At)
		m.Gaps, m.NotKnown = show.Gaps(b, "sync"), show.GapSentences(b.Gaps("sync"))
		if m.Open, err = openChanges(ctx, b, r.Run, names); err != nil || !withPage {
			return err
		}
		m.Page, err = h.page(ctx, b, b.History.Runs[b.History.At.Previous], r.Rules)
		return err
	})
	return m, err
}

// failure says why a sync that began at a time failed.
func (h Host) failure(ctx context.Context, began time.Time, err error) *notify.Message {
	m := h.newMessage(notify.Failed)
	shown := exit.Explained(err)
	m.Failure = &notify.Failure{Code: max(shown.Code, exit.Failed), Message: shown.Error(), Hint: shown.Hint}
	h.addRun(ctx, m, began)
	return m
}

// addRun adds what the database knows of a failed run: it may be damaged or not
// there.
func (h Host) addRun(ctx context.Context, m *notify.Message, began time.Time) {
	db, err := store.OpenReadOnly(ctx, h.Database, migrations.Check)
	if err != nil {
		return
	}
	defer db.Close()
	if tenant, ok, err := db.Tenant(ctx); err == nil && ok {
		m.Tenant = out.Tenant{ID: string(tenant.ID), Name: tenant.Name}
	}
	runs, err := db.Runs(ctx)
	if err != nil {
		return
	}
	for _, r := range runs {
		if r.Head != "" {
			m.Head = r.Head
		}
		if !r.StartedAt.Before(began.Truncate(time.Millisecond)) {
			m.Number, m.Run = int64(r.ID), newAnnouncedRun(r)
		}
	}
}

// partyJSON is a party that is responsible for changes of a run, and their number. Where
// nobody made the changes, actor is null and cause is their cause, such as a lapsed
// subscription. Where it is not known who made them, both are null.
type partyJSON struct {
	Actor   *show.ActorJSON `json:"actor"`
	Cause   *string         `json:"cause"`
	Changes int             `json:"changes"`
	Users   int             `json:"users"`
}

func partyOf(p *ask.Party, named bool) notify.Party {
	j := partyJSON{Actor: show.Actor(p.Actor), Cause: show.OrNull(p.Cause), Changes: p.Changes, Users: len(p.Users)}
	if j.Actor != nil && !named {
		j.Actor = &show.ActorJSON{Kind: j.Actor.Kind, ID: j.Actor.ID}
	}
	return notify.Party{JSON: j, Text: show.PartyTitle(p, named), N: p.Changes}
}

// countChanges counts changes by kind and by cause, each in the order of the contract,
// and by whoever is responsible; named: with their names.
func countChanges(m *notify.Message, changes []store.Outline, named bool) {
	for _, p := range ask.Parties(changes) {
		m.By = append(m.By, partyOf(p, named))
	}
	kinds, causes := map[snapshot.Kind]int{}, map[snapshot.Cause]int{}
	for _, c := range changes {
		kinds[c.Kind]++
		causes[c.Attribution.Cause]++
		if c.Attribution.Cause == snapshot.CauseUnknown && !ask.IsDateMove(c.Kind) {
			m.Unexplained++
		}
	}
	m.DateMoves = kinds[snapshot.DateMoved]
	m.ByKind, m.ByCause = counts(snapshot.Kinds, kinds), counts(snapshot.Causes, causes)
}

func counts[T ~string](order []T, n map[T]int) []notify.Count {
	var list []notify.Count
	for _, label := range order {
		if n[label] > 0 {
			list = append(list, notify.Count{Label: string(label), N: n[label]})
		}
	}
	return list
}

// openChanges are the first of a run's changes that nothing explains.
func openChanges(ctx context.Context, b *ask.Book, run snapshot.RunID, named bool) ([]notify.Change, error) {
	var list []notify.Change
	for c, err := range b.History.Changes(ctx, store.ChangeFilter{Run: run, Causes: []snapshot.Cause{snapshot.CauseUnknown}}) {
		if err != nil {
			return nil, err
		}
		if ask.IsDateMove(c.Kind) {
			continue
		}
		list = append(list, notify.Change{JSON: openChange(b, c, named), Text: openText(b, c, named)})
		if len(list) == notify.MaxOpen {
			break
		}
	}
	return list, nil
}

// openText says what changed, without a name that stands for a person, and
// groups often do, unless they may be named.
func openText(b *ask.Book, c *store.ChangeRow, named bool) string {
	if named {
		by := ""
		if who := show.PartyLabel(c.Attribution.Responsible()); who != "" {
			by = ", by " + who // an application that nobody is known to own, say
		}
		return fmt.Sprintf("%s: %s, %s%s (%s)", show.SubjectOf(c), show.ChangeText(b, c), show.ShortDate(c.When), by, c.Attribution.UnknownWhy)
	}
	subject, path := "the tenant", ""
	if c.User != "" {
		subject = string(c.User)
	}
	if c.Path != nil {
		path = " (" + string(c.Path.Kind)
		if c.Path.Group != "" {
			path += " " + string(c.Path.Group)
		}
		path += ")"
	}
	return fmt.Sprintf("%s: %s %s%s, %s (%s)", subject, b.SKULabel(c.SKU), c.Kind, path, show.ShortDate(c.When), c.Attribution.UnknownWhy)
}

// openJSON is a change that nothing explains, as changes has it.
type openJSON struct {
	ID         int64             `json:"id"`
	Run        int64             `json:"run"`
	Kind       string            `json:"kind"`
	User       *show.UserJSON    `json:"user"`
	SKU        *show.SKUJSON     `json:"sku"`
	Path       *show.PathRefJSON `json:"path"`
	When       show.DateJSON     `json:"when"`
	UnknownWhy *string           `json:"unknown_why"`
	Reason     *string           `json:"reason"`
}

func openChange(b *ask.Book, c *store.ChangeRow, named bool) openJSON {
	full := show.Change(b, c)
	j := openJSON{full.ID, full.Run, full.Kind, full.User, full.SKU, full.Path, full.When, full.UnknownWhy, show.OrNull(full.Reason)}
	if named {
		return j
	}
	j.Reason = nil
	if j.User != nil {
		j.User = &show.UserJSON{ID: j.User.ID, Deleted: j.User.Deleted}
	}
	if j.Path != nil && j.Path.Group != nil {
		j.Path = &show.PathRefJSON{Kind: j.Path.Kind, Group: &show.GroupJSON{ID: j.Path.Group.ID}}
	}
	return j
}

// announcedRun is a row of runs without its warnings, which the message has beside it.
type announcedRun struct {
	show.RunJSON
	Warnings *struct{} `json:"warnings,omitempty"`
}

func newAnnouncedRun(r *store.Run) announcedRun { return announcedRun{RunJSON: show.Run(r)} }
