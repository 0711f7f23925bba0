package audit

import "lictrail/snapshot"

// CalledRule is the number of the rule of [Called]: another one whenever it, or
// [Decode], may find another address in a record.
const CalledRule = 1

// Called is the address by which a record calls the user whom it is about; "" when it
// has none, or cannot be decoded.
func Called(raw *snapshot.RawEvent) string {
	e, err := Decode(*raw)
	if err != nil {
		return ""
	}
	return e.TargetUPN
}
