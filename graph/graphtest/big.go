package graphtest

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// big generates a tenant of any size, row by row, from nothing but numbers.
type big struct {
	users int
	week  int
	share float64
	plans []Plan
	shown []byte // assignedPlans, the same for everyone
}

// NewBig returns a tenant of many users, each with so many service plans,
// whose pages are made when they are asked for. Operations do not apply to
// it; [Tenant.Week] changes it.
func NewBig(seed uint64, users, plansPerUser int) *Tenant {
	t := New(seed)
	t.big = &big{users: users, plans: bigPlans(plansPerUser)}
	t.big.shown = t.big.assignedPlans(nil)
	s := t.sku(SKUE5)
	s.Plans, s.Enabled, s.consumed = t.big.plans, users, users
	copilot := t.sku(SKUCopilot)
	copilot.Enabled, copilot.consumed = users, users/2
	return t
}

func bigPlans(n int) []Plan {
	plans := plansNamed(officePlans + " " + emsPlans + " " + windows + " " + e5Extras)
	for i := len(plans); i < n; i++ {
		plans = append(plans, Plan{ID: guid(mix(uint64(i)), 3), Name: fmt.Sprintf("PLAN_%d", i), Service: "exchange"})
	}
	return plans[:n]
}

// Week says that n weeks have passed, in each of which that share of the users
// gained or lost a license, and moves the clock there.
func (t *Tenant) Week(n int, changedShare float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.big != nil {
		t.big.week, t.big.share = n, changedShare
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

// second tells whether user i holds a second license, and since which week.
func (b *big) second(i int) (bool, int) {
	holds, since := i%2 == 0, 0
	for w := 1; w <= b.week; w++ {
		if float64(mix(uint64(i)<<16|uint64(w))>>11)/(1<<53) < b.share {
			holds, since = !holds, w
		}
	}
	return holds, since
}

// BigUserID is the object id of user i of a big tenant.
func BigUserID(i int) string { return guid(mix(uint64(i)), uint64(i)) }

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
		return append(dst, `"2024-03-01T09:00:00Z"`...)
	case "assignedLicenses":
		return b.licenses(dst, i)
	case "licenseAssignmentStates":
		return b.states(dst, i)
	case "assignedPlans":
		return append(dst, b.shown...)
	}
	return append(dst, "null"...)
}

func quote(dst []byte, s string) []byte { return append(append(append(dst, '"'), s...), '"') }

func (b *big) licenses(dst []byte, i int) []byte {
	dst = append(dst, `[{"skuId":"`+SKUE5+`","disabledPlans":[]}`...)
	if ok, _ := b.second(i); ok {
		dst = append(dst, `,{"skuId":"`+SKUCopilot+`","disabledPlans":[]}`...)
	}
	return append(dst, ']')
}

func (b *big) states(dst []byte, i int) []byte {
	const head, tail = `{"skuId":"`, `","disabledPlans":[],"assignedByGroup":null,"state":"Active","error":"None","lastUpdatedDateTime":"`
	dst = append(dst, "["+head+SKUE5+tail+`2025-06-01T00:00:00Z"}`...)
	if ok, week := b.second(i); ok {
		dst = append(dst, ","+head+SKUCopilot+tail...)
		dst = Epoch.Add(time.Duration(week)*7*24*time.Hour).AppendFormat(dst, "2006-01-02T15:04:05Z")
		dst = append(dst, `"}`...)
	}
	return append(dst, ']')
}

func (b *big) assignedPlans(dst []byte) []byte {
	dst = append(dst, '[')
	for n, p := range b.plans {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"assignedDateTime":"2025-06-01T00:00:00Z","capabilityStatus":"Enabled","service":"`...)
		dst = append(append(dst, p.Service...), `","servicePlanId":"`...)
		dst = append(append(dst, p.ID...), `"}`...)
	}
	return append(dst, ']')
}
