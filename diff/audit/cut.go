package audit

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// isCut reports whether an error is that of valid JSON which ends too early.
func isCut(err error) bool {
	var syntax *json.SyntaxError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &syntax) && strings.Contains(err.Error(), "unexpected end")
}

// uncut returns, for a JSON object that ends too early, an object with the members that
// are complete. A number, true, false or null at the very end counts as cut off, since it
// may have been longer.
func uncut(object string) []byte {
	dec := json.NewDecoder(strings.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return []byte("{}")
	}
	end := dec.InputOffset()
	for dec.More() {
		if _, err := dec.Token(); err != nil {
			break
		}
		var v json.RawMessage
		if dec.Decode(&v) != nil || dec.InputOffset() == int64(len(object)) && !strings.ContainsRune("\"]}", rune(v[len(v)-1])) {
			break
		}
		end = dec.InputOffset()
	}
	return append([]byte(object[:end]), '}')
}

// uncutTargets returns the targets of a list that ends too early, without their modified
// properties.
func uncutTargets(list string) []graphTarget {
	var targets []graphTarget
	dec := json.NewDecoder(strings.NewReader(list))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil
	}
	for dec.More() {
		rest := strings.TrimLeft(list[dec.InputOffset():], ", \t\r\n")
		var t graphTarget
		err := dec.Decode(&t)
		if err != nil && json.Unmarshal(uncut(rest), &t) != nil {
			break
		}
		t.ModifiedProperties = ""
		targets = append(targets, t)
		if err != nil {
			break
		}
	}
	return targets
}

// readCut reads a record of the unified log whose text was cut off, for instance by a
// program that limits the length of a cell. It takes the members that are complete, and
// the rest from the other columns of the row. It is an error if these do not say when
// which operation on whose licenses took place and that it succeeded: such a record is
// evidence of nothing. Records about groups and deletions are short, so one that was cut
// off is an error as well.
//
// The license details of such a record are dropped, so that attribution uses it only as
// evidence that the operation took place.
func readCut(data string, w *wrapper) (fields, error) {
	var r unifiedRecord
	if err := json.Unmarshal(uncut(data), &r); err != nil {
		return fields{}, err
	}
	r.ModifiedProperties = ""
	r.ID = cmp.Or(r.ID, w.RecordID, w.Identity)
	r.CreationTime = cmp.Or(r.CreationTime, w.CreationDate)
	r.Operation = cmp.Or(r.Operation, w.Operation, w.Operations)
	r.UserID = cmp.Or(r.UserID, w.UserID, w.UserIDs)
	f, err := r.fields()
	if err != nil {
		return f, err
	}
	f.whole, f.properties = false, nil
	return f, f.requireEssentials(r.ResultStatus, r.ActorContextID != "")
}

// requireEssentials refuses a record that was cut off before one of the facts that make
// it evidence. tenant says whether the record has the actor's tenant.
func (f *fields) requireEssentials(result text, tenant bool) error {
	who := f.subject()
	for _, must := range []struct {
		known bool
		what  string
	}{
		{f.at != "", "when it was"},
		{f.activity != "", "what was done"},
		{isLicensing(Normalize(f.activity)), "all of what was done"},
		{result != "", "whether it succeeded"},
		{who.user() != "" || who.upn != "", "whose licenses it is about"},
		{who.user() == "" || tenant, "from where it was done"},
	} {
		if !must.known {
			return cutError("it is cut off before it says " + must.what)
		}
	}
	return nil
}

// cutError says why a record that was cut off is of no use.
type cutError string

func (e cutError) Error() string { return string(e) }
