package catalog

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"lictrail/snapshot"
)

const (
	e3      = snapshot.SKUID("05e9a617-0261-4cee-bb44-138d3ef5d965")
	o365e3  = snapshot.SKUID("6fd2c87f-b296-42f0-b197-1e91e994b900")
	free    = snapshot.SKUID("f30db892-07e9-47e9-837c-80727f46fd3d")
	exchP2  = snapshot.PlanID("efb87545-963c-4e0d-99df-69c6916d9eb0")
	unknown = "00000000-1111-2222-3333-444444444444"
)

func TestSKUName(t *testing.T) {
	c := Builtin()
	noName := newCatalog()
	noName.addSKU(SKU{ID: unknown, PartNumber: "OWN_PART"})
	for _, tc := range []struct {
		name, id, part, want string
		c                    *Catalog
	}{
		{"display name", string(e3), "SPE_E3", "Microsoft 365 E3", c},
		{"upper case id", strings.ToUpper(string(e3)), "", "Microsoft 365 E3", c},
		{"misleading part number", "f245ecc8-75af-4f8e-b61f-27d8114de5f3", "O365_BUSINESS_PREMIUM", "Microsoft 365 Business Standard", c},
		{"else the tenant's part number", unknown, "NEW_SKU", "NEW_SKU", c},
		{"the tenant's before the catalog's", unknown, "NEW_SKU", "NEW_SKU", noName},
		{"else the catalog's part number", unknown, "", "OWN_PART", noName},
		{"else the id", unknown, "", unknown, c},
		{"zero value", unknown, "", unknown, new(Catalog)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.c.SKUName(snapshot.SKUID(tc.id), tc.part); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestFindSKU(t *testing.T) {
	c := Builtin()
	for _, tc := range []struct{ name, word, want string }{
		{"id", string(e3), string(e3)},
		{"id in upper case", " " + strings.ToUpper(string(e3)) + " ", string(e3)},
		{"part number", "spe_e3", string(e3)},
		{"product name", "microsoft 365 e3", string(e3)},
		{"product name with odd spacing", " Microsoft\u00a0365  E3", string(e3)},
		{"part number before product name", "EMS", "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := c.FindSKU(tc.word)
			if err != nil || string(s.ID) != tc.want {
				t.Errorf("got %s, %v; want %s", s.ID, err, tc.want)
			}
		})
	}
	for _, word := range []string{"", "SPE_E9", unknown} {
		if _, err := c.FindSKU(word); !errors.Is(err, ErrNotFound) {
			t.Errorf("FindSKU(%q) = %v, want ErrNotFound", word, err)
		}
	}
}

func TestFindSKU_PartNumberFirst(t *testing.T) {
	c := newCatalog()
	c.addSKU(SKU{ID: "11111111-1111-1111-1111-111111111111", PartNumber: "A", Name: "B"})
	c.addSKU(SKU{ID: "22222222-2222-2222-2222-222222222222", PartNumber: "B", Name: "C"})
	if s, err := c.FindSKU("b"); err != nil || s.PartNumber != "B" {
		t.Errorf("FindSKU(b) = %v, %v; want the part number to decide", s, err)
	}
}

func TestFindSKU_Ambiguous(t *testing.T) {
	c := newCatalog()
	const one, two = "43177b5-475b-4880-92d4-d54c27b5efbd", "54a152dc-90de-4996-93d2-bc47e670fc06"
	c.addSKU(SKU{ID: two, PartNumber: "MCOPSTN5", Name: "Calling (120 minutes)"})
	c.addSKU(SKU{ID: one, PartNumber: "MCOPSTN5", Name: "Calling – small"})
	_, err := c.FindSKU("mcopstn5")
	var ambiguous *AmbiguousError
	if !errors.As(err, &ambiguous) || !slices.Equal(ambiguous.IDs, []string{one, two}) {
		t.Fatalf("got %v, want both ids, sorted", err)
	}
	if want := `"mcopstn5" may be any of ` + one + ", " + two; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if s, err := c.FindSKU("calling - small"); err != nil || s.ID != one {
		t.Errorf("a hyphen does not find the dash: %v, %v", s, err)
	}
	if n := len(c.FindSKUs("MCOPSTN5")); n != 2 {
		t.Errorf("FindSKUs returned %d products, want 2", n)
	}
}

func TestPlans(t *testing.T) {
	c := Builtin()
	if got := c.PlanName(exchP2); got != "Exchange Online (Plan 2)" {
		t.Errorf("PlanName = %q", got)
	}
	if got := c.PlanName(unknown); got != unknown {
		t.Errorf("PlanName of an unknown plan = %q, want the id", got)
	}
	named := newCatalog()
	named.addPlan(Plan{ID: unknown, Name: "ONLY_NAME"})
	if got := named.PlanName(unknown); got != "ONLY_NAME" {
		t.Errorf("PlanName without a friendly name = %q", got)
	}
	for _, word := range []string{"exchange_s_enterprise", "exchange online (plan 2)", strings.ToUpper(string(exchP2))} {
		if id, err := c.PlanID(word); err != nil || id != exchP2 {
			t.Errorf("PlanID(%q) = %s, %v", word, id, err)
		}
	}
	var ambiguous *AmbiguousError
	if _, err := c.PlanID("Common Data Service"); !errors.As(err, &ambiguous) || len(ambiguous.IDs) < 2 {
		t.Errorf("PlanID of a shared friendly name: %v, want AmbiguousError", err)
	}
	if _, err := c.PlanID("NO_SUCH_PLAN"); !errors.Is(err, ErrNotFound) {
		t.Errorf("PlanID of an unknown name: %v, want ErrNotFound", err)
	}
	if ids := c.PlanIDs(e3); !slices.IsSorted(ids) || !slices.Contains(ids, exchP2) {
		t.Errorf("PlanIDs(E3) = %v", ids)
	}
	if ids := c.PlanIDs(unknown); ids != nil {
		t.Errorf("PlanIDs of an unknown SKU = %v, want nil", ids)
	}
}

// A caller that changes what it was given must not change the catalog.
func TestCatalogIsNotShared(t *testing.T) {
	c := Builtin()
	c.PlanIDs(e3)[0] = unknown
	if slices.Contains(c.PlanIDs(e3), unknown) {
		t.Error("a caller changed the catalog")
	}
}

func TestBuiltinIsWellFormed(t *testing.T) {
	c := Builtin()
	if n := len(c.SKUs()); n < 80 {
		t.Errorf("%d products, want 80 or more", n)
	}
	used := map[snapshot.PlanID]bool{}
	for _, s := range c.SKUs() {
		if !slices.Contains([]Offer{Paid, Free, Trial, Viral}, s.Offer) {
			t.Errorf("%s: offer %q is unknown", s.PartNumber, s.Offer)
		}
		if s.Name != strings.TrimSpace(s.Name) || s.PartNumber != strings.TrimSpace(s.PartNumber) {
			t.Errorf("%s: stray space", s.PartNumber)
		}
		for _, id := range s.Plans {
			used[id] = true
		}
	}
	for _, p := range c.Plans() {
		if !used[p.ID] || p.FriendlyName == "" {
			t.Errorf("plan %s is in no product or has no friendly name", p.Name)
		}
	}
}

func TestBuiltinTablesAreSorted(t *testing.T) {
	for name, table := range map[string]string{"skus.csv": builtinSKUs, "plans.csv": builtinPlans} {
		lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")[1:]
		if !slices.IsSortedFunc(lines, func(a, b string) int { return strings.Compare(a[:36], b[:36]) }) {
			t.Errorf("%s is not sorted by id", name)
		}
		if strings.ContainsAny(table, "\r\ufeff\u00a0") {
			t.Errorf("%s has a byte that does not belong there", name)
		}
	}
}

// The facts that tools get wrong most often.
func TestBuiltinFacts(t *testing.T) {
	c := Builtin()
	for part, name := range map[string]string{
		"SPE_E3":                   "Microsoft 365 E3",
		"SPE_E5":                   "Microsoft 365 E5",
		"SPE_F1":                   "Microsoft 365 F3",
		"SPB":                      "Microsoft 365 Business Premium",
		"O365_BUSINESS_PREMIUM":    "Microsoft 365 Business Standard",
		"O365_BUSINESS_ESSENTIALS": "Microsoft 365 Business Basic",
		"ENTERPRISEPACK":           "Office 365 E3",
	} {
		if s, err := c.FindSKU(part); err != nil || s.Name != name {
			t.Errorf("%s is %q, %v; want %q", part, s.Name, err, name)
		}
	}
	for _, tc := range []struct {
		part  string
		offer Offer
	}{{"FLOW_FREE", Free}, {"POWER_BI_STANDARD", Free}, {"TEAMS_EXPLORATORY", Viral}, {"STREAM", Trial}, {"SPE_E3", Paid}} {
		s, _ := c.FindSKU(tc.part)
		if s.Offer != tc.offer || s.Offer.NoCost() != (tc.offer != Paid) {
			t.Errorf("%s: offer %q, want %q", tc.part, s.Offer, tc.offer)
		}
	}
	teams, _ := c.PlanID("TEAMS1")
	for _, part := range []string{"Microsoft_365_E3_(no_Teams)", "Microsoft_365_E5_(no_Teams)", "Office_365_E3_(no_Teams)", "O365_w/o_Teams_Bundle_E3"} {
		s, err := c.FindSKU(part)
		if err != nil || slices.Contains(s.Plans, teams) {
			t.Errorf("%s: %v, or it has Teams", part, err)
		}
	}
}

func TestReadTables_Err(t *testing.T) {
	const (
		plans = "id,name,friendly_name\n" + string(exchP2) + ",EXCH,Exchange\n"
		skus  = "id,part_number,name,offer,plans\n" + string(e3) + ",SPE_E3,E3,,EXCH\n"
	)
	if _, err := readTables(skus, plans); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ skus, plans string }{
		"empty table":     {"", plans},
		"other header":    {skus, "name,id,friendly_name\n"},
		"bad plan id":     {skus, strings.Replace(plans, "efb", "EFB", 1)},
		"plan twice":      {skus, plans + string(exchP2) + ",EXCH2,Exchange\n"},
		"plan name twice": {skus, plans + unknown + ",EXCH,Exchange\n"},
		"bad SKU id":      {strings.Replace(skus, "05e9", "x5e9", 1), plans},
		"SKU twice":       {skus + string(e3) + ",SPE_E3,E3,,\n", plans},
		"SKU no name":     {skus + unknown + ",PART,,,\n", plans},
		"unknown plan":    {skus + unknown + ",PART,Name,,NOPE\n", plans},
		"same plan twice": {skus + unknown + ",PART,Name,,EXCH|EXCH\n", plans},
		"ragged row":      {skus + unknown + ",PART\n", plans},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := readTables(tc.skus, tc.plans); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestMerge(t *testing.T) {
	imported := newCatalog()
	imported.addSKU(SKU{ID: free, PartNumber: "FLOW_FREE", Name: "Automate Free, renamed"})
	imported.addSKU(SKU{ID: unknown, PartNumber: "NEW", Name: "New product"})
	imported.addPlan(Plan{ID: exchP2, Name: "EXCHANGE_S_ENTERPRISE", FriendlyName: "Exchange, renamed"})
	imported.addPlanTo(unknown, exchP2)
	m := Merge(Builtin(), imported)

	s, _ := m.SKU(free)
	if s.Name != "Automate Free, renamed" {
		t.Errorf("the imported name did not win: %q", s.Name)
	}
	if s.Offer != Free || len(s.Plans) == 0 {
		t.Errorf("what the import does not say was lost: %+v", s)
	}
	if got, err := m.FindSKU("Microsoft Power Automate Free"); err != nil || got.ID != free {
		t.Errorf("the former name no longer finds the product: %v", err)
	}
	if m.SKUName(unknown, "") != "New product" || m.SKUName(e3, "") != "Microsoft 365 E3" {
		t.Error("a product of one side is missing")
	}
	if m.PlanName(exchP2) != "Exchange, renamed" {
		t.Errorf("the imported plan name did not win: %q", m.PlanName(exchP2))
	}
	if Builtin().SKUName(free, "") != "Microsoft Power Automate Free" || len(Builtin().FindSKUs("NEW")) != 0 {
		t.Error("Merge changed its argument")
	}
	if got := Merge(Builtin(), nil).SKUName(o365e3, ""); got != "Office 365 E3" {
		t.Errorf("Merge with nil: %q", got)
	}
}

func TestMerge_PlansReplaced(t *testing.T) {
	imported := newCatalog()
	imported.addSKU(SKU{ID: e3, PartNumber: "SPE_E3", Name: "Microsoft 365 E3"})
	imported.addPlan(Plan{ID: unknown, Name: "ONLY"})
	imported.addPlanTo(e3, unknown)
	if got := Merge(Builtin(), imported).PlanIDs(e3); !slices.Equal(got, []snapshot.PlanID{unknown}) {
		t.Errorf("plans = %v, want the imported ones", got)
	}
}
