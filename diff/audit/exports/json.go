package exports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// lists are the members under which an object carries a list of records: Graph's
// and the portal's, Azure Monitor's, and those of tables that queries return. No
// audit record has a list of such a name itself.
var lists = map[string]bool{"value": true, "records": true, "tables": true, "results": true, "items": true, "data": true, "events": true}

// readJSON reads records from JSON: one object or many, one after the other, a line each,
// in lists, or in objects that have lists as members. Text around them is skipped, so that
// a syntax error does not prevent reading the records after it.
func readJSON(in *text, yield func(*Record) bool) error {
	s := &scanner{text: in, line: 1, yield: yield}
	err := s.all()
	if errors.Is(err, errStop) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// errStop ends the reading because the caller wants no more records.
var errStop = errors.New("no more records are wanted")

// scanner finds the records in JSON text by matching brackets and quotes. Whether the text
// between them is valid JSON is checked when the record is decoded.
type scanner struct {
	*text
	line  int
	yield func(*Record) bool
	depth int  // of the lists, and of what carries them, that are open
	lost  bool // what was read was broken, so that depth says nothing
}

func (s *scanner) give(r *Record) error {
	if !s.yield(r) {
		return errStop
	}
	return nil
}

// all reads from record to record until the text ends.
func (s *scanner) all() error {
	member := false // a colon came before
	for {
		c, err := s.next()
		if errors.Is(err, io.EOF) && s.depth > 0 && !s.lost {
			return s.give(&Record{Line: s.line, Refused: errUnclosed.Error()})
		}
		if err != nil {
			return err
		}
		line := s.line
		switch c {
		case '{':
			err = s.object(member)
		case '[':
			s.depth++
			s.discard()
		case ']', '}':
			s.depth = max(0, s.depth-1)
			s.discard()
		case ',', ';', ':', 0x1e: // the last begins records of RFC 7464
			s.discard()
		case '"':
			err = s.quoted(line, member)
		default:
			err = s.scalar(line, member)
		}
		if err != nil {
			return err
		}
		member = c == ':'
	}
}

// next returns the next byte that is not white space, without taking it.
func (s *scanner) next() (byte, error) {
	for {
		c, err := s.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			s.line++
		case ' ', '\t', '\r', 0, 0x1a: // old editors end a text with the last
		default:
			return c, s.UnreadByte()
		}
	}
}

func (s *scanner) discard() { s.ReadByte() } //nolint:errcheck // next has seen it

// value is a JSON value that is being read.
type value struct {
	buf   []byte
	open  []byte // the brackets that are open
	last  byte   // the last byte that is neither white space nor inside quotes
	quote bool
	slash bool // the next byte is escaped
}

var (
	errBroken   = errors.New("not JSON: what stands here cannot stand here")
	errCut      = errors.New("the text ends within the record")
	errUnclosed = errors.New("the text ends within a list: records after it may be missing")
	errLong     = fmt.Errorf("the record is longer than %d MB", maxRecord>>20)
)

// addByte adds a byte. done says whether the value is complete with it.
func (v *value) addByte(c byte) (done bool, err error) {
	if v.quote {
		switch {
		case v.slash:
			v.slash = false
		case c == '\\':
			v.slash = true
		case c == '"':
			v.quote = false
			done = len(v.open) == 0
		case c == '\n':
			return false, errBroken
		}
		v.buf = append(v.buf, c)
		return done, nil
	}
	switch c {
	case '"':
		v.quote = true
	case '{', '[':
		if !v.mayOpen() {
			return false, errBroken
		}
		v.open = append(v.open, c)
	case '}', ']':
		if len(v.open) == 0 || v.open[len(v.open)-1] != c-2 { // ASCII has the brackets so
			return false, errBroken
		}
		v.open = v.open[:len(v.open)-1]
		done = len(v.open) == 0
	case ' ', '\t', '\r', '\n':
		v.buf = append(v.buf, c)
		return false, nil
	}
	v.last = c
	v.buf = append(v.buf, c)
	return done, nil
}

// plain returns how many bytes are within quotes and mean themselves.
func (v *value) plain(chunk []byte) int {
	if !v.quote || v.slash {
		return 0
	}
	for i, c := range chunk {
		if c == '"' || c == '\\' || c == '\n' {
			return i
		}
	}
	return len(chunk)
}

// mayOpen reports whether a bracket may follow. Where it may not, the record
// before was cut off, and another one begins.
func (v *value) mayOpen() bool {
	if len(v.open) == 0 {
		return v.last == 0
	}
	return v.last == ':' || v.open[len(v.open)-1] == '[' && (v.last == ',' || v.last == '[')
}

// read takes bytes until the value is complete or pause says so.
func (s *scanner) read(v *value, pause func() bool) error {
	for {
		chunk, err := s.chunk()
		if err != nil {
			return err
		}
		for i := 0; i < len(chunk); i++ {
			if n := v.plain(chunk[i:]); n > 0 {
				v.buf = append(v.buf, chunk[i:i+n]...)
				if i += n; len(v.buf) > maxRecord {
					s.Discard(i) //nolint:errcheck // it is buffered
					return errLong
				}
				if i == len(chunk) {
					break
				}
			}
			c := chunk[i]
			done, err := v.addByte(c)
			if err != nil {
				s.Discard(i) //nolint:errcheck // it is buffered
				return err
			}
			if c == '\n' {
				s.line++
			}
			if len(v.buf) > maxRecord {
				return errLong
			}
			if done || pause != nil && c == ':' && !v.quote && pause() {
				_, err := s.Discard(i + 1)
				if done {
					return err
				}
				return errors.Join(errPause, err)
			}
		}
		s.Discard(len(chunk)) //nolint:errcheck // it is buffered
	}
}

var errPause = errors.New("paused")

// chunk is what is buffered, at least one byte.
func (s *scanner) chunk() ([]byte, error) {
	if _, err := s.Peek(1); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errCut
		}
		return nil, err
	}
	return s.Peek(s.Buffered())
}

// object reads an object: a record, or what carries a list of them, whose
// beginning is then passed over. Where skip is set it is neither.
func (s *scanner) object(skip bool) error {
	v, line := &value{}, s.line
	columns := 0 // where the table's columns begin in buf
	for {
		var key string
		err := s.read(v, func() bool {
			if len(v.open) != 1 {
				return false
			}
			key = lastKey(v.buf)
			return lists[key] || key == "columns" || key == "rows"
		})
		switch {
		case err == nil:
			if skip {
				return nil
			}
			return s.give(found(v.buf, line))
		case !errors.Is(err, errPause):
			return s.broken(line, err)
		case key == "columns":
			columns = len(v.buf)
			continue
		}
		c, err := s.next()
		if err != nil {
			return s.broken(line, errCut)
		}
		if c == '[' && key == "rows" && columns > 0 {
			s.discard()
			s.depth += 2
			return s.rows(columnNames(v.buf[columns:]))
		}
		if c == '[' && lists[key] {
			s.discard()
			s.depth += 2
			return nil
		}
	}
}

// lastKey returns the member name at the end of the text, in lower case.
func lastKey(buf []byte) string {
	rest, ok := bytes.CutSuffix(bytes.TrimRight(buf[:len(buf)-1], " \t\r\n"), []byte{'"'})
	if !ok {
		return ""
	}
	return strings.ToLower(string(rest[bytes.LastIndexByte(rest, '"')+1:]))
}

// broken refuses the record that began at a line. Reading goes on at the byte that was
// wrong, unless the text ended there.
func (s *scanner) broken(line int, err error) error {
	switch {
	case errors.Is(err, errCut), errors.Is(err, errBroken), errors.Is(err, errLong):
		s.lost = true
		return s.give(&Record{Line: line, Refused: err.Error()})
	}
	return err
}

// quoted reads a string. In a list it may be a record as text; elsewhere it is
// the name or the value of something that is passed over.
func (s *scanner) quoted(line int, member bool) error {
	v := &value{}
	if err := s.read(v, nil); err != nil {
		return s.broken(line, err)
	}
	var inner string
	if member || json.Unmarshal(v.buf, &inner) != nil || !strings.HasPrefix(strings.TrimSpace(inner), "{") {
		return nil
	}
	return s.give(found([]byte(inner), line))
}

// scalar passes over a number or a word. Where none can stand, the line is
// refused: it is not JSON.
func (s *scanner) scalar(line int, member bool) error {
	for {
		c, err := s.ReadByte()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		ends := c == '\n' || err != nil || member && strings.IndexByte(",]} \t\r", c) >= 0
		if !ends {
			continue
		}
		if err == nil {
			s.UnreadByte() //nolint:errcheck // it was just read
		}
		if member {
			return nil
		}
		return s.broken(line, errBroken)
	}
}

// columnNames reads the names out of a list of columns: {"name": …} in Log
// Analytics, {"ColumnName": …} in Kusto, or bare names.
func columnNames(list []byte) []string {
	var names []string
	dec := json.NewDecoder(bytes.NewReader(list))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil
	}
	for dec.More() {
		var raw json.RawMessage
		if dec.Decode(&raw) != nil {
			return nil
		}
		var column struct{ Name, ColumnName string }
		var name string
		if json.Unmarshal(raw, &name) != nil && json.Unmarshal(raw, &column) == nil {
			name = column.Name + column.ColumnName
		}
		names = append(names, name)
	}
	return names
}

// rows reads the rows of a table, whose names stand before them.
func (s *scanner) rows(columns []string) error {
	for {
		c, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line := s.line
		switch c {
		case ',':
			s.discard()
			continue
		case '[':
		default:
			return nil
		}
		v := &value{}
		if err := s.read(v, nil); err != nil {
			return s.broken(line, err)
		}
		if err := s.give(row(columns, v.buf, line)); err != nil {
			return err
		}
	}
}

// row makes an object of a table's row.
func row(columns []string, raw []byte, line int) *Record {
	var cells []json.RawMessage
	if err := json.Unmarshal(raw, &cells); err != nil {
		return &Record{Line: line, Refused: whyNot(err)}
	}
	if len(cells) != len(columns) {
		return &Record{Line: line, Refused: fmt.Sprintf("%d values under %d columns", len(cells), len(columns))}
	}
	var b object
	for i, c := range cells {
		if string(c) != "null" || strings.EqualFold(columns[i], "InitiatedBy") {
			b.member(columns[i], c)
		}
	}
	return found(b.close(), line)
}

// object builds a JSON object with its members in a given order.
type object struct{ buf []byte }

func (o *object) member(name string, value any) {
	sep := byte(',')
	if len(o.buf) == 0 {
		sep = '{'
	}
	key, _ := json.Marshal(name)
	text, err := marshal(value)
	if err != nil {
		return // only of values that came from JSON
	}
	o.buf = append(append(append(append(o.buf, sep), key...), ':'), text...)
}

func (o *object) close() []byte {
	if len(o.buf) == 0 {
		return []byte("{}")
	}
	return append(o.buf, '}')
}

// marshal leaves < and > as they are: the record is to be read by people.
func marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(value)
	return bytes.TrimSpace(b.Bytes()), err
}
