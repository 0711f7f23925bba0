package graphtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// ChurnOptions say by which paths users hold a SKU, and what happens to them.
type ChurnOptions struct {
	Users   int
	Direct  bool // the SKU is assigned directly
	Groups  int  // so many groups give it
	PerWeek int  // a user has up to so many operations a week
	// Switches: licenses of groups are taken away and given back, and given to
	// groups that never had one.
	Switches bool
	// Leavers: users are deleted, and some restored.
	Leavers bool
	// Resets: Microsoft moves dates.
	Resets bool
	// Plain: only administrators and an application of the tenant act, and
	// nobody whose record misleads about who that is.
	Plain bool
}

// Churn plays weeks in which users get and lose one SKU by several paths, in
// and out and in again, before the engine has looked or after it.
type Churn struct {
	*Tenant
	SKU    string
	Groups []string
	o      ChurnOptions
	r      *rand.Rand
	actors []Actor
	users  []string
}

// NewChurn adds the users and groups to a tenant. Some users hold the SKU from
// the start. The groups give a second SKU as well, so that one record of the
// engine records both.
func (t *Tenant) NewChurn(o ChurnOptions) *Churn {
	t.mu.Lock()
	c := &Churn{Tenant: t, SKU: SKUE5, o: o, r: rand.New(rand.NewPCG(t.rng.Uint64(), 8))}
	t.mu.Unlock()
	if c.actors = append(slices.Clone(t.Admins), t.Apps[0], t.Apps[1]); !o.Plain {
		c.actors = append(c.actors, t.AddAgent(t.Admins[0], "Joiner Agent"), t.AddApp("Signup"), PowerBIService, t.Partners[0])
	}
	for i := range o.Groups {
		g := t.CreateGroup(t.Admins[0], fmt.Sprintf("E5 by group %d", i+1), "")
		c.Groups = append(c.Groups, g)
		if i == o.Groups-1 && o.Switches && o.Groups > 1 {
			continue // licensed later, for the first time
		}
		c.try(t.SetGroupLicense(t.Admins[0], g, c.SKU))
		if i == 0 {
			c.try(t.SetGroupLicense(t.Admins[0], g, SKUEMS))
		}
	}
	for i := range o.Users {
		c.users = append(c.users, t.AddUser(t.Admins[0], UserSpec{Name: fmt.Sprintf("Churn User %d", i), Department: "Sales"}))
		c.begin(c.users[i])
	}
	t.Advance(48 * time.Hour) // so that the engine is done
	return c
}

// begin gives a new user some of the paths.
func (c *Churn) begin(user string) {
	c.Advance(time.Duration(c.r.IntN(60)) * time.Second)
	if c.o.Direct && c.r.IntN(2) == 0 {
		c.try(c.AssignDirect(c.actor(), user, c.SKU))
	}
	for _, g := range c.Groups {
		if c.r.IntN(2) == 0 {
			c.try(c.AddMember(c.actor(), g, user))
		}
	}
}

// try takes refusals, which the real service gives as well.
func (c *Churn) try(error) {}

func (c *Churn) actor() Actor { return pick(c.r, c.actors) }

// turn is an operation to come.
type turn struct {
	at time.Time
	do func()
}

// Week plays a week, and returns how many operations it had.
func (c *Churn) Week() int {
	begin := c.Now()
	end := begin.Add(7 * 24 * time.Hour)
	var turns []turn
	for _, user := range c.users {
		at := begin
		for n := c.r.IntN(c.o.PerWeek + 1); n > 0; n-- {
			at = c.next(at, begin, end)
			turns = append(turns, turn{at, func() { c.move(user) }})
		}
	}
	for _, g := range c.Groups {
		if c.o.Switches && c.r.IntN(3) == 0 {
			turns = append(turns, c.switchOver(g, begin, end)...)
		}
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return a.at.Compare(b.at) })
	for _, x := range turns {
		c.AdvanceTo(x.at)
		x.do()
	}
	c.AdvanceTo(end)
	return len(turns)
}

// next draws the time of a user's next operation: at times soon after the one
// before, so that the engine has not looked yet.
func (c *Churn) next(last, begin, end time.Time) time.Time {
	if last.After(begin) && c.r.IntN(3) == 0 {
		if soon := last.Add(between(c.r, 10*time.Second, 3*time.Hour)); soon.Before(end) {
			return soon
		}
	}
	return begin.Add(between(c.r, 0, end.Sub(begin)))
}

// switchOver takes the SKU from a group and gives it back, or gives it to one
// without.
func (c *Churn) switchOver(group string, begin, end time.Time) []turn {
	off := begin.Add(between(c.r, 0, end.Sub(begin)))
	on := off.Add(between(c.r, 20*time.Second, 5*time.Minute))
	if c.r.IntN(2) == 0 {
		on = off.Add(between(c.r, 5*time.Minute, 60*time.Hour))
	}
	give := turn{on, func() { c.try(c.SetGroupLicense(c.actor(), group, c.SKU)) }}
	if _, has := c.Group(group).Licenses[c.SKU]; !has {
		return []turn{give}
	}
	turns := []turn{{off, func() { c.try(c.RemoveGroupLicense(c.actor(), group, c.SKU)) }}}
	if on.Before(end) || c.r.IntN(2) == 0 {
		turns = append(turns, give)
	}
	return slices.DeleteFunc(turns, func(x turn) bool { return x.at.After(end) })
}

// move does one operation on a user.
func (c *Churn) move(user string) {
	if u := c.User(user); !u.Deleted.IsZero() {
		if c.r.IntN(2) == 0 {
			c.try(c.RestoreUser(c.actor(), user))
		}
		return
	}
	switch x := c.r.IntN(100); {
	case x < 4 && c.o.Leavers:
		c.try(c.DeleteUser(c.actor(), user, pick(c.r, []DeleteStyle{AdminCenter, Entra})))
	case x < 8 && c.o.Resets:
		c.MicrosoftResetsDates(user)
	case x < 16:
		c.try(c.SaveLicenses(c.actor(), user))
	case x < 24 && c.o.Direct: // another SKU, with which direct ones may be saved
		c.toggleDirect(user, SKUVisio)
	default:
		c.toggle(user)
	}
}

// toggle moves a user into or out of one path.
func (c *Churn) toggle(user string) {
	n := c.r.IntN(c.paths())
	if n == len(c.Groups) {
		c.toggleDirect(user, c.SKU)
		return
	}
	g := c.Groups[n]
	switch {
	case slices.Contains(c.Group(g).Members(), user):
		c.try(c.RemoveMember(c.actor(), g, user))
	case c.r.IntN(10) == 0 && !c.o.Plain:
		c.try(c.ApproveJoin(g, user))
	default:
		c.try(c.AddMember(c.actor(), g, user))
	}
}

func (c *Churn) paths() int {
	if c.o.Direct {
		return len(c.Groups) + 1
	}
	return len(c.Groups)
}

func (c *Churn) toggleDirect(user, sku string) {
	if c.User(user).row(pathKey{sku: sku}) >= 0 {
		c.try(c.RemoveDirect(c.actor(), user, sku))
		return
	}
	c.try(c.AssignDirect(c.actor(), user, sku))
}
