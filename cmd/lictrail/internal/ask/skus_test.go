package ask

import (
	"testing"

	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// TestSKUCost adds up by currency, and says where a sum is a lower bound.
func TestSKUCost(t *testing.T) {
	sku := func(enabled, warning, consumed, price int64, currency string) SKU {
		s := SKU{SKURow: &store.SKURow{SKU: snapshot.SKU{Units: snapshot.Units{Enabled: enabled, Warning: warning}, Consumed: consumed}}}
		if currency != "" {
			s.Price = &reclaim.Money{Micros: price * 1_000_000, Currency: currency}
		}
		return s
	}
	free := sku(1000, 0, 10, 0, "")
	free.NoCost = true
	gone := sku(5, 0, 0, 10, "EUR")
	gone.To = &store.Run{}
	for name, c := range map[string]struct {
		list         []SKU
		bought, idle string
	}{
		"one":                        {[]SKU{sku(10, 0, 7, 36, "EUR")}, "360.00 EUR", "108.00 EUR"},
		"more in use than there are": {[]SKU{sku(10, 0, 12, 36, "EUR")}, "360.00 EUR", "0.00 EUR"},
		"in grace":                   {[]SKU{sku(0, 10, 4, 36, "EUR")}, "0.00 EUR", "0.00 EUR"},
		"two currencies":             {[]SKU{sku(1, 0, 0, 10, "EUR"), sku(1, 0, 1, 10, "USD")}, "10.00 EUR + 10.00 USD", "10.00 EUR"},
		"one without a price":        {[]SKU{sku(1, 0, 0, 10, "EUR"), sku(3, 0, 3, 0, "")}, "at least 10.00 EUR", "10.00 EUR"},
		"free and gone":              {[]SKU{sku(1, 0, 0, 10, "EUR"), free, gone}, "10.00 EUR", "10.00 EUR"},
	} {
		bought, idle := SKUCost(c.list)
		if name == "more in use than there are" || name == "in grace" {
			if len(idle.Amounts) != 0 {
				t.Errorf("%s: idle seats cost %s", name, idle.Text())
			}
			c.idle = idle.Text()
		}
		if name == "in grace" {
			c.bought = bought.Text()
			if len(bought.Amounts) != 0 {
				t.Errorf("%s: %s", name, bought.Text())
			}
		}
		if bought.Text() != c.bought || idle.Text() != c.idle {
			t.Errorf("%s: %s, idle %s; want %s, idle %s", name, bought.Text(), idle.Text(), c.bought, c.idle)
		}
	}
}
