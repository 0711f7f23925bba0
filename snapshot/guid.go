package snapshot

import "encoding/hex"

// GUID returns the 16 bytes of an id that is a GUID, which take a fifth of the
// memory of its text. ok is false for any other id.
func (id UserID) GUID() (g [16]byte, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return g, false
	}
	var digits [32]byte
	n := copy(digits[:], id[:8])
	n += copy(digits[n:], id[9:13])
	n += copy(digits[n:], id[14:18])
	n += copy(digits[n:], id[19:23])
	copy(digits[n:], id[24:])
	_, err := hex.Decode(g[:], digits[:])
	return g, err == nil
}

// IsGUID reports whether s is a GUID, in either case and without braces.
func IsGUID(s string) bool {
	_, ok := UserID(s).GUID()
	return ok
}

// GUIDText is the inverse of [UserID.GUID].
func GUIDText(g [16]byte) UserID {
	h := hex.EncodeToString(g[:])
	return UserID(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
}
