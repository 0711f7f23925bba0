package cli

import (
	"fmt"
	"strconv"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
)

// usualBurst is the limit that the tenant's history sets.
const usualBurst = "usual"

// parseBurst reads "usual", or a limit such as "5,5%".
func parseBurst(text string) (l ask.BurstLimit, err error) {
	if strings.EqualFold(strings.TrimSpace(text), usualBurst) {
		return ask.BurstLimit{Usual: true}, nil
	}
	l = ask.BurstLimit{Users: 1 << 30, Share: 2}
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if strings.HasSuffix(part, "%") {
			if l.Share, err = parseShare("burst", part); err != nil {
				return l, err
			}
			continue
		}
		if l.Users, err = strconv.Atoi(part); err != nil || l.Users < 1 {
			return l, usage(fmt.Sprintf("--burst %q is not a limit", text), "--burst usual, or --burst 5,5% for 5 users or 5 % of a SKU's holders")
		}
	}
	return l, nil
}
