package spelling_test

import (
	"slices"
	"strings"
	"testing"

	"lictrail/snapshot/spelling"
	"lictrail/snapshot/spelling/spellingtest"
)

func TestReadings(t *testing.T) {
	t.Parallel()
	words := spelling.AddressForms("O'Brien.Zoë@Contoso.com")
	has := func(text string) bool {
		folded := spelling.Fold(text)
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(folded, w) })
	}
	for name, text := range spellingtest.Address() {
		if !spelling.Readings(text, has) {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
	for _, text := range []string{"", "%", "%zz", "&;", "&nosuchname;", `\`, `\u12`, "=", "_x12_", "zoë@contoso.com", "obrien.zoë@contoso.com", strings.Repeat("A", 99)} {
		if spelling.Readings(text, has) {
			t.Errorf("found in %q", text)
		}
	}
}

func TestAddressForms(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"Ann@München.example":                           "ann@xn--mnchen-3ya.example",
		"ann@xn--mnchen-3ya.example":                    "ann@münchen.example",
		"ann_fabrikam.com#EXT#@contoso.onmicrosoft.com": "ann@fabrikam.com",
		"ann.smith@contoso.com":                         "ann_smith_contoso_com",
		"no address":                                    "no address",
	} {
		if got := spelling.AddressForms(address); !slices.Contains(got, want) {
			t.Errorf("%s: %q is not among %q", address, want, got)
		}
	}
}

// Decoding ends, whatever it is given.
func FuzzReadings(f *testing.F) {
	for _, text := range spellingtest.Address() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return
		}
		looks := 0
		spelling.Readings(text, func(s string) bool { spelling.Fold(s); looks++; return false })
		if looks > 1000+6*len(text) {
			t.Errorf("%d texts were looked at for %d bytes", looks, len(text))
		}
	})
}
