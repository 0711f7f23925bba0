package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"sync"
	"time"
)

// fingerprintVersion goes into every fingerprint. Raising it makes the next
// run compare every user in full, which is slow once and never wrong.
const fingerprintVersion = 4

// Fingerprint digests everything about a normalized user that history keeps.
// Two users with different fingerprints differ, or were digested by different
// versions; with equal ones they are the same. It has 48 bits, which SQLite
// keeps in six bytes: that a change goes unseen for two states having the same
// one is once in 280,000,000,000,000 changes.
func (u *User) Fingerprint() int64 { return new(Fingerprints).Of(u) }

// Fingerprints makes the fingerprints of many users, one after the other. It
// remembers the digests of patterns of service plans: users with the same SKUs
// share one, and it is four fifths of what there is to digest.
type Fingerprints struct {
	patterns map[string][sha256.Size]byte
	pattern  digester
	user     digester
}

// maxPatterns bounds the memory for patterns to a few megabytes.
const maxPatterns = 1000

// Of is [User.Fingerprint].
func (f *Fingerprints) Of(u *User) int64 {
	f.user = f.user[:0]
	d := &f.user
	d.number(fingerprintVersion)
	d.text(string(u.ID))
	d.text(string(u.Presence))
	d.time(u.DeletedAt)
	d.attributes(&u.Attributes)
	d.number(int64(len(u.Paths)))
	for i := range u.Paths {
		d.path(&u.Paths[i])
	}
	pattern := f.patternOf(u.Plans)
	*d = append(*d, pattern[:]...)
	for i := range u.Plans {
		d.time(u.Plans[i].AssignedAt)
	}
	sum := sha256.Sum256(*d)
	return int64(binary.BigEndian.Uint64(sum[:])) >> 16
}

// patternOf digests what of plans users share: all but the dates.
func (f *Fingerprints) patternOf(plans []Plan) [sha256.Size]byte {
	f.pattern = f.pattern[:0]
	f.pattern.number(int64(len(plans)))
	for i := range plans {
		f.pattern.text(string(plans[i].ID))
		f.pattern.text(plans[i].Status)
	}
	if sum, known := f.patterns[string(f.pattern)]; known {
		return sum
	}
	if len(f.patterns) >= maxPatterns || f.patterns == nil {
		f.patterns = make(map[string][sha256.Size]byte)
	}
	sum := sha256.Sum256(f.pattern)
	f.patterns[string(f.pattern)] = sum
	return sum
}

// digester collects fields so that no two different sequences of fields give
// the same bytes: every text and list carries its length.
type digester []byte

func (d *digester) number(n int64) { *d = binary.AppendVarint(*d, n) }

func (d *digester) text(s string) {
	d.number(int64(len(s)))
	*d = append(*d, s...)
}

func (d *digester) time(t time.Time) {
	if t.IsZero() {
		d.number(math.MinInt64) // 0 is 1970
		return
	}
	d.number(t.UnixMilli())
}

func (d *digester) bool(b bool) {
	if b {
		d.number(1)
		return
	}
	d.number(0)
}

// attributes takes a field of the struct each; a test counts them.
func (d *digester) attributes(a *Attributes) {
	for _, text := range [...]string{a.UPN, a.Name, a.Mail, a.Department, a.Type, a.UsageLocation, a.Company,
		a.Country, a.Office, a.JobTitle, a.EmployeeID, a.EmployeeType, a.CreationType} {
		d.text(text)
	}
	d.bool(a.OnPremisesSync)
	d.bool(a.Enabled != nil)
	d.bool(a.Enabled != nil && *a.Enabled)
	d.bool(a.CreatedAt != nil)
	if a.CreatedAt != nil {
		d.time(*a.CreatedAt)
	}
	if a.Kept != "" { // else nothing, so that fingerprints stay those of before there was any
		d.number(-1) // no count of paths, which follows
		d.text(string(a.Kept))
	}
}

func (d *digester) path(p *Path) {
	d.text(string(p.SKU))
	d.text(string(p.Kind))
	d.text(string(p.Group))
	d.bool(p.Held)
	d.text(p.State)
	d.text(p.Error)
	d.number(int64(len(p.Disabled)))
	for _, id := range p.Disabled {
		d.text(string(id))
	}
	d.time(p.UpdatedAt)
}

// rowVersion goes into every digest of a row. A seal made with another version
// could no longer be verified: it must not change, only be added to.
const rowVersion = 1

// digesters are pooled, because millions of rows and cells are digested.
var digesters = sync.Pool{New: func() any { return new(digester) }}

// maxDigester is how many bytes a digester has at most that is used again.
const maxDigester = 64 << 10

// RowDigest digests one row of a history, column by column. A column without a
// value takes no part: one that is added later, empty for old rows, leaves
// their digests as they were. The order of columns must be that of their names.
// Values are int64, float64, string and []byte, as SQLite has them; ok is false
// for any other.
func RowDigest(table string, columns []string, values []any) (sum [sha256.Size]byte, ok bool) {
	d, _ := digesters.Get().(*digester)
	defer func() {
		if cap(*d) <= maxDigester {
			digesters.Put(d)
		}
	}()
	*d = (*d)[:0]
	d.number(rowVersion)
	d.text(table)
	for i, v := range values {
		if v == nil {
			continue
		}
		d.text(columns[i])
		if !d.value(v) {
			return sum, false
		}
	}
	return sha256.Sum256(*d), true
}

// value takes a value with its type, so that 1 is not "1".
func (d *digester) value(v any) bool {
	switch v := v.(type) {
	case int64:
		*d = append(*d, 'i')
		d.number(v)
	case float64:
		*d = append(*d, 'f')
		d.number(int64(math.Float64bits(v)))
	case string:
		*d = append(*d, 't')
		d.text(v)
	case []byte:
		*d = append(*d, 'b')
		d.text(string(v))
	default:
		return false
	}
	return true
}

// RowPrint is a keyed digest of a user's row as the service wrote it, and the
// number of its bytes: a shortcut for recognizing the row when it comes again,
// never evidence.
type RowPrint struct {
	Sum  [16]byte
	Size uint32
}
