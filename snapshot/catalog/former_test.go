package catalog

import "testing"

// A former name finds its product, unless another has the name now.
func TestFormer(t *testing.T) {
	for _, test := range []struct{ name, id, formerly string }{
		{"Office 365 ProPlus", "c2273bd0-dff7-4215-9ef5-2c7bcfb06425", "c2273bd0-dff7-4215-9ef5-2c7bcfb06425"},
		{"office 365  enterprise E3", "6fd2c87f-b296-42f0-b197-1e91e994b900", "6fd2c87f-b296-42f0-b197-1e91e994b900"},
		{"Microsoft 365 F1", "44575883-256e-4a79-9da4-ebe9acabe2b2", "66b55226-6b4f-492c-910c-a3b7a3c9d993"},
		{"Microsoft 365 E3", "05e9a617-0261-4cee-bb44-138d3ef5d965", ""},
	} {
		for _, c := range []*Catalog{Builtin(), Merge(Builtin(), New(nil, nil))} {
			s, err := c.FindSKU(test.name)
			if err != nil || string(s.ID) != test.id {
				t.Errorf("%q is %q, %v; want %s", test.name, s.ID, err, test.id)
			}
			var was string
			for _, s := range c.Formerly(test.name) {
				was += string(s.ID)
			}
			if was != test.formerly {
				t.Errorf("%q was %q, want %q", test.name, was, test.formerly)
			}
		}
	}
}
