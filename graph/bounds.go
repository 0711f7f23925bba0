package graph

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"lictrail/snapshot"
)

// What an answer may cost, whoever gives it. The figures are several times what
// Microsoft sends at most: 999 users a page, each of some 300 plans.
const (
	maxPage     = 64 << 20  // bytes of a page, unpacked
	maxFile     = 256 << 20 // bytes of a usage report
	maxValue    = 8 << 20   // bytes of one value, or of blanks between two
	maxRecord   = 2 << 20   // bytes of one row of a usage report
	maxColumns  = 1000      // of a usage report
	maxRows     = 20_000    // rows of a page
	maxElements = 300_000   // elements of all the lists in a page: three bytes of JSON can cost a hundred of memory
	maxPages    = 20_000    // pages of a read
	maxAllRows  = 5_000_000 // rows of a read of users, which take some bytes each
	maxLogRows  = 1_000_000 // rows of a read of a log, which are kept until it ends
	maxUsage    = 250_000   // rows of a usage report that are kept
	maxNames    = 32 << 20  // bytes of the names in them
)

var (
	errTooLarge = errors.New("the page is too large")
	errEndless  = errors.New("the read does not come to an end")
)

// tooMuch is an errTooLarge: asking again would bring the same.
func tooMuch(most int, what string) error {
	return fmt.Errorf("%w: over %d %s", errTooLarge, most, what)
}

// window bounds what a decoder must hold at once: the bytes that it was given
// and has not consumed.
type window struct {
	from     io.Reader
	given    int64
	consumed func() int64
	most     int
}

// Read implements [io.Reader].
func (w *window) Read(p []byte) (int, error) {
	if w.given-w.consumed() > int64(w.most) {
		return 0, tooMuch(w.most, "bytes in one value, or in the blanks between two")
	}
	n, err := w.from.Read(p)
	w.given += int64(n)
	return n, err
}

// newDecoder returns a decoder whose buffer is bounded.
func newDecoder(r io.Reader, opts json.Options) *jsontext.Decoder {
	w := &window{from: r, most: maxValue}
	dec := jsontext.NewDecoder(w, opts)
	w.consumed = dec.InputOffset
	return dec
}

// elements reads a list of a page and counts its elements.
func elements[T any](in *interner) *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(dec *jsontext.Decoder, rows *[]T) error {
		*rows = (*rows)[:0]
		if dec.PeekKind() == jsontext.KindNull {
			*rows = nil
			return dec.SkipValue()
		}
		if err := open(dec, jsontext.KindBeginArray, "a list"); err != nil {
			return err
		}
		for dec.PeekKind() != jsontext.KindEndArray {
			if err := in.spend(dec); err != nil {
				return err
			}
			var row T
			if err := json.UnmarshalDecode(dec, &row); err != nil {
				return err
			}
			*rows = append(*rows, row)
		}
		_, err := dec.ReadToken()
		return err
	})
}

// spend counts an element of a list. A page has a decoder of its own.
func (in *interner) spend(dec *jsontext.Decoder) error {
	in.turn(dec)
	return in.spendMore(1)
}

// turn begins to count anew when a page is read that is not the one before.
func (in *interner) turn(dec *jsontext.Decoder) {
	if in.page != dec {
		in.page, in.spent = dec, 0
	}
}

func (in *interner) spendMore(n int) error {
	if in.spent += n; in.spent > maxElements {
		return tooMuch(maxElements, "elements in its lists")
	}
	return nil
}

// keySet is a set of texts of which a read may have millions. GUIDs stand in it
// as they are, others as a hash: 16 bytes each.
type keySet map[[16]byte]struct{}

// add reports whether the key is new.
func (s keySet) add(key string) bool {
	before := len(s)
	s[keyOf(key)] = struct{}{}
	return len(s) > before
}

func (s keySet) has(key string) bool {
	_, ok := s[keyOf(key)]
	return ok
}

func keyOf(key string) [16]byte {
	k, ok := snapshot.UserID(key).GUID()
	if !ok {
		sum := sha256.Sum256([]byte(key))
		k = [16]byte(sum[:])
	}
	return k
}
