package store

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The conditions by the index of addresses select and order as the plain ones do: of
// addresses with the same part before the @, with none, and with several.
func TestAddresses(t *testing.T) {
	t.Parallel()
	addresses := []string{"ann@a.com", "Ann@B.com", "ann@b.com", "ann-x@a.com", "ann", "ANN.Q@a.com", "annq", "a@b@c.com", "a@b", "@a.com", "q'@a.com", "ö@a.com", "\U0010ffff@a.com"}
	var people []string
	for _, a := range addresses {
		people = append(people, "Somebody <"+a+">")
	}
	db := called(t, people...)
	list := func(query string, args ...any) []string {
		t.Helper()
		rows, err := db.sql.QueryContext(t.Context(), query, args...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var got []string
		for rows.Next() {
			var upn string
			if err := rows.Scan(&upn); err != nil {
				t.Fatal(err)
			}
			got = append(got, upn)
		}
		return got
	}
	all := "SELECT v.upn FROM user_version v WHERE ?1 = '' ORDER BY "
	want := list(all+"v.upn COLLATE NOCASE, v.user_id", "")
	if diff := cmp.Diff(want, list(all+byAddress+", v.user_id", "")); diff != "" || len(want) != len(addresses) {
		t.Errorf("in order (-want +got):\n%s", diff)
	}
	for _, text := range append(slices.Clone(addresses), "", "a", "AN", "ann@", "ann@b", "ANN@B.COM", "q", "z", "@") {
		one, same := list("SELECT upn FROM user_version WHERE upn = ?1 COLLATE NOCASE ORDER BY 1", text), list("SELECT upn FROM user_version WHERE "+upnIs+" ORDER BY 1", text)
		if diff := cmp.Diff(one, same); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		begun := list("SELECT upn FROM user_version WHERE upn >= ?1 COLLATE NOCASE AND upn < ?2 COLLATE NOCASE ORDER BY 1", text, text+last)
		first, third := list("SELECT upn FROM user_version WHERE "+upnFrom1+" ORDER BY 1", text, text+last), list("SELECT upn FROM user_version WHERE ?1 = '' AND ?2 = '' AND "+upnFrom3+" ORDER BY 1", "", "", text, text+last)
		if diff := cmp.Diff([][]string{begun, begun}, [][]string{first, third}); diff != "" {
			t.Errorf("begun with %q (-want +got):\n%s", text, diff)
		}
	}
}
