package audit

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
)

// record is one audit record as Microsoft wrote it: one event, or the events
// into which a long record was cut.
type record struct {
	events  []*snapshot.Event // in order
	lead    *snapshot.Event   // the first; has what the parts say together
	missing bool              // parts are missing, or do not make a whole
}

// partKey identifies the record to which a part belongs. The parts of Change user license
// and those of the Update user beside it share a correlation id but not a part id.
type partKey struct {
	id       string
	activity snapshot.Activity
	target   snapshot.UserID
}

// records puts chunked records together again; all other events are a record
// each. The events must be sorted; the order of the result follows theirs.
func records(events []*snapshot.Event) []*record {
	var list []*record
	chunked := make(map[partKey]*record)
	for _, e := range events {
		if e.Part == nil {
			list = append(list, &record{events: []*snapshot.Event{e}, lead: e})
			continue
		}
		key := partKey{e.Part.ID, e.Activity, e.Target}
		r := chunked[key]
		if r == nil {
			r = &record{lead: e}
			chunked[key] = r
			list = append(list, r)
		}
		r.events = append(r.events, e)
	}
	for _, r := range chunked {
		r.assemble()
	}
	return list
}

// assemble reads what the parts say together into the first event. Of a
// record that lacks parts it reads what the first parts hold in full.
func (r *record) assemble() {
	parts := make([]snapshot.Part, len(r.events))
	for i, e := range r.events {
		parts[i] = *e.Part
	}
	body, whole := reassemble(parts)
	props, details, intact := bodyProperties(body)
	r.missing = !whole || !intact
	legible := fill(r.lead, props, !r.missing)
	r.missing = r.missing || !legible
	if r.lead.Actor.Kind == snapshot.ActorUser {
		r.lead.Actor.ClientApp = cmp.Or(r.lead.Actor.ClientApp, details["user-agent"])
	}
}

// reassemble joins the bodies of the parts 1, 2, … up to the first that is
// missing, empty or in doubt because two copies differ. The result is whole
// when no part is missing; it never is when the parts disagree about their number or
// none of them has it.
func reassemble(parts []snapshot.Part) (body string, whole bool) {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b snapshot.Part) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(b.Body, a.Body), cmp.Compare(a.Count, b.Count))
	})
	count, agreed := partCount(parts)
	next := 1
	for i, p := range parts {
		if p.Seq < next {
			continue // a copy, seen when its first was
		}
		if p.Seq > next || p.Body == "" || differs(parts[i:], p) {
			break
		}
		body += p.Body
		next++
	}
	return body, agreed && next-1 == count
}

// differs reports whether another copy of the part has another body. A copy
// that lacks its body does not count.
func differs(parts []snapshot.Part, p snapshot.Part) bool {
	return slices.ContainsFunc(parts, func(o snapshot.Part) bool {
		return o.Seq == p.Seq && o.Body != "" && o.Body != p.Body
	})
}

func partCount(parts []snapshot.Part) (count int, agreed bool) {
	for _, p := range parts {
		if p.Count != 0 && count != 0 && p.Count != count {
			return 0, false
		}
		count = cmp.Or(count, p.Count)
	}
	return count, count > 0
}

// bodyProperties reads a reassembled body: a JSON object whose members are
// strings of JSON, one of them the list of modified properties, another the
// additional details. It is intact when both the object and the list end where
// they should; else the properties are those before the cut.
func bodyProperties(body string) (props []property, details map[string]string, intact bool) {
	list, whole := members(body)
	for _, m := range list {
		if d, err := detailMap(text(m.text)); err == nil && d["user-agent"] != "" {
			details = d
		}
		if p, listWhole := propertyList(m.text); len(props) == 0 && len(p) > 0 {
			props, intact = p, whole && listWhole
		}
	}
	return props, details, intact
}

// at is the record's time: that of its first event.
func (r *record) at() time.Time { return r.events[0].At }

// sharesSource reports whether the records, or parts of them, are from one log.
// A record whose id was derived may be a copy of one that has its id, from an
// export without the column for it; or of one with another derived id, if their
// times are not written alike.
func (r *record) sharesSource(o *record) bool {
	return slices.ContainsFunc(r.events, func(e *snapshot.Event) bool {
		return slices.ContainsFunc(o.events, func(x *snapshot.Event) bool {
			isDerived := strings.HasPrefix(e.ID, derivedPrefix)
			return e.Source == x.Source && isDerived == strings.HasPrefix(x.ID, derivedPrefix) && !(isDerived && e.Resolution != x.Resolution)
		})
	})
}
