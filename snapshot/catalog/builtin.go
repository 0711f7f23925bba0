package catalog

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strings"
	"sync"

	"lictrail/snapshot"
)

// The built-in tables: one product a line with its plans by name, one plan a
// line. Both are sorted by id. They hold the common products; Microsoft's list
// has some 600.
var (
	//go:embed skus.csv
	builtinSKUs string
	//go:embed plans.csv
	builtinPlans string
	// What products were called before, a name a line.
	//go:embed former.csv
	builtinFormer string
)

var builtin = sync.OnceValue(func() *Catalog {
	c, err := readTables(builtinSKUs, builtinPlans)
	if err == nil {
		err = c.readFormer(builtinFormer)
	}
	if err != nil {
		panic("catalog: " + err.Error())
	}
	return c
})

// Builtin returns the table of common products that ships with the program.
func Builtin() *Catalog { return builtin() }

func readTables(skus, plans string) (*Catalog, error) {
	c := newCatalog()
	ids := map[string]snapshot.PlanID{}
	err := eachRow(plans, "id,name,friendly_name", func(row []string) error {
		p := Plan{ID: snapshot.PlanID(row[0]), Name: row[1], FriendlyName: row[2]}
		if !isGUID(row[0]) || p.Name == "" || ids[p.Name] != "" || !c.addPlan(p) {
			return fmt.Errorf("plan %q is malformed or there twice", row[1])
		}
		ids[p.Name] = p.ID
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, eachRow(skus, "id,part_number,name,offer,plans", func(row []string) error {
		s := SKU{ID: snapshot.SKUID(row[0]), PartNumber: row[1], Name: row[2], Offer: Offer(row[3])}
		if !isGUID(row[0]) || s.PartNumber == "" || s.Name == "" || !c.addSKU(s) {
			return fmt.Errorf("SKU %q is malformed or there twice", row[1])
		}
		return c.addPlansByName(s.ID, row[4], ids)
	})
}

func (c *Catalog) readFormer(table string) error {
	return eachRow(table, "name,id", func(row []string) error {
		id := snapshot.SKUID(row[1])
		if _, known := c.skus[id]; !known || row[0] == "" {
			return fmt.Errorf("the former name %q is of no product", row[0])
		}
		c.byFormer.add(row[0], id)
		return nil
	})
}

func (c *Catalog) addPlansByName(sku snapshot.SKUID, names string, ids map[string]snapshot.PlanID) error {
	if names == "" {
		return nil
	}
	for name := range strings.SplitSeq(names, "|") {
		if ids[name] == "" || !c.addPlanTo(sku, ids[name]) {
			return fmt.Errorf("SKU %s: plan %q is unknown or there twice", sku, name)
		}
	}
	return nil
}

func eachRow(table, header string, do func(row []string) error) error {
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		return err
	}
	if len(rows) == 0 || strings.Join(rows[0], ",") != header {
		return fmt.Errorf("table does not begin with %s", header)
	}
	for _, row := range rows[1:] {
		if err := do(row); err != nil {
			return err
		}
	}
	return nil
}
