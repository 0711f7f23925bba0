package graphtest

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"
)

// big generates a tenant of any size, row by row, from nothing but numbers.
type big struct {
	users  int
	shares []float64 // of the users whose licenses changed, week by week
	plans  []Plan

	// assignedPlans, and where in it a user's own words go.
	shown              []byte
	own, second, state []int
	rolledOut          []int // dates of the plans that Microsoft added later

	// realistic tenants vary more, see NewRealistic.
	realistic bool
	dated     bool              // accounts were made one after the other, see SpreadCreation
	chosen    map[string][2]int // users, by the filter that selects them
	visio     []byte            // the plans of a third license, behind the others
	visioAt   []int
}

// bigSecond is how many of a user's plans belong to the second license.
const bigSecond = 4

// NewBig returns a tenant of many users, each with so many service plans,
// whose pages are made when they are asked for. All hold E5, each since a day
// of their own; half hold Copilot too. Operations do not apply to it;
// [Tenant.Week] changes it.
func NewBig(seed uint64, users, plansPerUser int) *Tenant {
	t := New(seed)
	t.big = &big{users: users, plans: bigPlans(plansPerUser), chosen: map[string][2]int{}}
	t.big.render()
	first := max(0, plansPerUser-bigSecond)
	s := t.sku(SKUE5)
	s.Plans, s.Enabled, s.consumed = t.big.plans[:first], users, users
	copilot := t.sku(SKUCopilot)
	copilot.Plans, copilot.Enabled, copilot.consumed = t.big.plans[first:], users, users/2
	return t
}

// NewRealistic returns a tenant as [NewBig] does whose users differ as they do
// in a tenant of that size: nearly everybody's job title, office and company
// are a combination of their own; three in five hold Visio beside the other
// licenses, so that a user has 2.1 on average; the plans that Microsoft added
// later came in waves, in each to every user at a time of their own; and to a
// fifth of the users the plans of a license came one by one within a minute.
func NewRealistic(seed uint64, users, plansPerUser int) *Tenant {
	t := NewBig(seed, users, plansPerUser)
	b := t.big
	b.realistic = true
	visio := t.sku(SKUVisio)
	visio.Plans, visio.Enabled, visio.consumed = plansNamed("VISIOONLINE VISIO_CLIENT_SUBSCRIPTION"), users, 0
	for i := range users {
		if holdsVisio(i) {
			visio.consumed++
		}
	}
	for _, p := range visio.Plans {
		b.visio = append(b.visio, ',')
		from := len(b.visio)
		b.visio = appendPlan(b.visio, p)
		b.visioAt = append(b.visioAt, from+len(planHead))
	}
	return t
}

func holdsVisio(i int) bool { return mix(uint64(i)<<8|2)%5 < 3 }

// spread reports whether the plans of a license came to user i one by one.
func spread(i int) bool { return mix(uint64(i)<<8|3)%5 == 0 }

// rolloutWaves is how many times Microsoft added plans, a month apart; each
// rollout takes ten days.
const rolloutWaves = 8

func rolledOut(i, wave int) time.Time {
	begun := Epoch.AddDate(0, 0, -90-30*wave)
	return begun.Add(time.Duration(mix(uint64(i)<<16|uint64(wave)<<8|4)%(10*24*3600)) * time.Second)
}

func bigPlans(n int) []Plan {
	plans := plansNamed(officePlans + " " + emsPlans + " " + windows + " " + e5Extras)
	for i := len(plans); i < n; i++ {
		plans = append(plans, Plan{ID: guid(mix(uint64(i)), 3), Name: fmt.Sprintf("PLAN_%d", i), Service: "exchange"})
	}
	return plans[:n]
}

// Week says that n weeks have passed, and moves the clock there. In each of
// those that are new that share of the users gained or lost a license.
func (t *Tenant) Week(n int, changedShare float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.big != nil {
		for len(t.big.shares) < n {
			t.big.shares = append(t.big.shares, changedShare)
		}
	}
	t.setNow(Epoch.Add(time.Duration(n) * 7 * 24 * time.Hour))
}

// mix scatters a number over 64 bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// secondOf reports whether user i holds a second license, and since which week.
func (b *big) secondOf(i int) (bool, int) {
	holds, since := i%2 == 0, 0
	for w, share := range b.shares {
		if share > 0 && float64(mix(uint64(i)<<16|uint64(w+1))>>11)/(1<<53) < share {
			holds, since = !holds, w+1
		}
	}
	return holds, since
}

// BigUserID is the object id of user i of a big tenant.
func BigUserID(i int) string { return guid(mix(uint64(i)), uint64(i)) }

// rows makes users from one number to another, while they are asked for: the
// simulator is not what a benchmark is to measure.
func (b big) rows(from, to int, fields []string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var row []byte
		for i := from; i < to; i++ {
			if row = b.row(row[:0], i, fields); !yield(row) {
				return
			}
		}
	}
}

// row appends user i with the selected properties.
func (b *big) row(dst []byte, i int, fields []string) []byte {
	id := BigUserID(i)
	dst = append(slices.Grow(dst, len(b.shown)+1024), '{')
	for n, field := range fields {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), field...), `":`...)
		dst = b.value(dst, i, id, field)
	}
	return append(dst, '}')
}

func (b *big) value(dst []byte, i int, id, field string) []byte {
	switch field {
	case "id":
		return quote(dst, id)
	case "userPrincipalName", "mail":
		return append(strconv.AppendInt(append(dst, `"user`...), int64(i), 10), `@contoso.example"`...)
	case "displayName":
		return append(strconv.AppendInt(append(dst, `"User `...), int64(i), 10), '"')
	case "accountEnabled":
		return append(dst, "true"...)
	case "userType":
		return append(dst, `"Member"`...)
	case "department":
		return append(strconv.AppendInt(append(dst, `"Department `...), int64(i%97), 10), '"')
	case "usageLocation":
		return append(dst, `"US"`...)
	case "createdDateTime":
		return append(b.created(i).AppendFormat(append(dst, '"'), bigTime), '"')
	case "assignedLicenses":
		return b.licenses(dst, i)
	case "licenseAssignmentStates":
		return b.states(dst, i)
	case "assignedPlans":
		return b.assignedPlans(dst, i)
	case "jobTitle", "officeLocation", "companyName", "country", "employeeId":
		if b.realistic {
			return b.attribute(dst, i, field)
		}
	case "signInActivity":
		dst = append(dst, `{"lastSignInDateTime":"0001-01-01T00:00:00Z","lastSuccessfulSignInDateTime":"`...)
		return append(b.lastActive(i).AppendFormat(dst, bigTime), `"}`...)
	}
	return append(dst, "null"...)
}

// created is when the account of user i was made.
func (b *big) created(i int) time.Time {
	if !b.dated {
		return time.Date(2024, 3, 1, 9, 0, 0, 0, time.UTC)
	}
	return Epoch.AddDate(-10, 0, 0).Add(time.Duration(float64(i) / float64(b.users) * float64(9*365*24*time.Hour))).Truncate(time.Second)
}

// SpreadCreation has the accounts of a big tenant made over nine years, in the order of
// their numbers, so that its users can be read by ranges of createdDateTime.
func (t *Tenant) SpreadCreation() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.big.dated, t.big.chosen = true, map[string][2]int{}
}

// chosen are the users of a big tenant that a filter selects: from one number to before
// another, which filters on createdDateTime make them.
func (c *call) chosen() (from, to int) {
	b := c.s.t.big
	if c.match == nil {
		return 0, b.users
	}
	filter := c.Query.Get("$filter")
	if known, ok := b.chosen[filter]; ok {
		return known[0], known[1]
	}
	at := func(i int) bool { return c.match(&User{Created: b.created(i)}) }
	for from < b.users && !at(from) {
		from++
	}
	for to = from; to < b.users && at(to); {
		to++
	}
	b.chosen[filter] = [2]int{from, to}
	return from, to
}

// attribute appends one that is filled in a realistic tenant only.
func (b *big) attribute(dst []byte, i int, field string) []byte {
	part := func(salt, of uint64) uint64 { return mix(uint64(i)<<8|salt) % of }
	switch field {
	case "jobTitle":
		return fmt.Appendf(dst, `"Senior Specialist %d"`, part(5, 5000))
	case "officeLocation":
		return fmt.Appendf(dst, `"Building %d, Room %d"`, part(6, 40), part(7, 1000))
	case "companyName":
		return fmt.Appendf(dst, `"Contoso Subsidiary %d"`, part(8, 300))
	case "country":
		return quote(dst, []string{"US", "DE", "IN", "GB", "FR", "BR", "JP", "AU", "CA", "MX", "PL", "ZA"}[part(9, 12)])
	}
	return fmt.Appendf(dst, `"E%07d"`, i)
}

// lastActive is when user i was last active: one in four stays away for up to
// 400 days, and the others were here in the last three.
func (b *big) lastActive(i int) time.Time {
	if i%4 == 0 {
		return Epoch.AddDate(0, 0, -i%400).Truncate(time.Second)
	}
	return weekTime(len(b.shares)).Add(-time.Duration(mix(uint64(i))%(72*3600)) * time.Second)
}

// listed are the users as usage reports need them.
func (b *big) listed() []*User {
	users := make([]*User, b.users)
	for i := range users {
		at := b.lastActive(i)
		u := &User{UPN: fmt.Sprintf("user%d@contoso.example", i), Licenses: []License{{SKU: SKUE5}},
			used: map[string]time.Time{Exchange: at, Teams: at, OneDrive: at, Apps: at}}
		if ok, _ := b.secondOf(i); ok {
			u.Licenses = append(u.Licenses, License{SKU: SKUCopilot})
			u.used[Copilot] = at
		}
		users[i] = u
	}
	return users
}

func quote(dst []byte, s string) []byte { return append(append(append(dst, '"'), s...), '"') }

func (b *big) licenses(dst []byte, i int) []byte {
	dst = append(dst, `[{"skuId":"`+SKUE5+`","disabledPlans":[]}`...)
	if ok, _ := b.secondOf(i); ok {
		dst = append(dst, `,{"skuId":"`+SKUCopilot+`","disabledPlans":[]}`...)
	}
	if b.realistic && holdsVisio(i) {
		dst = append(dst, `,{"skuId":"`+SKUVisio+`","disabledPlans":[]}`...)
	}
	return append(dst, ']')
}

// since is the day on which user i got E5.
func since(i int) time.Time { return Epoch.AddDate(-1, 0, -int(mix(uint64(i)<<20)%1000)) }

func (b *big) states(dst []byte, i int) []byte {
	const head, tail = `{"skuId":"`, `","disabledPlans":[],"assignedByGroup":null,"state":"Active","error":"None","lastUpdatedDateTime":"`
	dst = append(since(i).AppendFormat(append(dst, "["+head+SKUE5+tail...), bigTime), `"}`...)
	if ok, week := b.secondOf(i); ok {
		dst = append(dst, ","+head+SKUCopilot+tail...)
		dst = append(weekTime(week).AppendFormat(dst, bigTime), `"}`...)
	}
	if b.realistic && holdsVisio(i) {
		dst = append(dst, ","+head+SKUVisio+tail...)
		dst = append(sinceVisio(i).AppendFormat(dst, bigTime), `"}`...)
	}
	return append(dst, ']')
}

func sinceVisio(i int) time.Time {
	return since(i).Add(time.Duration(mix(uint64(i)<<8|10)%(200*24*3600)) * time.Second)
}

const bigTime = "2006-01-02T15:04:05Z"

func weekTime(week int) time.Time { return Epoch.Add(time.Duration(week) * 7 * 24 * time.Hour) }

// render makes the assignedPlans of everyone, with the day on which Microsoft
// is to have added every third plan.
func (b *big) render() {
	dst := []byte{'['}
	for n, p := range b.plans {
		if n > 0 {
			dst = append(dst, ',')
		}
		switch at := len(dst) + len(planHead); {
		case n >= len(b.plans)-bigSecond:
			b.second = append(b.second, at)
			b.state = append(b.state, at+len(bigTime)+len(planStatus))
		case n%3 != 0:
			b.own = append(b.own, at)
		default:
			b.rolledOut = append(b.rolledOut, at)
		}
		dst = appendPlan(dst, p)
	}
	b.shown = append(dst, ']')
}

const planHead, planStatus = `{"assignedDateTime":"`, `","capabilityStatus":"`

func appendPlan(dst []byte, p Plan) []byte {
	dst = Epoch.AddDate(0, -3, 0).AppendFormat(append(dst, planHead...), bigTime)
	dst = append(append(append(dst, planStatus+`Enabled","service":"`...), p.Service...), `","servicePlanId":"`...)
	return append(append(dst, p.ID...), `"}`...)
}

// assignedPlans appends the plans of user i. Those of a license that was lost
// stay, as they do at Microsoft's.
func (b *big) assignedPlans(dst []byte, i int) []byte {
	from := len(dst)
	dst = append(dst, b.shown...)
	put := func(offsets []int, text string) {
		for _, at := range offsets {
			copy(dst[from+at:], text)
		}
	}
	holds, week := b.secondOf(i)
	if b.realistic {
		b.dates(dst[from:], b.own, i, since(i))
		b.dates(dst[from:], b.second, i, weekTime(week))
		for n, at := range b.rolledOut {
			b.dates(dst[from:], []int{at}, 0, rolledOut(i, n%rolloutWaves))
		}
		if holdsVisio(i) {
			end := len(dst) - 1 // the bracket
			dst = append(append(dst[:end], b.visio...), ']')
			b.dates(dst[end:], b.visioAt, i, sinceVisio(i))
		}
	} else {
		put(b.own, since(i).Format(bigTime))
		put(b.second, weekTime(week).Format(bigTime))
	}
	if !holds {
		put(b.state, "Deleted")
	}
	return dst
}

// dates writes the date of the plans of one license, to some users plan by plan.
func (b *big) dates(dst []byte, offsets []int, i int, date time.Time) {
	text := date.AppendFormat(nil, bigTime)
	for n, at := range offsets {
		if i > 0 && spread(i) {
			text = date.Add(-time.Duration(mix(uint64(i)<<16|uint64(n)<<8|11)%60)*time.Second).AppendFormat(text[:0], bigTime)
		}
		copy(dst[at:], text)
	}
}
