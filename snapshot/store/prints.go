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
)

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

// sealedRowPrints is the digest that the newest seal has which has one.
func sealedRowPrints(ctx context.Context, q querier) (string, error) {
	last, err := scanSeal(q.QueryRowContext(ctx, "SELECT "+sealColumns+" FROM seal WHERE kind IN (?, ?, ?) ORDER BY id DESC LIMIT 1",
		sealEnd, sealForget, sealPrune))
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return last.content.RowPrints, nil
}
