package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"

	"lictrail/snapshot"
	"lictrail/snapshot/store/attributes"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// attributeWords are the texts of attribute_word by number, read when they are
// asked for: a few one by one, many at once.
type attributeWords struct {
	ctx    context.Context
	q      engine.Querier
	known  map[int64]string
	missed int
}

// fewAttributeWords is how many texts are read one by one.
const fewAttributeWords = 100

func newAttributeWords(ctx context.Context, q engine.Querier) *attributeWords {
	return &attributeWords{ctx: context.WithoutCancel(ctx), q: q, known: map[int64]string{}}
}

func (w *attributeWords) text(id int64) (string, error) {
	if text, ok := w.known[id]; ok {
		return text, nil
	}
	if w.missed++; w.missed == fewAttributeWords {
		all, err := allAttributeWords(w.ctx, w.q)
		if err != nil {
			return "", err
		}
		w.known = all
		if text, ok := w.known[id]; ok {
			return text, nil
		}
	}
	var text string
	if err := w.q.QueryRowContext(w.ctx, "SELECT text FROM attribute_word WHERE id = ?", id).Scan(&text); err != nil {
		return "", fmt.Errorf("read text %d of attributes: %w", id, engine.Classify(err))
	}
	w.known[id] = text
	return text, nil
}

func allAttributeWords(ctx context.Context, q engine.Querier) (map[int64]string, error) {
	all, err := engine.Pairs[int64, string](ctx, q, "SELECT id, text FROM attribute_word")
	if err != nil {
		return nil, fmt.Errorf("read the texts of attributes: %w", engine.Classify(err))
	}
	return all, nil
}

// profileKey is what two combinations of attributes have in common that are the same.
type profileKey [16]byte

func keyOfProfile(department string, a *snapshot.Attributes) profileKey {
	b := make([]byte, 0, 256)
	add := func(text string) { b = append(append(b, text...), 0) }
	add(department)
	for _, text := range attributes.Shared(a) {
		add(*text)
	}
	enabled := byte(2)
	if a.Enabled != nil {
		enabled = 0
		if *a.Enabled {
			enabled = 1
		}
	}
	sum := sha256.Sum256(append(strconv.AppendBool(b, a.OnPremisesSync), enabled))
	return profileKey(sum[:16])
}

// profiles knows the combinations of attributes that are kept, by a hash: an index
// in the database would hold nearly everybody's attributes a second time.
type profiles struct {
	rows     map[profileKey]int64
	words    map[string]int64 // the number of a text; 0 for one that a single combination has
	last     int64
	lastWord int64
}

// maxAttributeWords bounds the memory for texts. One that comes later stands in its
// combination itself.
const maxAttributeWords = 1 << 19

// loadProfiles learns which combinations and texts there are.
func loadProfiles(ctx context.Context, q engine.Querier) (*profiles, error) {
	p := &profiles{rows: map[profileKey]int64{}, words: map[string]int64{}}
	texts, err := allAttributeWords(ctx, q)
	if err != nil {
		return nil, err
	}
	for id, text := range texts {
		if p.lastWord = max(p.lastWord, id); !ledger.IsStandIn(text) {
			p.words[text] = id
		}
	}
	word := func(id int64) (string, error) {
		text, ok := texts[id]
		if !ok {
			return "", attributes.ErrMalformed
		}
		return text, nil
	}
	err = engine.EachRow(ctx, q, "SELECT id, department, more FROM profile", nil, func(values []any) error {
		id, _ := values[0].(int64)
		p.last = max(p.last, id)
		var a snapshot.Attributes
		more := engine.TextOf(values[2])
		forgotten, err := attributes.Decode(more, &a, word)
		if err != nil || forgotten {
			return err
		}
		if key := keyOfProfile(engine.TextOf(values[1]), &a); p.rows[key] == 0 {
			p.rows[key] = id
		}
		if !attributes.IsArray(more) {
			return nil
		}
		for _, text := range attributes.Shared(&a) {
			if _, ok := p.words[*text]; !ok {
				p.remember(*text)
			}
		}
		return nil
	})
	return p, err
}

func (p *profiles) remember(text string) {
	if len(p.words) < maxAttributeWords {
		p.words[text] = 0
	}
}

// profile returns the row of a combination of attributes.
func (w *writer) profile(department string, a *snapshot.Attributes) (int64, error) {
	if w.profiles == nil {
		err := w.Pass(func() (err error) {
			w.profiles, err = loadProfiles(w.ctx, w.tx)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	p := w.profiles
	key := keyOfProfile(department, a)
	if id, ok := p.rows[key]; ok {
		return id, nil
	}
	more, err := w.attributesArray(a)
	if err != nil {
		return 0, err
	}
	p.last++
	p.rows[key] = p.last
	return p.last, w.Later("profile", []string{"id", "department", "more"}, p.last, department, more)
}

// attributesArray is what is kept of attributes in profile.more.
func (w *writer) attributesArray(a *snapshot.Attributes) (string, error) {
	b := make([]byte, 0, 64)
	b = append(b, '[')
	switch {
	case a.Enabled == nil:
		b = append(b, "null"...)
	case *a.Enabled:
		b = append(b, '1')
	default:
		b = append(b, '0')
	}
	end := len(b) // behind the last place that says something
	for i, text := range attributes.Shared(a) {
		switch {
		case i < attributes.FirstTexts:
		case a.OnPremisesSync:
			b = append(b, ",1"...)
			end = len(b)
		default:
			b = append(b, ",0"...)
		}
		if i == attributes.FirstTexts {
			b = append(b, ",null"...) // forget erases all but location and country
		}
		b = append(b, ',')
		if *text == "" {
			b = append(b, '0')
			continue
		}
		var err error
		if b, err = w.attributeWord(b, *text); err != nil {
			return "", err
		}
		end = len(b)
	}
	return string(append(b[:end], ']')), nil
}

// attributeWord appends the number of a text, or the text where no other combination
// is known to have it.
func (w *writer) attributeWord(b []byte, text string) ([]byte, error) {
	p := w.profiles
	id, seen := p.words[text]
	if !seen {
		p.remember(text)
		quoted, err := json.Marshal(text)
		return append(b, quoted...), err
	}
	if id == 0 {
		p.lastWord++
		id = p.lastWord
		p.words[text] = id
		if err := w.Later("attribute_word", []string{"id", "text"}, id, text); err != nil {
			return nil, err
		}
	}
	return strconv.AppendInt(b, id, 10), nil
}
