package exports

import (
	"bufio"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// utf8Reader takes off a byte order mark, and turns UTF-16, with or without one,
// into UTF-8. Windows PowerShell writes UTF-16 by default.
func utf8Reader(r *bufio.Reader) *bufio.Reader {
	head, _ := r.Peek(4)
	at := func(i int) byte {
		if i < len(head) {
			return head[i]
		}
		return 'x'
	}
	var order binary.ByteOrder
	mark := 0
	switch {
	case at(0) == 0xef && at(1) == 0xbb && at(2) == 0xbf:
		mark = 3
	case at(0) == 0xff && at(1) == 0xfe:
		order, mark = binary.LittleEndian, 2
	case at(0) == 0xfe && at(1) == 0xff:
		order, mark = binary.BigEndian, 2
	case at(0) != 0 && at(1) == 0 && at(3) == 0:
		order = binary.LittleEndian
	case at(0) == 0 && at(1) != 0 && at(2) == 0:
		order = binary.BigEndian
	}
	r.Discard(mark) //nolint:errcheck // it was peeked at
	if order == nil {
		return r
	}
	return bufio.NewReaderSize(&utf16Reader{r: r, order: order}, bufferSize)
}

// utf16Reader reads UTF-16 as UTF-8.
type utf16Reader struct {
	r       *bufio.Reader
	order   binary.ByteOrder
	pending []byte // of a character for which there was no room
}

func (u *utf16Reader) Read(p []byte) (n int, err error) {
	n = copy(p, u.pending)
	u.pending = u.pending[n:]
	for n < len(p) {
		c, err := u.rune()
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		b := utf8.AppendRune(nil, c)
		m := copy(p[n:], b)
		n, u.pending = n+m, b[m:]
	}
	return n, nil
}

func (u *utf16Reader) rune() (rune, error) {
	c, err := u.unit()
	if err != nil || !utf16.IsSurrogate(c) {
		return c, err
	}
	pair, err := u.r.Peek(2)
	if err != nil {
		return utf8.RuneError, nil
	}
	both := utf16.DecodeRune(c, rune(u.order.Uint16(pair)))
	if both != utf8.RuneError {
		u.r.Discard(2) //nolint:errcheck // it was peeked at
	}
	return both, nil
}

func (u *utf16Reader) unit() (rune, error) {
	var b [2]byte
	if _, err := io.ReadFull(u.r, b[:]); err != nil {
		return 0, err
	}
	return rune(u.order.Uint16(b[:])), nil
}
