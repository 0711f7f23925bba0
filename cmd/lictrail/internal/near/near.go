// Package near finds the word that somebody may have meant.
package near

import "strings"

// Word returns the word that is nearest to another, whatever its case; "" when
// none is within two letters.
func Word(word string, words []string) string {
	best, near := 3, ""
	for _, w := range words {
		if d := distance(strings.ToLower(word), w); d < best {
			best, near = d, w
		}
	}
	return near
}

// distance counts the letters to change, add or take away.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
