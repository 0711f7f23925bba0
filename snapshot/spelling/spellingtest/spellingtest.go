// Package spellingtest has one address in the spellings that audit records have, for
// tests of what must find it.
package spellingtest

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf16"
)

func utf16le(text string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

// Address is o'brien.zoë@contoso.com in the spellings of the systems that
// records come from.
func Address() map[string]string {
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
		"a guest's name":               "o'brien.zoë_contoso.com#EXT#@fabrikam.onmicrosoft.com",
		"a OneDrive folder":            "/personal/o_brien_zoë_contoso_com/Documents",
		"within quotes":                `-in ['o\'brien.zoë@contoso.com']`,
		"behind a sign":                "x-.+_o'brien.zoë@contoso.com",
		"with an object id before it":  "47e864a81658486ea00f8f09a6f770c3o'brien.zoë@contoso.com",
	}
}
