package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/intake"
)

// RowKey returns the key under which rows are digested. It is another one for
// each database and form of rows, so that a print of one fits no row of another.
func (s *Sync) RowKey(ctx context.Context, form string) (key [16]byte, err error) {
	var secret []byte
	if err := s.db.sql.QueryRowContext(ctx, "SELECT key FROM pseudonym_key").Scan(&secret); err != nil {
		return key, fmt.Errorf("read the key of rows: %w", engine.Classify(err))
	}
	sum := sha256.Sum256(fmt.Appendf(secret, "row print\n%s", form))
	return [16]byte(sum[:]), nil
}

// rowPrint is a print as the database has it: the digest, size, flags, and the
// numbers of SKUs and groups. The digest is combined with the fingerprint of the
// state that the row showed, so that it fits no row once the user's state is
// another one, whoever changed it.
func (w *writer) rowPrint(u *intake.Spooled) (any, error) {
	if u.Print == nil {
		return nil, nil
	}
	sum := bound(u.Print.Sum, u.Fingerprint)
	b := append([]byte(nil), sum[:]...)
	b = binary.AppendUvarint(b, uint64(u.Print.Size))
	b = append(b, u.Print.Shows.Flags)
	b = binary.AppendUvarint(b, uint64(len(u.Print.Shows.Held)))
	for _, id := range u.Print.Shows.Held {
		sku, err := w.sku(id)
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(sku))
	}
	for _, id := range u.Print.Shows.Groups {
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
	known map[string]*intake.RowShows
}

func (s *Sync) showsReader() *showsReader {
	return &showsReader{s.refs, map[string]*intake.RowShows{}}
}

// read takes a print apart. One that makes no sense is none.
func (r *showsReader) read(text []byte, fingerprint int64) (p snapshot.RowPrint, shows *intake.RowShows) {
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
func (r *showsReader) parse(b []byte) *intake.RowShows {
	if len(b) < 2 {
		return nil
	}
	shows := &intake.RowShows{Flags: b[0]}
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
