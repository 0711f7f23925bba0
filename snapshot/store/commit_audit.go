package store

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// attributionDetail is the part of an attribution that is kept as JSON.
type attributionDetail struct {
	Actor    *snapshot.Actor     `json:"actor,omitempty"`
	Via      *snapshot.Via       `json:"via,omitempty"`
	Evidence []snapshot.EventRef `json:"evidence,omitempty"`
	Path     *snapshot.PathRef   `json:"path,omitempty"`
	Rules    int                 `json:"rules,omitempty"`
}

func (w *writer) attribution(change int64, revision int, a *snapshot.Attribution) error {
	detail, err := json.Marshal(attributionDetail{Actor: a.Actor, Via: a.Via, Evidence: a.Evidence, Path: a.Path, Rules: a.Rules})
	if err != nil {
		return err
	}
	_, err = w.Exec(`INSERT INTO attribution (change_id, revision, run_id, cause, initiator, confidence, unknown_why,
		at, reason, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		change, revision, w.run, string(a.Cause), string(a.Initiator), string(a.Confidence),
		engine.Unless(string(a.UnknownWhy), ""), engine.Millis(a.At), a.Reason, string(detail))
	return err
}

// corrections adds a revision to changes of earlier runs. The earlier word stays.
func (w *writer) corrections(corrections []Correction) error {
	for i := range corrections {
		c := &corrections[i]
		var revision int
		err := w.QueryRow("SELECT coalesce(max(revision), 0) FROM attribution WHERE change_id = ?", []any{&revision}, c.Change)
		if err != nil {
			return err
		}
		if err := w.attribution(c.Change, revision+1, &c.Attribution); err != nil {
			return err
		}
	}
	return nil
}

// Fuller reports whether a copy of a record says more than another.
type Fuller func(copy, than *snapshot.RawEvent) bool

// origin is where a record came from: a run, or the line of a file.
type origin struct{ run, file, line any }

// events archives the run's audit records.
func (w *writer) events(events []snapshot.RawEvent, fuller Fuller) error {
	for i := range events {
		if _, _, err := w.event(&events[i], fuller, func() (origin, error) { return origin{run: w.run}, nil }); err != nil {
			return err
		}
	}
	return nil
}

// event archives an audit record that is not there yet, or a copy that says more
// than those that are. A record that was erased stays so. first is the row of the
// copy that was there.
func (w *writer) event(e *snapshot.RawEvent, fuller Fuller, from func() (origin, error)) (took Archival, first int64, err error) {
	took, first, number, err := w.judge(e, fuller)
	if err != nil || took == KnownBefore {
		return took, first, err
	}
	o, err := from()
	if err != nil {
		return took, first, err
	}
	said := []any{string(e.Source), e.ID, o.run, o.file, o.line, e.At.UnixMilli(), e.Activity, e.Correlation, e.Target, string(e.Raw)}
	if took == ArchivedFuller {
		_, err = w.Exec(`INSERT INTO event_copy (source, event_id, run_id, file_id, line, at, activity, correlation, target, raw, copy)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, append(said, number)...)
		return took, first, err
	}
	_, err = w.Exec(`INSERT INTO event (source, event_id, run_id, file_id, line, at, activity, correlation, target, raw)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, said...)
	return took, first, err
}

// judge says what is to become of a record, and the number of the copy that it is.
func (w *writer) judge(e *snapshot.RawEvent, fuller Fuller) (took Archival, first, number int64, err error) {
	old := snapshot.RawEvent{Source: e.Source, ID: e.ID}
	err = w.QueryRow("SELECT id, raw FROM event WHERE source = ? AND event_id = ?", []any{&first, &old.Raw}, string(e.Source), e.ID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ArchivedNew, 0, 1, nil
	case err != nil, len(old.Raw) == 0, bytes.Equal(old.Raw, e.Raw), fuller == nil:
		return KnownBefore, first, 1, err
	}
	err = w.QueryRow("SELECT copy, raw FROM event_copy WHERE source = ? AND event_id = ? ORDER BY copy DESC LIMIT 1",
		[]any{&number, &old.Raw}, string(e.Source), e.ID)
	if errors.Is(err, sql.ErrNoRows) {
		number, err = 1, nil
	}
	if err != nil || len(old.Raw) == 0 || bytes.Equal(old.Raw, e.Raw) || !fuller(e, &old) {
		return KnownBefore, first, number, err
	}
	return ArchivedFuller, first, number + 1, nil
}

func (w *writer) coverage(stretches []snapshot.Coverage) error {
	for _, c := range stretches {
		_, err := w.Exec("INSERT INTO coverage (run_id, source, from_at, to_at, complete, events, why) VALUES (?, ?, ?, ?, ?, ?, ?)",
			w.run, string(c.Source), c.From.UnixMilli(), c.To.UnixMilli(), c.Complete, c.Events, c.Why)
		if err != nil {
			return err
		}
	}
	return nil
}
