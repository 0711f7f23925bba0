package snapshot

import (
	"errors"
	"time"
)

// LogRecord is a record of an audit log as a read gives it, before it is looked into.
type LogRecord struct {
	ID  string
	Raw []byte // the record's JSON, byte for byte; nil when it was not asked for
}

// AuditQuery chooses records of Entra's audit log. Fields left empty do not narrow
// the choice.
type AuditQuery struct {
	Activity    string    // activityDisplayName, to the letter
	Prefix      bool      // Activity is only how the name begins
	From, To    time.Time // inclusive, widened to whole seconds
	Target      UserID
	Correlation string // correlationId
}

// ErrOutOfReach is in the error of a reader of a log that would fail for anything else
// it might be asked for: it has no permission, or no answer comes.
var ErrOutOfReach = errors.New("the audit source is out of reach")

// SearchState is how far a search of the unified audit log has come.
type SearchState struct {
	Ended    bool
	Found    bool // it has ended, and well
	Exceeded bool // there is more than it returns
}

// FeedBlob is content of the feed of the unified audit log: records that became
// available together, in no order to rely on.
type FeedBlob struct {
	ID, URI string
	Created time.Time // when they became available, which may be long after the time of the records
}
