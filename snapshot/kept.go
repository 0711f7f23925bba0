package snapshot

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// KeptNames are the attributes of users that a run reads and keeps only when it is
// asked to, because organizations may store any data in them. The first two are
// of employeeOrgData, the others of onPremisesExtensionAttributes.
var KeptNames = func() []string {
	names := []string{KeptCostCenter, KeptDivision}
	for n := range 15 {
		names = append(names, fmt.Sprint(KeptExtension, n+1))
	}
	return names
}()

const (
	KeptCostCenter = "cost-center"
	KeptDivision   = "division"
	KeptExtension  = "extension-attribute-" // with a number from 1 to 15
)

// KeptName finds the attribute that somebody means: case and hyphens do not count, so
// that the names of Microsoft serve as well, such as extensionAttribute7.
func KeptName(word string) (string, bool) {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "") }
	i := slices.IndexFunc(KeptNames, func(name string) bool { return plain(name) == plain(word) })
	if i < 0 {
		return "", false
	}
	return KeptNames[i], true
}

// Kept are the values of attributes among [KeptNames], as a JSON object in one form: so
// two can be compared. It has every attribute that the run was asked to keep, those
// without a value as "". The zero Kept is of a run that was asked for none.
type Kept string

// KeptOf makes a Kept of values by name.
func KeptOf(values map[string]string) Kept {
	if len(values) == 0 {
		return ""
	}
	text, err := json.Marshal(values)
	if err != nil {
		return "" // a map of texts has a form in JSON
	}
	return Kept(text)
}

// Get is the value of an attribute. read is false when the run did not read it, which
// is not the same as that there is none.
func (k Kept) Get(name string) (value string, read bool) {
	if k == "" {
		return "", false
	}
	var values map[string]string
	if json.Unmarshal([]byte(k), &values) != nil {
		return "", false
	}
	value, read = values[name]
	return value, read
}

// Map is k with each value replaced by what f makes of it.
func (k Kept) Map(f func(string) string) Kept {
	var values map[string]string
	if k == "" || json.Unmarshal([]byte(k), &values) != nil {
		return ""
	}
	for name, value := range values {
		values[name] = f(value)
	}
	return KeptOf(values)
}

// MarshalJSON implements [json.Marshaler].
func (k Kept) MarshalJSON() ([]byte, error) { return []byte(k), nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (k *Kept) UnmarshalJSON(text []byte) error {
	*k = Kept(text)
	return nil
}
