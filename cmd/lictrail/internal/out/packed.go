package out

import (
	"encoding/binary"
	"iter"
	"slices"
)

// packed keeps rows of texts as bytes: a table of a large tenant would take twenty
// times as much as texts of their own.
type packed struct {
	chunks [][]byte // of whole rows
	row    []byte   // the row that is being added
	n      int
}

// chunkSize is how much is allocated at a time. A longer row is a chunk of its own.
const chunkSize = 1 << 16

// cellStyles are those that a cell can have, by the number that stands for them.
var cellStyles = []Style{Plain, Bold, Dim, Red, Green, Yellow}

// add adds a cell to the row.
func (p *packed) add(text string, style Style) {
	p.row = binary.AppendUvarint(p.row, uint64(max(0, slices.Index(cellStyles, style))))
	p.row = binary.AppendUvarint(p.row, uint64(len(text)))
	p.row = append(p.row, text...)
}

// end ends the row.
func (p *packed) end() {
	last := len(p.chunks) - 1
	if last < 0 || cap(p.chunks[last])-len(p.chunks[last]) < len(p.row) {
		p.chunks = append(p.chunks, make([]byte, 0, max(chunkSize, len(p.row))))
		last++
	}
	p.chunks[last] = append(p.chunks[last], p.row...)
	p.row, p.n = p.row[:0], p.n+1
}

// all lists the rows, which have so many cells. A row is good until the next.
func (p *packed) all(cells int) iter.Seq[[]Cell] {
	return func(yield func([]Cell) bool) {
		row := make([]Cell, cells)
		for _, chunk := range p.chunks {
			for len(chunk) > 0 {
				for i := range row {
					style, n := binary.Uvarint(chunk)
					length, m := binary.Uvarint(chunk[n:])
					from := n + m
					row[i] = Cell{Value: string(chunk[from : from+int(length)]), Style: cellStyles[style]}
					chunk = chunk[from+int(length):]
				}
				if !yield(row) {
					return
				}
			}
		}
	}
}
