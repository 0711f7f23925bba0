// Package intake takes in what a run brings: the spool keeps what was found out about
// users until the run is committed, and the writer adds rows in bulk.
package intake

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/attributes"
	"lictrail/snapshot/store/engine"
)

// Spool keeps what a run found out about users until the run is committed, in
// a file next to the database, so that memory does not grow with the tenant.
// Everything that needs no database is worked out when a user is added, while
// the next page is on its way. Texts that many users share are in memory once.
type Spool struct {
	file   *os.File
	out    *bufio.Writer
	record []byte
	shape  []byte
	index  map[string]uint64 // 0 is for texts that are written out
	words  []string
	size   int // of the words
	prints snapshot.Fingerprints
}

// maxWords bounds the bytes of texts in memory. What comes later is written out.
const maxWords = 32 << 20

// NewSpool begins a spool beside a database. The file is gone when it is closed, and
// on systems that can do so has no name from the beginning: a crash leaves nothing behind.
func NewSpool(database string) (*Spool, error) {
	f, err := newFile(database)
	if err != nil {
		return nil, err
	}
	sp := &Spool{file: f, out: bufio.NewWriterSize(f, 1<<16)}
	sp.forget()
	return sp, nil
}

func newFile(database string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(database), filepath.Base(database)+"-spool-*") // mode 0600
	if err != nil {
		return nil, engine.Placed(fmt.Errorf("make a spool for the users: %w", err))
	}
	_ = os.Remove(f.Name()) // fails on Windows, where Close does it
	return f, nil
}

// empty drops what was written to a file.
func empty(f *os.File, out *bufio.Writer) error {
	_, err := f.Seek(0, io.SeekStart)
	if err == nil {
		err = f.Truncate(0)
	}
	out.Reset(f)
	return err
}

func remove(f *os.File) error {
	err := f.Close()
	_ = os.Remove(f.Name()) // it is gone already, but for Windows
	return err
}

// Fill writes so many bytes, to learn whether they fit on the disk.
func (sp *Spool) Fill(bytes int) error {
	_, err := sp.file.Write(make([]byte, bytes))
	return err
}

func (sp *Spool) forget() { sp.index, sp.words, sp.size = map[string]uint64{}, []string{""}, 0 }

// Reset drops everything that was added.
func (sp *Spool) Reset() error {
	sp.forget()
	if err := empty(sp.file, sp.out); err != nil {
		return fmt.Errorf("empty the spool: %w", err)
	}
	return nil
}

// Close removes the spool.
func (sp *Spool) Close() error { return remove(sp.file) }

// Add takes what a run changes in the history of one user. row is the user's in
// the database, 0 for one who is new; print is of the row that the user was read
// from, nil for none. Changes are not kept: see [Result].
func (sp *Spool) Add(d *snapshot.Delta, row int64, print *RowPrint) error {
	sp.record = sp.record[:0]
	sp.number(row)
	sp.text(string(d.ID))
	sp.number(sp.prints.Of(&d.New))
	sp.print(print)
	sp.bool(d.Attributes)
	if d.Attributes {
		sp.attributes(&d.New)
	}
	sp.paths(d)
	sp.bool(d.Plans)
	if d.Plans {
		sp.plans(d.New.Plans)
	}
	sp.number(int64(len(d.Evidence)))
	for _, e := range d.Evidence {
		sp.sharedText(string(e.SKU))
		sp.sharedText(string(e.Basis))
		sp.time(e.At)
	}
	var head [binary.MaxVarintLen64]byte
	if _, err := sp.out.Write(binary.AppendUvarint(head[:0], uint64(len(sp.record)))); err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	if _, err := sp.out.Write(sp.record); err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	return nil
}

func (sp *Spool) print(p *RowPrint) {
	if sp.bool(p != nil); p == nil {
		return
	}
	sp.record = append(sp.record, p.Sum[:]...)
	sp.number(int64(p.Size))
	sp.number(int64(p.Shows.Flags))
	sp.number(int64(len(p.Shows.Held)))
	for _, id := range p.Shows.Held {
		sp.sharedText(string(id))
	}
	sp.number(int64(len(p.Shows.Groups)))
	for _, id := range p.Shows.Groups {
		sp.sharedText(string(id))
	}
}

func (sp *Spool) attributes(u *snapshot.User) {
	sp.sharedText(string(u.Presence))
	sp.time(u.DeletedAt)
	sp.text(u.EmployeeID)
	if sp.bool(u.CreatedAt != nil); u.CreatedAt != nil {
		sp.time(*u.CreatedAt)
	}
	sp.text(u.UPN)
	sp.text(u.Name)
	sp.bool(u.Mail == u.UPN)
	if u.Mail != u.UPN {
		sp.text(u.Mail)
	}
	sp.sharedText(u.Department)
	for _, text := range attributes.Shared(&u.Attributes) {
		sp.sharedText(*text)
	}
	if sp.bool(u.Enabled != nil); u.Enabled != nil {
		sp.bool(*u.Enabled)
	}
	sp.bool(u.OnPremisesSync)
}

func (sp *Spool) paths(d *snapshot.Delta) {
	sp.number(int64(len(d.Closed)))
	for i := range d.Closed {
		sp.pathKey(&d.Closed[i])
	}
	sp.number(int64(len(d.Opened)))
	for i := range d.Opened {
		p := &d.Opened[i]
		sp.pathKey(&p.PathKey)
		sp.bool(p.Held)
		sp.sharedText(p.State)
		sp.sharedText(p.Error)
		sp.number(int64(len(p.Disabled)))
		for _, id := range p.Disabled {
			sp.sharedText(string(id))
		}
		sp.time(p.UpdatedAt)
		sp.number(int64(p.Span.Path))
		sp.number(int64(p.Start))
		sp.number(int64(p.Period))
	}
}

func (sp *Spool) pathKey(k *snapshot.PathKey) {
	sp.sharedText(string(k.SKU))
	sp.sharedText(string(k.Kind))
	sp.sharedText(string(k.Group))
}

// plans writes plans as a shape, which many users share, and a user's own dates.
func (sp *Spool) plans(plans []snapshot.Plan) {
	var dates []time.Time
	sp.shape, dates = appendShape(sp.shape[:0], plans)
	sp.sharedBytes(sp.shape)
	sp.number(int64(len(dates)))
	for _, at := range dates {
		sp.time(at)
	}
}

func (sp *Spool) number(n int64) { sp.record = binary.AppendVarint(sp.record, n) }

func (sp *Spool) bool(b bool) {
	if b {
		sp.number(1)
		return
	}
	sp.number(0)
}

func (sp *Spool) text(s string) {
	sp.record = binary.AppendUvarint(sp.record, uint64(len(s)))
	sp.record = append(sp.record, s...)
}

// time is kept to the millisecond, as in the database.
func (sp *Spool) time(t time.Time) {
	if t.IsZero() {
		sp.number(math.MinInt64)
		return
	}
	sp.number(t.UnixMilli())
}

// word writes a text of which many users have the same.
func (sp *Spool) sharedText(s string) {
	n, ok := sp.index[s]
	if !ok {
		n = sp.learn(s)
	}
	sp.sharedNumber(n, s)
}

func (sp *Spool) sharedBytes(b []byte) {
	n, ok := sp.index[string(b)]
	if ok {
		sp.sharedNumber(n, "")
		return
	}
	sp.sharedText(string(b))
}

func (sp *Spool) sharedNumber(n uint64, s string) {
	sp.record = binary.AppendUvarint(sp.record, n)
	if n == 0 {
		sp.text(s)
	}
}

func (sp *Spool) learn(s string) uint64 {
	if sp.size+len(s) > maxWords {
		return 0
	}
	n := uint64(len(sp.words))
	sp.index[s], sp.size = n, sp.size+len(s)+64
	sp.words = append(sp.words, s)
	return n
}

// Spooled is what the spool has of one user.
type Spooled struct {
	Row         int64
	ID          snapshot.UserID
	Fingerprint int64
	Print       *RowPrint
	Attributes  bool
	Presence    string
	DeletedAt   time.Time
	EmployeeID  string
	CreatedAt   time.Time // zero: not given
	UPN, Name   string
	Mail        any // NULL: same as upn
	Department  string
	Shared      snapshot.Attributes // those of profile.more
	Closed      []snapshot.PathKey
	Opened      []snapshot.OpenedPath
	Plans       bool
	Shape       string
	Dates       []time.Time
	Evidence    []snapshot.FirstEvidence
}

var errSpool = errors.New("the spool does not hold what was written to it")

// All reads the spool from its beginning.
func (sp *Spool) All() iter.Seq2[*Spooled, error] {
	return func(yield func(*Spooled, error) bool) {
		if sp == nil {
			return
		}
		err := sp.out.Flush()
		if err == nil {
			_, err = sp.file.Seek(0, io.SeekStart)
		}
		if err != nil {
			yield(nil, fmt.Errorf("read the spool: %w", err))
			return
		}
		in := bufio.NewReaderSize(sp.file, 1<<16)
		c := cursor{words: sp.words}
		for {
			size, err := binary.ReadUvarint(in)
			if err == io.EOF {
				return
			}
			if err == nil && size > maxRecord {
				err = errSpool
			}
			if err == nil {
				if uint64(cap(sp.record)) < size {
					sp.record = make([]byte, size)
				}
				c.rest, c.bad = sp.record[:size], false
				_, err = io.ReadFull(in, c.rest)
			}
			u := new(Spooled)
			if err == nil {
				c.user(u)
				if c.bad || len(c.rest) > 0 {
					err = errSpool
				}
			}
			if err != nil {
				yield(nil, fmt.Errorf("read the spool: %w", err))
				return
			}
			if !yield(u, nil) {
				return
			}
		}
	}
}

// maxRecord is more than a user can have: a page is at most half of it.
const maxRecord = 1 << 30

// cursor reads a record.
type cursor struct {
	rest  []byte
	words []string
	bad   bool
}

func (c *cursor) user(u *Spooled) {
	u.Row, u.ID, u.Fingerprint, u.Print = c.number(), snapshot.UserID(c.text()), c.number(), c.print()
	if u.Attributes = c.bool(); u.Attributes {
		u.Presence, u.DeletedAt, u.EmployeeID = c.sharedText(), c.time(), c.text()
		if c.bool() {
			u.CreatedAt = c.time()
		}
		u.UPN, u.Name = c.text(), c.text()
		if same := c.bool(); !same {
			u.Mail = c.text()
		}
		u.Department = c.sharedText()
		for _, text := range attributes.Shared(&u.Shared) {
			*text = c.sharedText()
		}
		if c.bool() {
			enabled := c.bool()
			u.Shared.Enabled = &enabled
		}
		u.Shared.OnPremisesSync = c.bool()
	}
	for range c.count() {
		u.Closed = append(u.Closed, c.pathKey())
	}
	for range c.count() {
		u.Opened = append(u.Opened, c.path())
	}
	if u.Plans = c.bool(); u.Plans {
		u.Shape = c.sharedText()
		for range c.count() {
			u.Dates = append(u.Dates, c.time())
		}
	}
	for range c.count() {
		u.Evidence = append(u.Evidence, snapshot.FirstEvidence{SKU: snapshot.SKUID(c.sharedText()), Basis: snapshot.Basis(c.sharedText()), At: c.time()})
	}
}

func (c *cursor) print() *RowPrint {
	if !c.bool() {
		return nil
	}
	p := new(RowPrint)
	if len(c.rest) < len(p.Sum) {
		c.bad = true
		return nil
	}
	c.rest = c.rest[copy(p.Sum[:], c.rest):]
	p.Size, p.Shows.Flags = uint32(c.number()), uint8(c.number())
	for range c.count() {
		p.Shows.Held = append(p.Shows.Held, snapshot.SKUID(c.sharedText()))
	}
	for range c.count() {
		p.Shows.Groups = append(p.Shows.Groups, snapshot.GroupID(c.sharedText()))
	}
	return p
}

func (c *cursor) pathKey() snapshot.PathKey {
	return snapshot.PathKey{SKU: snapshot.SKUID(c.sharedText()),
		PathRef: snapshot.PathRef{Kind: snapshot.PathKind(c.sharedText()), Group: snapshot.GroupID(c.sharedText())}}
}

func (c *cursor) path() snapshot.OpenedPath {
	p := snapshot.OpenedPath{Path: snapshot.Path{PathKey: c.pathKey(), Held: c.bool(), State: c.sharedText(), Error: c.sharedText()}}
	for range c.count() {
		p.Disabled = append(p.Disabled, snapshot.PlanID(c.sharedText()))
	}
	p.UpdatedAt = c.time()
	p.Span = snapshot.Span{Path: snapshot.RunID(c.number()), Start: snapshot.RunID(c.number()), Period: int(c.number())}
	return p
}

func (c *cursor) number() int64 {
	n, size := binary.Varint(c.rest)
	c.skip(size)
	return n
}

func (c *cursor) skip(size int) {
	if size <= 0 || size > len(c.rest) {
		c.bad, c.rest = true, nil
		return
	}
	c.rest = c.rest[size:]
}

// count is the length of a list, none of whose members is shorter than a byte.
func (c *cursor) count() int64 {
	n := c.number()
	if n < 0 || n > int64(len(c.rest)) {
		c.bad = true
		return 0
	}
	return n
}

func (c *cursor) bool() bool { return c.number() != 0 }

func (c *cursor) size() uint64 {
	n, size := binary.Uvarint(c.rest)
	c.skip(size)
	return n
}

func (c *cursor) text() string {
	n := c.size()
	if n > uint64(len(c.rest)) {
		c.bad = true
		return ""
	}
	s := string(c.rest[:n])
	c.rest = c.rest[n:]
	return s
}

func (c *cursor) time() time.Time {
	n := c.number()
	if n == math.MinInt64 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

func (c *cursor) sharedText() string {
	n := c.size()
	switch {
	case n == 0:
		return c.text()
	case n >= uint64(len(c.words)):
		c.bad = true
		return ""
	}
	return c.words[n]
}

// appendShape appends plans without their dates, and returns the dates: each
// once, numbered in the order of the plans, or that of each plan where there are
// more than users have who share such a pattern.
func appendShape(shape []byte, plans []snapshot.Plan) ([]byte, []time.Time) {
	slots := make([]int, len(plans))
	var dates []time.Time
	for i := range plans {
		slot := -1
		for n := range dates {
			if dates[n].Equal(plans[i].AssignedAt) {
				slot = n
				break
			}
		}
		if slot < 0 {
			if slot = len(dates); slot == commonDates {
				return appendSpread(shape, plans)
			}
			dates = append(dates, plans[i].AssignedAt)
		}
		slots[i] = slot
	}
	for i := range plans {
		shape = appendPlan(shape, &plans[i], slots[i])
	}
	return shape, dates
}

// appendSpread is appendShape with a number for each plan.
func appendSpread(shape []byte, plans []snapshot.Plan) ([]byte, []time.Time) {
	dates := make([]time.Time, len(plans))
	for i := range plans {
		shape, dates[i] = appendPlan(shape, &plans[i], i), plans[i].AssignedAt
	}
	return shape, dates
}

func appendPlan(shape []byte, p *snapshot.Plan, slot int) []byte {
	shape = append(binary.AppendUvarint(shape, uint64(len(p.ID))), p.ID...)
	shape = append(binary.AppendUvarint(shape, uint64(len(p.Status))), p.Status...)
	return binary.AppendUvarint(shape, uint64(slot))
}

// SpreadShape gives each plan of a shape a date of its own.
func SpreadShape(shape string, dates []time.Time) (string, []time.Time, error) {
	c := cursor{rest: []byte(shape)}
	var spread []byte
	var all []time.Time
	for len(c.rest) > 0 {
		p := snapshot.Plan{ID: snapshot.PlanID(c.text()), Status: c.text()}
		slot := c.size()
		if c.bad || slot >= uint64(len(dates)) {
			return "", nil, errSpool
		}
		spread = appendPlan(spread, &p, len(all))
		all = append(all, dates[slot])
	}
	return string(spread), all, nil
}

// LayoutText writes a shape as it is kept: [plan.id, status, slot], ...
func LayoutText(shape string, planRow func(snapshot.PlanID) (int64, error)) (string, error) {
	c := cursor{rest: []byte(shape)}
	rows := []byte{'['}
	for len(c.rest) > 0 {
		plan, status, slot := snapshot.PlanID(c.text()), c.text(), c.size()
		if c.bad {
			return "", errSpool
		}
		id, err := planRow(plan)
		if err != nil {
			return "", err
		}
		word, err := json.Marshal(status)
		if err != nil {
			return "", fmt.Errorf("encode the status of plan %s: %w", plan, err)
		}
		if len(rows) > 1 {
			rows = append(rows, ',')
		}
		rows = fmt.Appendf(rows, "[%d,%s,%d]", id, word, slot)
	}
	return string(append(rows, ']')), nil
}

// commonDates is how many dates the plans of users have at most who share a
// pattern of equal dates.
const commonDates = 20

func LayoutHash(layout string) []byte {
	sum := sha256.Sum256([]byte(layout))
	return sum[:]
}

// RowPrint recognizes a user's row that comes again, and says what a run counts
// of it without decoding it.
type RowPrint struct {
	snapshot.RowPrint
	Shows RowShows
}

// RowShows is what a run counts of a row.
type RowShows struct {
	Held   []snapshot.SKUID
	Groups []snapshot.GroupID // that give any of it
	Flags  uint8              // defined by package track
}
