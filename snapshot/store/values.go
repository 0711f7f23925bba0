package store

import (
	"database/sql"
	"fmt"
	"time"

	"lictrail/snapshot"
)

// millis is how times are kept: milliseconds since 1970, NULL for no time.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// fromMillis is the inverse of millis.
func fromMillis(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}

// userKey is how a user's object id is kept: a GUID as 16 bytes, anything else
// as text.
func userKey(id snapshot.UserID) any {
	if g, ok := id.GUID(); ok {
		return g[:]
	}
	return string(id)
}

// userID is the inverse of userKey.
func userID(key any) snapshot.UserID {
	raw, ok := key.([]byte)
	if !ok {
		text, _ := key.(string)
		return snapshot.UserID(text)
	}
	if len(raw) != 16 {
		return snapshot.UserID(raw)
	}
	return snapshot.GUIDText([16]byte(raw))
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

// unless is NULL for the usual value, which is then not stored.
func unless[T comparable](value, usual T) any {
	if value == usual {
		return nil
	}
	return value
}

// valuesRow lets values that were read already be scanned.
type valuesRow []any

func (r valuesRow) Scan(dest ...any) error {
	for i, d := range dest {
		ok := true
		switch d := d.(type) {
		case *int64:
			*d, ok = r[i].(int64)
		case *string:
			*d, ok = r[i].(string)
		case *sql.NullInt64:
			d.Int64, d.Valid = r[i].(int64)
		}
		if !ok {
			return fmt.Errorf("%w: a value of a strange type", ErrDamaged)
		}
	}
	return nil
}
