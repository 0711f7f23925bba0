package ask

import (
	"strings"

	"lictrail/snapshot"
)

// Sentence is a recorded sentence about a SKU as an answer has it. What is recorded
// names SKUs by part numbers; the answer calls them as [Book.SKULabel] does. Names in
// quotes, those of groups and applications, stay as they are, and so does a sentence
// that names a person who is called like the SKU.
func (b *Book) Sentence(text string, id snapshot.SKUID, names ...string) string {
	if b.PartNumbers {
		return text
	}
	part := b.PartNumber(id)
	for _, name := range names {
		if part == "" || strings.Contains(name, part) {
			return text
		}
	}
	return replaceWord(text, part, b.SKULabel(id))
}

// PlanSentence is a sentence with the plans of its change called as [Book.PlanLabel] does.
func (b *Book) PlanSentence(text string, plans *snapshot.PlanDelta) string {
	if plans == nil {
		return text
	}
	for _, ids := range [][]snapshot.PlanID{plans.Disabled, plans.Enabled} {
		for _, id := range ids {
			text = replaceWord(text, b.PlanName(id), b.PlanLabel(id))
		}
	}
	return text
}

// replaceWord replaces a word wherever it stands alone and outside of double quotes,
// as %q writes them.
func replaceWord(text, word, with string) string {
	if word == "" || word == with {
		return text
	}
	var out strings.Builder
	quoted := false
	for i := 0; i < len(text); {
		switch {
		case quoted && text[i] == '\\' && i+1 < len(text):
			out.WriteString(text[i : i+2])
			i += 2
			continue
		case text[i] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(text[i:], word) && alone(text, i, i+len(word)):
			out.WriteString(with)
			i += len(word)
			continue
		}
		out.WriteByte(text[i])
		i++
	}
	return out.String()
}

// alone reports whether what stands from one place to another is a word of its own.
func alone(text string, from, to int) bool {
	if from > 0 && !strings.ContainsRune(" (", rune(text[from-1])) {
		return false
	}
	rest := strings.TrimLeft(text[to:], ".,;:)")
	return rest == "" || rest[0] == ' '
}
