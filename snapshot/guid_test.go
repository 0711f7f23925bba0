package snapshot

import "testing"

func TestGUID(t *testing.T) {
	for id, want := range map[UserID]bool{
		"06ebc4ee-1bb5-47dd-8120-11324bc54e06": true, "06ebc4ee-1bb5-47dd-8120-11324bc54e0": false,
		"06ebc4ee_1bb5-47dd-8120-11324bc54e06": false, "06ebc4eg-1bb5-47dd-8120-11324bc54e06": false, "": false, "ann": false,
	} {
		if _, ok := id.GUID(); ok != want {
			t.Errorf("%q: %v", id, ok)
		}
	}
}
