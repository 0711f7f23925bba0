package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash"
	"math"
	"time"
)

// fingerprintVersion goes into every fingerprint. Raising it makes the next
// run compare every user in full, which is slow once and never wrong.
const fingerprintVersion = 1

// Fingerprint digests everything about a normalized user that history keeps.
// Two users with different fingerprints differ, or were digested by different
// versions; with equal ones they are the same.
func (u *User) Fingerprint() int64 {
	d := digester{h: sha256.New()}
	d.number(fingerprintVersion)
	d.text(string(u.ID))
	d.text(string(u.Presence))
	d.time(u.DeletedAt)
	d.attributes(&u.Attributes)
	for i := range u.Paths {
		d.path(&u.Paths[i])
	}
	d.number(-1) // so that a path's last field and a plan's first cannot be confused
	for i := range u.Plans {
		d.text(string(u.Plans[i].ID))
		d.text(u.Plans[i].Status)
		d.time(u.Plans[i].AssignedAt)
	}
	return int64(binary.BigEndian.Uint64(d.h.Sum(d.buf[:0])))
}

// digester feeds fields to a hash so that no two different sequences of fields
// give the same bytes: every text carries its length.
type digester struct {
	h   hash.Hash
	buf [sha256.Size]byte
}

func (d *digester) number(n int64) {
	binary.BigEndian.PutUint64(d.buf[:8], uint64(n))
	d.h.Write(d.buf[:8])
}

func (d *digester) text(s string) {
	d.number(int64(len(s)))
	d.h.Write([]byte(s))
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

func (d *digester) attributes(a *Attributes) {
	text, err := json.Marshal(a)
	if err != nil {
		// Attributes holds only strings, booleans and times; a time outside
		// years 0 to 9999 is the one thing that cannot be written.
		text = []byte(err.Error())
	}
	d.text(string(text))
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
