package graph

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"lictrail/snapshot"
)

// rowVersion must be raised when the decoder comes to another result for the
// same bytes.
const rowVersion = "1"

// rowForm names what decides how a row of a user is written and read, but for
// the program's version: the properties asked for, what is kept of them, and the
// decoder.
func (c *Client) rowForm() string {
	return strings.TrimSpace(rowVersion + " " + strings.Join(c.selected(), ",") + " " + strings.Join(c.opts.Keep, ","))
}

// rowFilter stands between a page of users and its decoder, which sees the same
// page but for two things. A row that is known, byte by byte, is an empty object,
// and assignedPlans, nine tenths of a row, is a marker where each of its plans was
// read before. Both are noted for [rowFilter.next], in the order of the rows. As
// soon as anything is not as Graph writes it, bytes go through as they are, for
// the decoder to judge.
//
// What it does not hand on it has compared with bytes that the decoder took: the
// digest of a row, and the text of a plan without its date.
type rowFilter struct {
	from io.Reader
	buf  []byte // read, and not handled yet, from at on
	at   int
	out  []byte // handled, and not handed on yet, from sent on
	sent int
	err  error
	in   part

	known  func(id [16]byte) (snapshot.RowPrint, bool)
	sums   cipher.AEAD // nil: rows are not digested
	sum    []byte
	memo   *planMemo
	rows   []rowNote
	taken  int // of rows, by next
	plans  int // cut out of this page
	reuse  [][]wirePlan
	marker string
}

// part is where in a page the filter is.
type part int

const (
	head  part = iota // before the rows
	among             // before, between and behind rows
	plain             // where bytes go through as they are
)

// rowNote is what the decoder is not shown of a row.
type rowNote struct {
	known bool
	id    snapshot.UserID // of a known row
	print snapshot.RowPrint
	cut   bool // the marker stands for plans
	plans []wirePlan
}

const (
	filterBuffer = 256 << 10
	hintWithin   = 16 << 10 // bytes of a row in which its id is looked for
	maxHead      = 64 << 10 // bytes before the rows
)

// userRows reads the rows of users of one read, page after page.
type userRows struct {
	w      wireUser
	in     interner
	memo   planMemo
	known  func(id [16]byte) (snapshot.RowPrint, bool)
	sums   cipher.AEAD
	marker string
	filter *rowFilter // of the page that is being read
}

// newUserRows recognizes rows by their digests under a key; with a nil known it
// makes none.
func newUserRows(key [16]byte, known func(id [16]byte) (snapshot.RowPrint, bool)) *userRows {
	u := &userRows{known: known, marker: "cut " + rand.Text()}
	u.in.cut = u.plans
	if known != nil {
		block, err := aes.NewCipher(key[:])
		if err == nil {
			u.sums, err = cipher.NewGCM(block)
		}
		if err != nil {
			panic(err) // the size of the key is right
		}
	}
	return u
}

// page is the hook of [pager.filter].
func (u *userRows) page(r io.Reader) io.Reader {
	u.memo.opts, u.memo.in = jsonOptions, &u.in
	u.filter = &rowFilter{from: r, known: u.known, sums: u.sums, memo: &u.memo, marker: u.marker}
	return u.filter
}

// row reads one row: see [rowReader].
func (u *userRows) row(dec *jsontext.Decoder) (snapshot.UserRow, error) {
	note := u.filter.next()
	if note.known {
		return snapshot.UserRow{User: snapshot.User{ID: note.id}, Unchanged: true}, dec.SkipValue()
	}
	u.w.reset()
	if err := json.UnmarshalDecode(dec, &u.w); err != nil {
		return snapshot.UserRow{}, err
	}
	row, err := u.w.user()
	row.Print = note.print
	return row, err
}

// plans puts the plans that were cut out in the place of their marker.
func (u *userRows) plans(text jsontext.Value, l *list[wirePlan]) (taken bool, err error) {
	f := u.filter
	if f == nil || f.taken == 0 || string(text) != `"`+u.marker+`"` {
		return false, nil
	}
	note := &f.rows[f.taken-1]
	if !note.cut {
		return false, nil
	}
	l.rows, l.present = append(l.rows[:0], note.plans...), true
	return true, u.in.spendMore(len(note.plans))
}

// next is what is noted of the row that the decoder comes to.
func (f *rowFilter) next() rowNote {
	if f.taken > 0 && f.taken <= len(f.rows) {
		if last := &f.rows[f.taken-1]; last.plans != nil {
			f.reuse, last.plans = append(f.reuse, last.plans[:0]), nil
		}
	}
	if f.taken >= len(f.rows) { // this row went through as it is
		f.rows, f.taken = f.rows[:0], 0
		return rowNote{}
	}
	f.taken++
	return f.rows[f.taken-1]
}

// Read implements [io.Reader].
func (f *rowFilter) Read(p []byte) (int, error) {
	for f.sent == len(f.out) {
		f.out, f.sent = f.out[:0], 0
		if f.in == plain && f.at < len(f.buf) {
			n := copy(p, f.buf[f.at:])
			f.at += n
			return n, nil
		}
		if f.in == plain {
			if f.err != nil {
				return 0, f.err
			}
			n, err := f.from.Read(p)
			f.err = err
			if n > 0 {
				return n, nil
			}
			continue
		}
		f.handle(len(p))
	}
	n := copy(p, f.out[f.sent:])
	f.sent += n
	return n, nil
}

// handle fills out with so many bytes, or with what there is.
func (f *rowFilter) handle(most int) {
	if f.in == head {
		f.head()
		return
	}
	for f.in == among && len(f.out) < most {
		if f.at == len(f.buf) {
			if len(f.out) > 0 || !f.more() {
				break
			}
		}
		switch c := f.buf[f.at]; c {
		case ' ', '\t', '\n', '\r', ',':
			f.out = append(f.out, c)
			f.at++
		case '{':
			if !f.row() {
				f.in = plain
			}
		default:
			f.in = plain
		}
	}
	if f.err != nil && f.at == len(f.buf) {
		f.in = plain
	}
}

// more reads more of the page behind what is there. It reports false at the end.
func (f *rowFilter) more() bool {
	if f.err != nil {
		return false
	}
	if f.at > 0 && len(f.buf) == cap(f.buf) {
		f.buf = f.buf[:copy(f.buf, f.buf[f.at:])]
		f.at = 0
	}
	if len(f.buf) == cap(f.buf) {
		f.buf = slices.Grow(f.buf, max(filterBuffer, len(f.buf)))
	}
	for {
		n, err := f.from.Read(f.buf[len(f.buf):cap(f.buf)])
		f.buf, f.err = f.buf[:len(f.buf)+n], err
		if n > 0 || err != nil {
			return n > 0
		}
	}
}

// has makes sure that so many bytes are there, from at on.
func (f *rowFilter) has(n int) bool {
	for len(f.buf)-f.at < n {
		if !f.more() {
			return false
		}
	}
	return true
}

// head hands on what stands before the rows.
func (f *rowFilter) head() {
	for {
		n, enough := findRows(f.buf[f.at:])
		switch {
		case n > 0:
			f.out, f.in = append(f.out, f.buf[f.at:f.at+n]...), among
			f.at += n
			return
		case enough || len(f.buf)-f.at > maxHead || !f.more():
			f.in = plain
			return
		}
	}
}

// findRows returns where the rows of a page begin, behind the bracket. 0 with
// enough means that this is no page with rows, 0 without that more of it is needed.
func findRows(b []byte) (n int, enough bool) {
	i := blanks(b, 0)
	if i == len(b) || b[i] != '{' {
		return 0, i < len(b)
	}
	for i++; ; i++ {
		i = blanks(b, i)
		end, ok := textEnd(b, i)
		if !ok {
			return 0, i < len(b) && b[i] != '"'
		}
		name := b[i:end]
		if i = blanks(b, end); i == len(b) || b[i] != ':' {
			return 0, i < len(b)
		}
		if i = blanks(b, i+1); i == len(b) {
			return 0, false
		}
		if string(name) == `"value"` {
			if b[i] == '[' {
				return i + 1, true
			}
			return 0, true
		}
		if end, ok = textEnd(b, i); !ok { // only texts stand before the rows, and numbers
			if b[i] == '"' {
				return 0, false
			}
			n := bytes.IndexByte(b[i:], ',')
			if n < 0 {
				return 0, false
			}
			if bytes.ContainsAny(b[i:i+n], `{[]}"`) {
				return 0, true
			}
			end = i + n
		}
		if i = blanks(b, end); i == len(b) || b[i] != ',' {
			return 0, i < len(b)
		}
	}
}

func blanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// textEnd returns the index behind the text that begins at i. It is not ok where
// none begins, or where its end is not there yet.
func textEnd(b []byte, i int) (end int, ok bool) {
	if i >= len(b) || b[i] != '"' {
		return i, false
	}
	for j := i + 1; ; {
		n := bytes.IndexByte(b[j:], '"')
		if n < 0 {
			return i, false
		}
		j += n
		slashes := 0
		for b[j-1-slashes] == '\\' {
			slashes++
		}
		if j++; slashes%2 == 0 {
			return j, true
		}
	}
}

// row handles the row that begins here. It reports false, and has handled
// nothing, where that is better left to the decoder.
func (f *rowFilter) row() bool {
	if f.known != nil && f.recognize() {
		return true
	}
	note := rowNote{}
	size, cutFrom, cutTo, ok := f.scan(&note)
	if !ok {
		return false
	}
	row := f.buf[f.at : f.at+size]
	if f.sums != nil {
		note.print = snapshot.RowPrint{Sum: f.digest(row), Size: uint32(size)}
	}
	if note.cut {
		f.plans += len(note.plans)
		f.out = append(append(append(append(f.out, row[:cutFrom]...), '"'), f.marker...), '"')
		f.out = append(f.out, row[cutTo:]...)
	} else {
		f.out = append(f.out, row...)
	}
	f.rows = append(f.rows, note)
	f.at += size
	return true
}

// digest is a keyed digest: the tag of AES-GCM over nothing but additional data.
// Nobody who does not have the key can find two rows of one digest.
func (f *rowFilter) digest(row []byte) [16]byte {
	var nonce [12]byte // one for all: tags are compared, and never shown
	f.sum = f.sums.Seal(f.sum[:0], nonce[:], nil, row)
	return [16]byte(f.sum)
}

var idHint = []byte(`"id":"`)

// recognize handles the row when it is a known one, byte by byte. Where its id
// stands is a guess; the digest decides.
func (f *rowFilter) recognize() bool {
	f.has(hintWithin)
	row := f.buf[f.at:min(f.at+hintWithin, len(f.buf))]
	at := bytes.Index(row, idHint)
	if at < 0 || len(row) < at+len(idHint)+36 {
		return false
	}
	id := snapshot.NormalID(snapshot.UserID(row[at+len(idHint):][:36]))
	guid, ok := id.GUID()
	if !ok {
		return false
	}
	print, ok := f.known(guid)
	size := int(print.Size)
	if !ok || size < 2 || size > maxValue || !f.has(size) {
		return false
	}
	if row = f.buf[f.at : f.at+size]; row[size-1] != '}' || f.digest(row) != print.Sum {
		return false
	}
	f.out = append(f.out, '{', '}')
	f.rows = append(f.rows, rowNote{known: true, id: id})
	f.at += size
	return true
}

var plansName = []byte(`"assignedPlans":[`)

// scan finds the end of the row, and its plans: from the bracket that opens their
// list to behind the one that closes it. All are offsets in the row.
func (f *rowFilter) scan(note *rowNote) (size, cutFrom, cutTo int, ok bool) {
	depth := 0
	for i := 0; ; {
		b := f.buf[f.at:]
		if i >= len(b) {
			if i > maxValue || !f.more() {
				return 0, 0, 0, false
			}
			continue
		}
		switch b[i] {
		case '"':
			if depth == 1 && !note.cut && f.has(i+len(plansName)) && bytes.HasPrefix(f.buf[f.at+i:], plansName) {
				from := i + len(plansName) - 1
				if to, all := f.list(from, note); all {
					note.cut, cutFrom, cutTo, i = true, from, to, to
					continue
				}
			}
			b = f.buf[f.at:] // it may have moved
			end, whole := textEnd(b, i)
			if !whole {
				if len(b) > maxValue || !f.more() {
					return 0, 0, 0, false
				}
				continue
			}
			i = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, cutFrom, cutTo, b[i] == '}'
			}
		}
		i++
	}
}

// list reads the list of plans whose bracket is at from, when all of them are
// such that nothing but their bytes need be looked at.
func (f *rowFilter) list(from int, note *rowNote) (to int, ok bool) {
	var plans []wirePlan
	if n := len(f.reuse); n > 0 {
		plans, f.reuse = f.reuse[n-1], f.reuse[:n-1]
	}
	defer func() {
		if !ok && plans != nil {
			f.reuse = append(f.reuse, plans[:0])
		}
	}()
	i := from + 1
	for n := 0; ; n++ {
		if !f.has(i + 1) {
			return 0, false
		}
		if b := f.buf[f.at:]; n == 0 && b[i] == ']' {
			break
		}
		p, size := f.memo.plan(f.buf[f.at+i:], n)
		if size == 0 {
			f.has(i + maxPlan)
			if p, size = f.memo.plan(f.buf[f.at+i:], n); size == 0 {
				return 0, false
			}
		}
		if plans = append(plans, *p); len(plans)+f.plans > maxElements || i > maxValue {
			return 0, false
		}
		if i += size; !f.has(i + 1) {
			return 0, false
		}
		if c := f.buf[f.at+i]; c == ']' {
			break
		} else if c != ',' {
			return 0, false
		}
		i++
	}
	if plans == nil {
		plans = []wirePlan{}
	}
	note.plans = plans
	return i + 1, true
}

// planMemo knows what plans mean by their bytes. Those of a plan but for its date
// are the same for many users.
type planMemo struct {
	in   *interner
	opts json.Options
	by   map[string]*knownPlan
	last []*knownPlan // of the row before: the next row most often has the same
	key  []byte
	one  wirePlan
}

// knownPlan is a plan as it was written, but for its date.
type knownPlan struct {
	before, after string // and what stands around its date
	plan          wirePlan
}

const (
	maxPlan       = 4 << 10 // bytes of a plan that is read by its bytes
	maxKnownPlans = 1 << 13
)

var planDate = []byte(`"assignedDateTime":"`)

// plan reads the plan that b begins with, the n-th of its row; its size is 0
// where the plan is too long, not all there, or for the decoder to read. The
// result is good until the next call.
func (m *planMemo) plan(b []byte, n int) (*wirePlan, int) {
	if n < len(m.last) {
		k := m.last[n]
		if size := len(k.before); len(b) > size+len(zulu) && string(b[:size]) == k.before {
			if at, ok := parseZulu(b[size : size+len(zulu)]); ok {
				if rest := b[size+len(zulu):]; len(rest) >= len(k.after) && string(rest[:len(k.after)]) == k.after {
					m.one = k.plan
					m.one.AssignedDateTime = at
					return &m.one, size + len(zulu) + len(k.after)
				}
			}
		}
	}
	end := bytes.IndexByte(b[:min(len(b), maxPlan)], '}') + 1
	if end == 0 || b[0] != '{' {
		return nil, 0
	}
	// A text that ends with its first brace and is a whole object is the plan,
	// whatever follows.
	text := b[:end]
	before, date, after, split := splitPlan(text)
	if split {
		m.key = append(append(append(m.key[:0], before...), 0), after...)
		if k := m.by[string(m.key)]; k != nil {
			m.remember(n, k)
			m.one = k.plan
			m.one.AssignedDateTime = date
			return &m.one, end
		}
	}
	if m.decode(text) != nil {
		return nil, 0
	}
	if split && m.one.AssignedDateTime == date {
		if m.by == nil || len(m.by) >= maxKnownPlans {
			m.by = map[string]*knownPlan{}
		}
		k := &knownPlan{string(before), string(after), m.one}
		m.by[string(m.key)] = k
		m.remember(n, k)
	}
	return &m.one, end
}

func (m *planMemo) remember(n int, k *knownPlan) {
	switch {
	case n < len(m.last):
		m.last[n] = k
	case n == len(m.last) && n < maxKnownPlans:
		m.last = append(m.last, k)
	}
}

// decode reads a plan as the decoder of the page would.
func (m *planMemo) decode(text []byte) error {
	m.one = wirePlan{}
	dec := jsontext.NewDecoder(bytes.NewReader(text), m.opts)
	if err := m.in.plan(dec, &m.one); err != nil {
		return err
	}
	return atEnd(dec)
}

// splitPlan takes a plan apart at its date, where it has one, once, as plain text
// without escapes.
func splitPlan(text []byte) (before []byte, date instant, after []byte, ok bool) {
	at := bytes.Index(text, planDate)
	if at < 0 || bytes.IndexByte(text, '\\') >= 0 {
		return nil, date, nil, false
	}
	at += len(planDate)
	before, after = text[:at], text[at:]
	if len(after) < len(zulu) || bytes.Contains(after, planDate[:len(planDate)-2]) {
		return nil, date, nil, false
	}
	date, ok = parseZulu(after[:len(zulu)])
	return before, date, after[len(zulu):], ok && after[len(zulu)] == '"'
}

const zulu = "2006-01-02T15:04:05Z"

// parseZulu reads the one form of time that Graph gives plans, as
// [parseInstant] does, which is to judge the others.
func parseZulu(b []byte) (at instant, ok bool) {
	if len(b) != len(zulu) || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[19] != 'Z' {
		return at, false
	}
	two := func(i int) int {
		h, l := b[i]-'0', b[i+1]-'0'
		if h > 9 || l > 9 {
			return -1
		}
		return int(h)*10 + int(l)
	}
	century, year, month, day, hour, minute, second := two(0), two(2), two(5), two(8), two(11), two(14), two(17)
	if century < 19 || year < 0 || month < 1 || month > 12 || day < 1 || day > 28 && day > daysIn(century*100+year, month) ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return at, false
	}
	y, m := century*100+year, month
	if m < 3 { // days since 1970, with the year beginning in March
		y, m = y-1, m+12
	}
	days := 365*y + y/4 - y/100 + y/400 + (153*m-457)/5 + day - 719469
	return instant{Time: time.Unix(int64(days)*86400+int64(hour*3600+minute*60+second), 0).UTC()}, true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
