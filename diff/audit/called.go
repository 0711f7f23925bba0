package audit

import "lictrail/snapshot"

// CalledRule is the version of the rule of [Called]. Raise it when [Called] or [Decode]
// changes in a way that may find another address in a record.
const CalledRule = 1

// Called returns the principal name that a record gives for the user whom it is about; ""
// when it has none, or cannot be decoded.
func Called(raw *snapshot.RawEvent) string {
	e, err := Decode(*raw)
	if err != nil {
		return ""
	}
	return e.TargetUPN
}
