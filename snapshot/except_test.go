package snapshot

import (
	"fmt"
	"testing"
	"time"
)

func TestExcept(t *testing.T) {
	at := func(h int) time.Time { return time.Date(2026, 3, 1, h, 0, 0, 0, time.UTC) }
	window := func(from, to int) Window { return Window{NotBefore: at(from), NotAfter: at(to)} }
	for name, test := range map[string]struct {
		others []Window
		want   string
	}{
		"nothing":             {nil, "[2-20]"},
		"one inside":          {[]Window{window(5, 6)}, "[2-5 6-20]"},
		"two that meet":       {[]Window{window(5, 6), window(6, 8)}, "[2-5 8-20]"},
		"one inside another":  {[]Window{window(5, 9), window(6, 7)}, "[2-5 9-20]"},
		"at the beginning":    {[]Window{window(2, 3)}, "[3-20]"},
		"over the beginning":  {[]Window{window(1, 3)}, "[3-20]"},
		"at the end":          {[]Window{window(19, 20)}, "[2-19]"},
		"over the end":        {[]Window{window(19, 22)}, "[2-19]"},
		"before":              {[]Window{window(0, 2)}, "[2-20]"},
		"after":               {[]Window{window(20, 22)}, "[2-20]"},
		"all of it":           {[]Window{window(1, 22)}, "[]"},
		"exactly all of it":   {[]Window{window(2, 20)}, "[]"},
		"all, piece by piece": {[]Window{window(1, 10), window(9, 20)}, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			words := []string{}
			for _, w := range Except(window(2, 20), test.others) {
				words = append(words, fmt.Sprintf("%d-%d", w.NotBefore.Hour(), w.NotAfter.Hour()))
			}
			if got := fmt.Sprint(words); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
