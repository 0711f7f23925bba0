package track

import (
	"slices"
	"sync"

	"lictrail/snapshot"
	"lictrail/snapshot/store/intake"
)

// roster is what a run remembers of every user that history knows or the run
// has shown: 68 bytes for one whose id is a GUID.
type roster struct {
	mu     *sync.RWMutex // rows are recognized while others are compared
	guids  map[[16]byte]seen
	others map[snapshot.UserID]seen
}

// seen is what is remembered of one user.
type seen struct {
	row         int64 // in the database; 0: not there
	fingerprint int64
	presence    uint8             // as last seen, by presenceCode
	pass        uint8             // the last pass that showed the user; 0: none
	print       snapshot.RowPrint // of the newest row; zero: none
	shows       *intake.RowShows  // what that row showed
}

func newRoster(users int64) roster {
	return roster{mu: new(sync.RWMutex), guids: make(map[[16]byte]seen, users), others: map[snapshot.UserID]seen{}}
}

func (r roster) get(id snapshot.UserID) seen {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if g, ok := id.GUID(); ok {
		return r.guids[g]
	}
	return r.others[id]
}

// print is the print of a user's newest row, if there is one.
func (r roster) print(id [16]byte) (snapshot.RowPrint, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.guids[id]
	return s.print, s.shows != nil
}

func (r roster) put(id snapshot.UserID, s seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g, ok := id.GUID(); ok {
		r.guids[g] = s
		return
	}
	r.others[id] = s
}

// missing lists the users whom history knows and a pass did not show, in order.
func (r roster) missing(pass uint8) []snapshot.UserID {
	var ids []snapshot.UserID
	for g, s := range r.guids {
		if s.row != 0 && s.pass != pass {
			ids = append(ids, snapshot.GUIDText(g))
		}
	}
	for id, s := range r.others {
		if s.row != 0 && s.pass != pass {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// presenceCode is a presence in one byte.
func presenceCode(p snapshot.Presence) uint8 {
	return uint8(1 + slices.Index([]snapshot.Presence{snapshot.Present, snapshot.Deleted, snapshot.Gone}, p))
}
