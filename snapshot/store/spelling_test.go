package store

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

func utf16le(text string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

// spelledAddress is o'brien.zoë@contoso.com in the spellings of the systems that
// records come from.
func spelledAddress() map[string]string {
	const address = "o'brien.zoë@contoso.com"
	twice, _ := json.Marshal(`{"id":"` + address + `"}`)
	thrice, _ := json.Marshal(string(twice))
	return map[string]string{
		"plain":                        address,
		"upper case":                   strings.ToUpper(address),
		"decomposed":                   "o'brien.zoe\u0308@contoso.com",
		"full width":                   "o'brien.zoë＠contoso．com",
		"with characters that hide":    "o'brien.\u200bzo\u00adë@con\u2060toso.com",
		"Windows PowerShell":           `o\u0027brien.zo\u00eb@contoso.com`,
		"JSON within JSON":             string(twice),
		"JSON within JSON within JSON": string(thrice),
		"JavaScript":                   `o\x27brien.zo\u{eb}\x40contoso.com`,
		"a query":                      url.QueryEscape(address),
		"a query within a query":       url.QueryEscape(url.QueryEscape(address)),
		"a query of old":               "o%u0027brien.zo%u00eb%u0040contoso.com",
		"HTML by number":               "o&#39;brien.zo&#xEB;&#64;contoso&#46;com",
		"HTML by name":                 "o&apos;brien.zo&euml;&commat;contoso&period;com",
		"HTML twice":                   "o&amp;#39;brien.zo&amp;euml;@contoso.com",
		"quoted-printable":             "o'brien.zo=C3=AB=40con=\r\ntoso.com",
		"PowerShell's XML":             "o'brien.zo_x00EB__x0040_contoso.com",
		"base64":                       base64.StdEncoding.EncodeToString([]byte(address)),
		"base64 in a path":             "key/" + base64.RawURLEncoding.EncodeToString([]byte("mailto:"+address)),
		"a command of PowerShell":      "-enc " + base64.StdEncoding.EncodeToString(utf16le("Get-User o'brien.zoë@contoso.com")),
		"base64 in JSON in a query":    url.QueryEscape(`{"x":"` + base64.StdEncoding.EncodeToString(twice) + `"}`),
		"UTF-16":                       fromUTF16(utf16le(address)),
		"a guest's name":               "o'brien.zoë_contoso.com#EXT#@fabrikam.onmicrosoft.com",
		"a OneDrive folder":            "/personal/o_brien_zoë_contoso_com/Documents",
		"within quotes":                `-in ['o\'brien.zoë@contoso.com']`,
		"behind a sign":                "x-.+_o'brien.zoë@contoso.com",
		"with an object id before it":  "47e864a81658486ea00f8f09a6f770c3o'brien.zoë@contoso.com",
	}
}

func TestReadings(t *testing.T) {
	t.Parallel()
	words := addressForms("O'Brien.Zoë@Contoso.com")
	has := func(text string) bool {
		folded := fold(text)
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(folded, w) })
	}
	for name, text := range spelledAddress() {
		if !readings(text, has) {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
	for _, text := range []string{"", "%", "%zz", "&;", "&nosuchname;", `\`, `\u12`, "=", "_x12_", "zoë@contoso.com", "obrien.zoë@contoso.com", strings.Repeat("A", 99)} {
		if readings(text, has) {
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
		if got := addressForms(address); !slices.Contains(got, want) {
			t.Errorf("%s: %q is not among %q", address, want, got)
		}
	}
}

// Decoding ends, whatever it is given.
func FuzzReadings(f *testing.F) {
	for _, text := range spelledAddress() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return
		}
		looks := 0
		readings(text, func(s string) bool { fold(s); looks++; return false })
		if looks > 1000+maxDecodings*len(text) {
			t.Errorf("%d texts were looked at for %d bytes", looks, len(text))
		}
	})
}
