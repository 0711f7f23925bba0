package engine

import (
	"database/sql"
	"fmt"
	"time"

	"lictrail/snapshot"
)

// Millis is how times are kept: milliseconds since 1970, NULL for no time.
func Millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// FromMillis is the inverse of millis.
func FromMillis(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}

// UserKey is how a user's object id is kept: a GUID as 16 bytes, anything else
// as text.
func UserKey(id snapshot.UserID) any {
	if g, ok := id.GUID(); ok {
		return g[:]
	}
	return string(id)
}

// UserID is the inverse of UserKey.
func UserID(key any) snapshot.UserID {
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

func TextOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

// Unless is NULL for the usual value, which is then not stored.
func Unless[T comparable](value, usual T) any {
	if value == usual {
		return nil
	}
	return value
}

// Values lets values that were read already be scanned.
type Values []any

func (r Values) Scan(dest ...any) error {
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
