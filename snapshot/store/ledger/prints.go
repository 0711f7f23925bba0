package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"lictrail/snapshot/store/engine"
)

// Prints is a digest of the prints of all users' rows, in the order of the
// users. The seal of a run keeps it, and prints are used only where they are still
// what it vouches for: a print that somebody planted would hide a change.
type Prints struct {
	hash hash.Hash
	some bool // there is a print
	buf  []byte
}

func NewPrints() *Prints { return &Prints{hash: sha256.New()} }

func (d *Prints) Add(user, fingerprint int64, print []byte) {
	d.some = d.some || len(print) > 0
	d.buf = binary.AppendVarint(binary.AppendVarint(d.buf, user), fingerprint)
	d.buf = append(binary.AppendUvarint(d.buf, uint64(len(print))), print...)
	if len(d.buf) > 1<<15 {
		d.flush()
	}
}

func (d *Prints) flush() {
	d.hash.Write(d.buf)
	d.buf = d.buf[:0]
}

// Text is "" where no user has a print.
func (d *Prints) Text() string {
	if d.flush(); !d.some {
		return ""
	}
	return hex.EncodeToString(d.hash.Sum(nil))
}

// PrintsDigest digests the prints that the database has.
func PrintsDigest(ctx context.Context, q engine.Querier) (string, error) {
	d := NewPrints()
	rows, err := q.QueryContext(ctx, "SELECT id, fingerprint, row_print FROM user ORDER BY id")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var r engine.Row
	for rows.Next() {
		if err := r.Scan(rows); err != nil {
			return "", err
		}
		id, fingerprint := engine.Must(r.Number()), engine.Must(r.Number())
		print, _ := r.Any().([]byte)
		d.Add(id, fingerprint, print)
	}
	return d.Text(), rows.Err()
}

// rowPrints compares the prints with the newest seal that has a digest of them.
func (c *chain) rowPrints(ctx context.Context, q engine.Querier) error {
	now, err := PrintsDigest(ctx, q)
	if err != nil {
		return fmt.Errorf("read the prints of rows: %w", engine.Classify(err))
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

// SealedPrints is the digest that the newest seal has which has one.
func SealedPrints(ctx context.Context, q engine.Querier) (string, error) {
	last, err := scanSeal(q.QueryRowContext(ctx, "SELECT "+sealColumns+" FROM seal WHERE kind IN (?, ?, ?) ORDER BY id DESC LIMIT 1",
		KindEnd, KindForget, KindPrune))
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return last.content.RowPrints, nil
}
