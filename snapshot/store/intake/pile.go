package intake

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// Pile keeps values in a file next to the database that may be too many for memory,
// as when everybody's licenses change in one run.
type Pile[T any] struct {
	file *os.File
	out  *bufio.Writer
	end  int64
	buf  []byte
}

// Place is where a value of a pile stands.
type Place struct {
	at   int64
	size int
}

// NewPile begins a pile beside a database, in a file like that of [NewSpool].
func NewPile[T any](database string) (*Pile[T], error) {
	f, err := newFile(database)
	if err != nil {
		return nil, err
	}
	return &Pile[T]{file: f, out: bufio.NewWriterSize(f, 1<<16)}, nil
}

// Add adds a value and says where it stands.
func (p *Pile[T]) Add(v *T) (Place, error) {
	text, err := json.Marshal(v)
	if err == nil {
		_, err = p.out.Write(text)
	}
	if err != nil {
		return Place{}, fmt.Errorf("keep what the run found in a file: %w", err)
	}
	place := Place{p.end, len(text)}
	p.end += int64(len(text))
	return place, nil
}

// At returns the value at a place.
func (p *Pile[T]) At(place Place) (*T, error) {
	if cap(p.buf) < place.size {
		p.buf = make([]byte, place.size)
	}
	text := p.buf[:place.size]
	err := p.out.Flush()
	if err == nil {
		_, err = p.file.ReadAt(text, place.at)
	}
	v := new(T)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return nil, fmt.Errorf("read what the run found: %w", err)
	}
	return v, nil
}

// All lists the values in the order in which they were added.
func (p *Pile[T]) All() iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		if err := p.out.Flush(); err != nil {
			yield(nil, fmt.Errorf("read what the run found: %w", err))
			return
		}
		in := json.NewDecoder(io.NewSectionReader(p.file, 0, p.end))
		for {
			v := new(T)
			err := in.Decode(v)
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(nil, fmt.Errorf("read what the run found: %w", err))
				return
			case !yield(v, nil):
				return
			}
		}
	}
}

// Reset drops all values.
func (p *Pile[T]) Reset() error {
	p.end = 0
	if err := empty(p.file, p.out); err != nil {
		return fmt.Errorf("drop what the run found: %w", err)
	}
	return nil
}

// Close removes the file.
func (p *Pile[T]) Close() error { return remove(p.file) }
