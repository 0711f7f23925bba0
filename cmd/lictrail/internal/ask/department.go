package ask

import (
	"context"
	"fmt"
	"strings"
)

// Department is a department in the tenant's spelling, regardless of case; "" for "". A
// department in which no user has ever been is refused, because an empty answer for a
// mistyped name would be wrong.
func (b *Book) Department(ctx context.Context, word string) (string, error) {
	if word == "" {
		return "", nil
	}
	all, err := b.History.Departments(ctx)
	if err != nil {
		return "", err
	}
	by := map[string]string{}
	meant := ""
	for _, d := range all {
		if d == word {
			return d, nil
		}
		if strings.EqualFold(d, word) && meant == "" {
			meant = d
		}
		shown := b.History.ConcealText(d)
		by[strings.ToLower(shown)] = shown
	}
	if meant != "" {
		return meant, nil
	}
	hint := "lictrail assignments --by department lists them"
	if near := nearest(strings.ToLower(word), by); len(near) > 0 {
		hint = near[0] + "; or " + hint
	}
	return "", refuse(fmt.Sprintf("nobody in the history has been in a department %q", word), hint)
}
