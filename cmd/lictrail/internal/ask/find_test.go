package ask

import (
	"testing"

	"lictrail/snapshot/words"
)

func TestShortSKU(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Microsoft 365 E3":                        "E3",
		"Office 365 E3":                           "E3",
		"Microsoft 365 E3 EEA (no Teams)":         "E3",
		"Microsoft 365 E3 (no Teams)":             "E3",
		"Microsoft 365 Copilot":                   "Copilot",
		"Microsoft 365 Business Premium":          "Business Premium",
		"Visio Plan 2":                            "Visio Plan 2",
		"Microsoft Copilot Studio":                "Copilot Studio",
		"(no Teams)":                              "(no Teams)",
		"Microsoft 365 E5 Compliance EEA (no T.)": "E5 Compliance",
	} {
		if got := ShortSKU(name); got != want {
			t.Errorf("ShortSKU(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestRankSKU(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typed, name, part string
		want              int
	}{
		{"e3", "Microsoft 365 E3", "SPE_E3", 1},
		{"e3", "Microsoft 365 E3 EEA (no Teams)", "O365_w/o_Teams_Bundle_M3", 1},
		{"e5", "Microsoft 365 E5 Compliance", "INFORMATION_PROTECTION_COMPLIANCE", 2},
		{"copilot", "Microsoft 365 Copilot", "Microsoft_365_Copilot", 1},
		{"copilot", "Microsoft Copilot Studio", "CCIBOTS", 2},
		{"visio", "Visio Plan 2", "VISIOCLIENT", 2},
		{"vis", "Visio Plan 2", "VISIOCLIENT", 3},
		{"client", "Visio Plan 2", "VISIOCLIENT", 4},
		{"spe", "Microsoft 365 E3", "SPE_E3", 2},
		{"e4", "Microsoft 365 E3", "SPE_E3", 0},
		{"", "Microsoft 365 E3", "SPE_E3", 0},
	} {
		if got := rankSKU(words.NewQuery(test.typed), test.name, test.part); got != test.want {
			t.Errorf("%q for %s: %d, want %d", test.typed, test.name, got, test.want)
		}
	}
}
