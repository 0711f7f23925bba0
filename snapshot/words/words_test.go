package words

import (
	"slices"
	"testing"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"Ann Meyer":                     {"ann", "meyer"},
		"Meyer, Ann":                    {"meyer", "ann"},
		"MÜLLER-Lüdenscheidt":           {"muller", "ludenscheidt"},
		"O'Brien":                       {"obrien"},
		"O’Brien":                       {"obrien"},
		"Łukasz Strauß":                 {"lukasz", "strauss"},
		"ann_gmail.com#EXT#@x.test":     {"ann", "gmail", "com", "ext", "x", "test"},
		"Иванов":                        {"иванов"},
		"山田 太郎":                         {"山田", "太郎"},
		"Ann\u202eMeyer":                {"annmeyer"},
		"A\x1b[31mnn":                   {"a", "31mnn"},
		"ＡＢＣ":                           {"abc"},
		" ":                             nil,
		"\u200f":                        nil,
		"Microsoft 365 E3 (no Teams)":   {"microsoft", "365", "e3", "no", "teams"},
		"Microsoft_365_E5_(no_Teams)\n": {"microsoft", "365", "e5", "no", "teams"},
	} {
		if got := Of(text); !slices.Equal(got, want) {
			t.Errorf("Of(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestQuery_Name(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typed, name string
		want        Rank
	}{
		{"ann meyer", "Ann Meyer", Whole},
		{"meyer ann", "Ann Meyer", Whole},
		{"Meyer, Ann", "Ann Meyer", Whole},
		{"muller", "Müller", Whole},
		{"ann m", "Ann Meyer", Begins},
		{"mey", "Ann Meyer", Begins},
		{"ann a", "Ann Anders", Begins},
		{"ann ann", "Ann Meyer", No},
		{"a ann", "Ann Meyer", No},
		{"eyer", "Ann Meyer", Anywhere},
		{"n m", "Ann Meyer", Anywhere},
		{"ann smith", "Ann Meyer", No},
		{"", "Ann Meyer", No},
		{"--", "Ann Meyer", No},
		{"ann", "", No},
	} {
		if got := NewQuery(test.typed).Name(test.name); got != test.want {
			t.Errorf("%q for %q: rank %d, want %d", test.typed, test.name, got, test.want)
		}
	}
}

func TestQuery_Address(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typed, address string
		want           Rank
	}{
		{"ANN.meyer@contoso.com", "ann.meyer@contoso.com", Whole},
		{"ann.meyer@con", "ann.meyer@contoso.com", Begins},
		{"ann.m", "ann.meyer@contoso.com", Begins},
		{"ann", "ann.meyer@contoso.com", Begins},
		{"meyer", "ann.meyer@contoso.com", Begins},
		{"meyer ann", "ann.meyer@contoso.com", Begins},
		{"eyer@con", "ann.meyer@contoso.com", Anywhere},
		{"contoso", "ann.meyer@contoso.com", Anywhere},
		{"eyer", "ann.meyer@contoso.com", Anywhere},
		{"ann@contoso.com", "joann@contoso.com", Anywhere},
		{"ann@contoso.com", "bob@contoso.com", No},
		{"gmail", "ann_gmail.com#EXT#@contoso.com", Begins},
		{"ann", "", No},
	} {
		if got := NewQuery(test.typed).Address(test.address); got != test.want {
			t.Errorf("%q for %q: rank %d, want %d", test.typed, test.address, got, test.want)
		}
	}
}
