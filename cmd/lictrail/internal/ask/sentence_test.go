package ask

import "testing"

func TestReplaceWord(t *testing.T) {
	const word, with = "SPE_E3", "Microsoft 365 E3"
	for text, want := range map[string]string{
		`ann@x.test removed SPE_E3 from bob@x.test.`:              `ann@x.test removed Microsoft 365 E3 from bob@x.test.`,
		`ann@x.test took bob out of "Sales", which gave SPE_E3.`:  `ann@x.test took bob out of "Sales", which gave Microsoft 365 E3.`,
		`ann@x.test took bob out of "SPE_E3", which gave SPE_E3.`: `ann@x.test took bob out of "SPE_E3", which gave Microsoft 365 E3.`,
		`The app "a \"quoted SPE_E3 " gave SPE_E3 to bob.`:        `The app "a \"quoted SPE_E3 " gave Microsoft 365 E3 to bob.`,
		`SPE_E3_GOV and SPE_E3@x.test stay, (SPE_E3) does not`:    `SPE_E3_GOV and SPE_E3@x.test stay, (Microsoft 365 E3) does not`,
		`SPE_E3.x stays; SPE_E3, SPE_E3.`:                         `SPE_E3.x stays; Microsoft 365 E3, Microsoft 365 E3.`,
		``:                                                        ``,
	} {
		if got := replaceWord(text, word, with); got != want {
			t.Errorf("replaceWord(%s)\n got %s\nwant %s", text, got, want)
		}
	}
	if got := replaceWord("none", "", "x"); got != "none" {
		t.Errorf("without a word: %s", got)
	}
}
