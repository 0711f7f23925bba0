package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"lictrail/snapshot/store/engine"
)

// Health is what a short look at a history shows. Verification looks at everything.
type Health struct {
	Findings []string  // what SQLite's quick check has found; none when all is well
	Head     string    // at the end of the chain; "" while there is no seal
	Sealed   time.Time // when the newest seal was made
	Seals    int64
}

// Look runs SQLite's quick check and looks at the end of the chain.
func Look(ctx context.Context, tx *sql.Tx) (h Health, err error) {
	err = engine.EachRow(ctx, tx, fmt.Sprintf("PRAGMA quick_check(%d)", maxFindings), nil, func(values []any) error {
		if word, _ := values[0].(string); word != "ok" {
			h.Findings = append(h.Findings, word)
		}
		return nil
	})
	if err != nil {
		return h, fmt.Errorf("look at the database: %w", engine.Classify(err))
	}
	last, err := Last(ctx, tx)
	if err != nil {
		return h, err
	}
	h.Head, h.Sealed, h.Seals = last.Head, last.At, last.ID
	all, err := layouts(ctx, tx)
	if err == nil {
		err = last.mustReach(ctx, tx, all)
	}
	return h, engine.Classify(err)
}
