package store

import (
	"encoding/json"

	"lictrail/snapshot"
)

// attributionDetail is the part of an attribution that is kept as JSON.
type attributionDetail struct {
	Actor    *snapshot.Actor     `json:"actor,omitempty"`
	Via      *snapshot.Via       `json:"via,omitempty"`
	Evidence []snapshot.EventRef `json:"evidence,omitempty"`
}

func (w *writer) attribution(change int64, revision int, a *snapshot.Attribution) error {
	detail, err := json.Marshal(attributionDetail{Actor: a.Actor, Via: a.Via, Evidence: a.Evidence})
	if err != nil {
		return err
	}
	_, err = w.exec(`INSERT INTO attribution (change_id, revision, run_id, cause, initiator, confidence, unknown_why,
		at, reason, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		change, revision, w.run, string(a.Cause), string(a.Initiator), string(a.Confidence),
		unless(string(a.UnknownWhy), ""), millis(a.At), a.Reason, string(detail))
	return err
}

// corrections adds a revision to changes of earlier runs. The earlier word stays.
func (w *writer) corrections(corrections []Correction) error {
	for i := range corrections {
		c := &corrections[i]
		var revision int
		err := w.queryRow("SELECT coalesce(max(revision), 0) FROM attribution WHERE change_id = ?", []any{&revision}, c.Change)
		if err != nil {
			return err
		}
		if err := w.attribution(c.Change, revision+1, &c.Attribution); err != nil {
			return err
		}
	}
	return nil
}

// events archives audit records. One that is there already is left as it is.
func (w *writer) events(events []snapshot.RawEvent) error {
	for i := range events {
		e := &events[i]
		_, err := w.exec(`INSERT INTO event (source, event_id, run_id, at, activity, correlation, target, raw)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, event_id) DO NOTHING`,
			string(e.Source), e.ID, w.run, e.At.UnixMilli(), e.Activity, e.Correlation, e.Target, string(e.Raw))
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) coverage(stretches []snapshot.Coverage) error {
	for _, c := range stretches {
		_, err := w.exec("INSERT INTO coverage (run_id, source, from_at, to_at, complete, events, why) VALUES (?, ?, ?, ?, ?, ?, ?)",
			w.run, string(c.Source), c.From.UnixMilli(), c.To.UnixMilli(), c.Complete, c.Events, c.Why)
		if err != nil {
			return err
		}
	}
	return nil
}
