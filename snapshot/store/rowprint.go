package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"lictrail/snapshot"
)

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
	Flags  uint8              // the tracker's own
}

// RowKey returns the key under which rows are digested. It is another one for
// each database and form of rows, so that a print of one fits no row of another.
func (s *Sync) RowKey(ctx context.Context, form string) (key [16]byte, err error) {
	var secret []byte
	if err := s.db.sql.QueryRowContext(ctx, "SELECT key FROM pseudonym_key").Scan(&secret); err != nil {
		return key, fmt.Errorf("read the key of rows: %w", classify(err))
	}
	sum := sha256.Sum256(fmt.Appendf(secret, "row print\n%s", form))
	return [16]byte(sum[:]), nil
}

// rowPrint is a print as the database has it: the digest, size, flags, and the
// numbers of SKUs and groups. The digest is combined with the fingerprint of the
// state that the row showed, so that it fits no row once the user's state is
// another one, whoever changed it.
func (w *writer) rowPrint(u *spooled) (any, error) {
	if u.print == nil {
		return nil, nil
	}
	sum := bound(u.print.Sum, u.fingerprint)
	b := append([]byte(nil), sum[:]...)
	b = binary.AppendUvarint(b, uint64(u.print.Size))
	b = append(b, u.print.Shows.Flags)
	b = binary.AppendUvarint(b, uint64(len(u.print.Shows.Held)))
	for _, id := range u.print.Shows.Held {
		sku, err := w.sku(id)
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(sku))
	}
	for _, id := range u.print.Shows.Groups {
		group, err := w.group(snapshot.PathRef{Kind: snapshot.ByGroup, Group: id})
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(group))
	}
	return b, nil
}

// bound combines a digest with a fingerprint; done twice, it gives the digest.
func bound(sum [16]byte, fingerprint int64) [16]byte {
	half := binary.BigEndian.Uint64(sum[:8]) ^ uint64(fingerprint)
	binary.BigEndian.PutUint64(sum[:8], half)
	return sum
}

// showsReader reads prints. What many rows show is in memory once.
type showsReader struct {
	refs  refs
	known map[string]*RowShows
}

func (s *Sync) showsReader() *showsReader {
	return &showsReader{s.refs, map[string]*RowShows{}}
}

// read takes a print apart. One that makes no sense is none.
func (r *showsReader) read(text []byte, fingerprint int64) (p snapshot.RowPrint, shows *RowShows) {
	if len(text) < len(p.Sum) {
		return p, nil
	}
	sum := bound([16]byte(text), fingerprint)
	size, n := binary.Uvarint(text[len(sum):])
	if n <= 0 {
		return p, nil
	}
	rest := text[len(sum)+n:]
	shows, ok := r.known[string(rest)]
	if !ok {
		shows = r.parse(rest)
		r.known[string(rest)] = shows
	}
	if shows == nil {
		return p, nil
	}
	return snapshot.RowPrint{Sum: sum, Size: uint32(size)}, shows
}

// parse returns nil for what names a SKU or group that is not there.
func (r *showsReader) parse(b []byte) *RowShows {
	if len(b) < 2 {
		return nil
	}
	shows := &RowShows{Flags: b[0]}
	held, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return nil
	}
	for b = b[1+n:]; len(b) > 0; b = b[n:] {
		var id uint64
		if id, n = binary.Uvarint(b); n <= 0 {
			return nil
		}
		if uint64(len(shows.Held)) < held {
			sku, ok := r.refs.skus[int64(id)]
			if !ok {
				return nil
			}
			shows.Held = append(shows.Held, sku)
			continue
		}
		group, ok := r.refs.groups[int64(id)]
		if !ok {
			return nil
		}
		shows.Groups = append(shows.Groups, group)
	}
	if uint64(len(shows.Held)) < held {
		return nil
	}
	return shows
}

// rowPrints is a digest of the prints of all users' rows, in the order of the
// users. The seal of a run keeps it, and prints are used only where they are still
// what it vouches for: a print that somebody planted would hide a change.
type rowPrints struct {
	hash hash.Hash
	some bool // there is a print
	buf  []byte
}

func newRowPrints() *rowPrints { return &rowPrints{hash: sha256.New()} }

func (d *rowPrints) add(user, fingerprint int64, print []byte) {
	d.some = d.some || len(print) > 0
	d.buf = binary.AppendVarint(binary.AppendVarint(d.buf, user), fingerprint)
	d.buf = append(binary.AppendUvarint(d.buf, uint64(len(print))), print...)
	if len(d.buf) > 1<<15 {
		d.flush()
	}
}

func (d *rowPrints) flush() {
	d.hash.Write(d.buf)
	d.buf = d.buf[:0]
}

// text is "" where no user has a print.
func (d *rowPrints) text() string {
	if d.flush(); !d.some {
		return ""
	}
	return hex.EncodeToString(d.hash.Sum(nil))
}

// rowPrintsDigest digests the prints that the database has.
func rowPrintsDigest(ctx context.Context, q querier) (string, error) {
	d := newRowPrints()
	rows, err := q.QueryContext(ctx, "SELECT id, fingerprint, row_print FROM user ORDER BY id")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var r row
	for rows.Next() {
		if err := r.scan(rows); err != nil {
			return "", err
		}
		id, fingerprint := must(r.number()), must(r.number())
		print, _ := r.any().([]byte)
		d.add(id, fingerprint, print)
	}
	return d.text(), rows.Err()
}

// sealedRowPrints is the digest that the newest seal has which has one.
func (s *Sync) sealedRowPrints(ctx context.Context) (string, error) {
	last, err := scanSeal(s.db.sql.QueryRowContext(ctx, "SELECT "+sealColumns+" FROM seal WHERE kind IN (?, ?, ?) ORDER BY id DESC LIMIT 1",
		sealEnd, sealForget, sealPrune))
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return last.content.RowPrints, nil
}

// rowPrints compares the prints with the newest seal that has a digest of them.
func (c *chain) rowPrints(ctx context.Context, q querier) error {
	now, err := rowPrintsDigest(ctx, q)
	if err != nil {
		return fmt.Errorf("read the prints of rows: %w", classify(err))
	}
	sealed := ""
	for _, s := range c.seals {
		if s.printsRows() {
			sealed = s.content.RowPrints
		}
	}
	if now != sealed {
		c.v.found(CheckDigests, "table user: the prints of rows are not as the newest seal has them")
	}
	return nil
}
