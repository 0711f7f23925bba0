package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// Naming is how records name somebody whom they are about: by any of some object ids,
// or by an address.
type Naming struct {
	IDs     []string
	Address string
}

// CallRule finds what a record calls the user whom it is about.
type CallRule struct {
	Number  int                             // another one for each rule
	Address func(*snapshot.RawEvent) string // "" when it has none
}

// callMark says up to which records the index is complete.
type callMark struct{ rule, event, copy int64 }

// atOnceCalled bounds the memory for rows that are yet to be added.
const atOnceCalled = 100_000

// IndexRecords brings the index up to date by which records about somebody are found. It
// decodes each record once. While another process writes it is left for the next time:
// what is not indexed is looked through.
func (db *DB) IndexRecords(ctx context.Context, rule CallRule) error {
	mark, newest, err := callMarks(ctx, db.sql)
	if err == nil && mark == (callMark{int64(rule.Number), newest.event, newest.copy}) {
		return nil
	}
	if err == nil {
		err = db.indexRecords(ctx, rule)
	}
	if err = engine.Classify(err); errors.Is(err, engine.ErrBusy) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("index the audit records: %w", err)
	}
	return nil
}

// callMarks returns up to where records are indexed, and the newest there are.
func callMarks(ctx context.Context, q engine.Querier) (mark, newest callMark, err error) {
	err = q.QueryRowContext(ctx, "SELECT rule, event, copy FROM called_index").Scan(&mark.rule, &mark.event, &mark.copy)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return mark, newest, err
	}
	err = q.QueryRowContext(ctx, "SELECT (SELECT coalesce(max(id), 0) FROM event), (SELECT coalesce(max(id), 0) FROM event_copy)").Scan(&newest.event, &newest.copy)
	return mark, newest, err
}

func (db *DB) indexRecords(ctx context.Context, rule CallRule) error {
	tx, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing; before, the error is already on its way
	mark, newest, err := callMarks(ctx, tx)
	if err != nil {
		return err
	}
	if mark.rule != int64(rule.Number) {
		if _, err := tx.ExecContext(ctx, "DELETE FROM called"); err != nil {
			return err
		}
		mark = callMark{}
	}
	x := &callIndex{ctx: ctx, tx: tx, rule: rule, rows: map[calledRow]bool{}}
	if err := x.add("SELECT id, source, event_id, target, raw FROM event WHERE id > ? AND raw <> ''", mark.event, 1); err != nil {
		return err
	}
	if err := x.add("SELECT id, source, event_id, target, raw FROM event_copy WHERE id > ? AND raw <> ''", mark.copy, -1); err != nil {
		return err
	}
	if err := x.flush(); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO called_index VALUES (1, ?, ?, ?)", rule.Number, newest.event, newest.copy)
	if err != nil {
		return err
	}
	return tx.Commit()
}

// calledRow is a row of called.
type calledRow struct {
	address int64
	target  string
	event   int64
}

type callIndex struct {
	ctx  context.Context
	tx   *sql.Tx
	rule CallRule
	rows map[calledRow]bool
}

// add indexes the records of a query; sign is that of their numbers in called.
func (x *callIndex) add(query string, after, sign int64) error {
	return engine.EachRow(x.ctx, x.tx, query, []any{after}, func(values []any) error {
		e := snapshot.RawEvent{Source: snapshot.Source(engine.TextOf(values[1])), ID: engine.TextOf(values[2]), Target: engine.TextOf(values[3]), Raw: []byte(engine.TextOf(values[4]))}
		address := x.rule.Address(&e)
		if address == "" {
			return nil
		}
		row := calledRow{addressKey(address), e.Target, 0}
		if e.Target == "" {
			id, _ := values[0].(int64)
			row.event = sign * id
		}
		if x.rows[row] = true; len(x.rows) < atOnceCalled {
			return nil
		}
		return x.flush()
	})
}

func (x *callIndex) flush() error {
	for row := range x.rows {
		if _, err := x.tx.ExecContext(x.ctx, "INSERT OR IGNORE INTO called VALUES (?, ?, ?)", row.address, row.target, row.event); err != nil {
			return err
		}
	}
	clear(x.rows)
	return nil
}

// addressKey stands for an address, whatever its case.
func addressKey(address string) int64 {
	sum := sha256.Sum256([]byte(strings.Map(firstFold, address)))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// firstFold is the same for all runes that are equal whatever the case, as
// [strings.EqualFold] has it.
func firstFold(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

// namedSet are records that may be about somebody: at least all that are.
type namedSet struct {
	targets string // JSON array of object ids
	events  string // JSON array of event.id
	copies  string // JSON array of event_copy.id
	mark    callMark
}

// namedRecords finds what a naming means in the index; nil while there is none.
func namedRecords(ctx context.Context, q engine.Querier, n *Naming) (*namedSet, error) {
	mark, _, err := callMarks(ctx, q)
	if err != nil || mark.rule == 0 {
		return nil, err
	}
	targets, events, copies := append([]string{}, n.IDs...), []int64{}, []int64{}
	err = engine.EachRow(ctx, q, "SELECT target, event FROM called WHERE address = ?", []any{addressKey(n.Address)}, func(values []any) error {
		switch id, _ := values[1].(int64); {
		case id > 0:
			events = append(events, id)
		case id < 0:
			copies = append(copies, -id)
		default:
			targets = append(targets, engine.TextOf(values[0]))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	found := &namedSet{mark: mark}
	for into, list := range map[*string]any{&found.targets: targets, &found.events: events, &found.copies: copies} {
		text, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		*into = string(text)
	}
	return found, nil
}
