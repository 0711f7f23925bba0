package audit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"lictrail/snapshot"
)

var (
	guidPattern = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
)

// ParseAssignedLicense reads one element of the property AssignedLicense,
// which is not JSON but a bracket string:
//
//	[SkuName=X, AccountId=…, SkuId=…, DisabledPlans=[P1, P2]]
//
// Members are found by name, in any order; AccountId and names it does not
// know are skipped. It is an error if the brackets do not match, or if SkuId
// is missing, there twice, or not a GUID.
func ParseAssignedLicense(s string) (snapshot.EventLicense, error) {
	var l snapshot.EventLicense
	inner, err := unbracket(unquote(strings.TrimSpace(s)))
	if err != nil {
		return l, fmt.Errorf("assigned license %q: %w", s, err)
	}
	for _, m := range splitMembers(inner) {
		if err := setMember(&l, m); err != nil {
			return snapshot.EventLicense{}, fmt.Errorf("assigned license %q: %w", s, err)
		}
	}
	if l.SKU == "" {
		return snapshot.EventLicense{}, fmt.Errorf("assigned license %q: no SkuId", s)
	}
	return l, nil
}

// unquote undoes one level of JSON quoting too many.
func unquote(s string) string {
	var inner string
	if strings.HasPrefix(s, `"`) && json.Unmarshal([]byte(s), &inner) == nil {
		return strings.TrimSpace(inner)
	}
	return s
}

// unbracket returns what stands between the outermost brackets.
func unbracket(s string) (string, error) {
	depth := 0
	for i, r := range s {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		if depth <= 0 && i < len(s)-1 {
			return "", errors.New("brackets do not match")
		}
	}
	if depth != 0 || len(s) < 2 {
		return "", errors.New("brackets do not match")
	}
	return s[1 : len(s)-1], nil
}

// splitMembers splits at the commas outside brackets. A piece without "="
// belongs to the value before it.
func splitMembers(s string) []string {
	var list []string
	depth, start := 0, 0
	add := func(piece string) {
		if n := len(list); n > 0 && !strings.Contains(piece, "=") {
			list[n-1] += "," + piece
			return
		}
		list = append(list, piece)
	}
	for i, r := range s {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case r == ',' && depth == 0:
			add(s[start:i])
			start = i + 1
		}
	}
	add(s[start:])
	return list
}

func setMember(l *snapshot.EventLicense, m string) error {
	name, val, _ := strings.Cut(m, "=")
	val = strings.TrimSpace(val)
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "skuname":
		l.Name = val
	case "skuid":
		if l.SKU != "" {
			return errors.New("two members SkuId")
		}
		if !snapshot.IsGUID(val) {
			return fmt.Errorf("SkuId %q is not a GUID", val)
		}
		l.SKU = snapshot.NormalID(snapshot.SKUID(val))
	case "disabledplans":
		plans, err := splitPlans(val)
		l.Disabled = plans
		return err
	}
	return nil
}

// splitPlans reads [P1, P2], or nothing.
func splitPlans(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	inner, err := unbracket(s)
	if err != nil || strings.ContainsAny(inner, "[]") {
		return nil, fmt.Errorf("DisabledPlans %q is not a list", s)
	}
	var plans []string
	for p := range strings.SplitSeq(inner, ",") {
		if p = strings.TrimSpace(p); p != "" {
			plans = append(plans, p)
		}
	}
	return sortedSet(plans), nil
}

// licenseSet reads one side of AssignedLicense, sorted by SKU. A set that is
// not whole holds what could be read for certain.
func licenseSet(v value) (set []snapshot.EventLicense, whole bool, err error) {
	list, whole, err := v.elements()
	if err != nil {
		return nil, false, fmt.Errorf("list of assigned licenses: %w", err)
	}
	for _, s := range list {
		if !whole && strings.TrimSpace(v.text) == s {
			continue // a bracket string that is cut off itself
		}
		l, err := ParseAssignedLicense(s)
		if err != nil {
			return nil, false, err
		}
		set = addLicense(set, l)
	}
	slices.SortFunc(set, bySKU)
	return set, whole, nil
}

// addLicense adds a license to a set. A SKU that is listed twice leaves only
// those plans off that both rows leave off: enabled services are the union
// (Microsoft Learn, group-based licensing, "multiple licenses").
func addLicense(set []snapshot.EventLicense, l snapshot.EventLicense) []snapshot.EventLicense {
	i := slices.IndexFunc(set, func(o snapshot.EventLicense) bool { return o.SKU == l.SKU })
	if i < 0 {
		return append(set, l)
	}
	set[i].Disabled = minus(set[i].Disabled, minus(set[i].Disabled, l.Disabled))
	return set
}

// licenseDetail reads the property AssignedLicense; nil when there is none.
// whole says that the list of properties was read to its end.
func licenseDetail(props []property, whole bool) (*snapshot.LicenseDetail, error) {
	p, ok := find(props, "AssignedLicense")
	if !ok {
		return nil, nil
	}
	var d snapshot.LicenseDetail
	var err error
	if d.Old, d.OldKnown, err = licenseSet(p.old); err != nil {
		return nil, fmt.Errorf("old value: %w", err)
	}
	if d.New, d.NewKnown, err = licenseSet(p.new); err != nil {
		return nil, fmt.Errorf("new value: %w", err)
	}
	d.Complete = whole && d.OldKnown && d.NewKnown
	return &d, nil
}

// groupLicenseDetail reads the licenses of a group. Microsoft publishes no
// sample of "Set group license", so any property that is named after licenses
// and holds license sets on both sides will do.
func groupLicenseDetail(props []property) *snapshot.GroupLicenseDetail {
	for _, p := range props {
		if !strings.Contains(strings.ToLower(p.name), "license") {
			continue
		}
		before, oldWhole, oldErr := licenseSet(p.old)
		after, newWhole, newErr := licenseSet(p.new)
		if oldErr == nil && newErr == nil && oldWhole && newWhole && len(before)+len(after) > 0 {
			return &snapshot.GroupLicenseDetail{Old: before, New: after}
		}
	}
	return nil
}

// assignmentGroups lists every GUID in LicenseAssignmentDetail. Its layout is
// not published; under group-based licensing one of the GUIDs is the group.
func assignmentGroups(props []property) []snapshot.GroupID {
	p, _ := find(props, "LicenseAssignmentDetail")
	var ids []snapshot.GroupID
	for _, s := range guidPattern.FindAllString(p.old.text+" "+p.new.text, -1) {
		ids = append(ids, snapshot.NormalID(snapshot.GroupID(s)))
	}
	return sortedSet(ids)
}

// PlanChange is a SKU held before and after with other plans switched off.
type PlanChange struct {
	SKU      snapshot.SKUID
	Name     string   // SkuName, a label only
	Enabled  []string // off before and not after, sorted
	Disabled []string // off after and not before, sorted
}

// Delta returns what a license change did: the licenses in New and not in Old,
// those in Old and not in New, and those in both whose plans differ, each
// sorted by SKU. When a side is not known in full, what it lacks proves
// nothing: nothing counts as added without all of Old, nor as removed without
// all of New. A nil detail changed nothing that is known.
func Delta(d *snapshot.LicenseDetail) (added, removed []snapshot.EventLicense, plans []PlanChange) {
	if d == nil {
		return nil, nil, nil
	}
	if d.OldKnown {
		added = without(d.New, d.Old)
	}
	if d.NewKnown {
		removed = without(d.Old, d.New)
	}
	return added, removed, planChanges(d.Old, d.New)
}

func without(set, other []snapshot.EventLicense) []snapshot.EventLicense {
	var rest []snapshot.EventLicense
	for _, l := range set {
		if _, ok := lookup(other, l.SKU); !ok {
			rest = append(rest, l)
		}
	}
	return rest
}

func planChanges(before, after []snapshot.EventLicense) []PlanChange {
	var list []PlanChange
	for _, l := range after {
		old, ok := lookup(before, l.SKU)
		if !ok || slices.Equal(old.Disabled, l.Disabled) {
			continue
		}
		list = append(list, PlanChange{SKU: l.SKU, Name: cmp.Or(l.Name, old.Name),
			Enabled: minus(old.Disabled, l.Disabled), Disabled: minus(l.Disabled, old.Disabled)})
	}
	return list
}

func lookup(set []snapshot.EventLicense, sku snapshot.SKUID) (snapshot.EventLicense, bool) {
	i := slices.IndexFunc(set, func(l snapshot.EventLicense) bool { return l.SKU == sku })
	if i < 0 {
		return snapshot.EventLicense{}, false
	}
	return set[i], true
}

// sameSet compares by SKU and plans; names are labels.
func sameSet(a, b []snapshot.EventLicense) bool {
	return slices.EqualFunc(a, b, func(x, y snapshot.EventLicense) bool {
		return x.SKU == y.SKU && slices.Equal(x.Disabled, y.Disabled)
	})
}

func bySKU(a, b snapshot.EventLicense) int { return cmp.Compare(a.SKU, b.SKU) }

// minus returns what is in a and not in b.
func minus(a, b []string) []string {
	var rest []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

func sortedSet[T cmp.Ordered](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}
