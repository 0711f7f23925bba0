package doctor

import (
	"slices"
	"testing"
	"time"

	"lictrail/graph"
	"lictrail/snapshot"
)

// TestCovered: records that Microsoft no longer has are reported, and nothing is guessed of a
// tenant whose plans are not known.
func TestCovered(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	yes, no := true, false
	for _, test := range []struct {
		days    float64 // since the last run
		premium *bool
		source  snapshot.Source
		status  string
		found   string
	}{
		{3, &yes, snapshot.SourceGraph, OK, "read until 2026-05-29; what came since is lost from 2026-06-28 on"},
		{3, &no, snapshot.SourceGraph, OK, "read until 2026-05-29; what came since is lost from 2026-06-05 on"},
		{3, nil, snapshot.SourceGraph, OK, "read until 2026-05-29; what came since is lost from 2026-06-05 on, or later with Entra ID P1 or P2"},
		{6.5, &no, snapshot.SourceGraph, Warning, "read until 2026-05-26; what came since is lost from 2026-06-02 on"},
		{6.5, &yes, snapshot.SourceGraph, OK, "read until 2026-05-26; what came since is lost from 2026-06-25 on"},
		{10, &no, snapshot.SourceGraph, Warning, "read until 2026-05-22; from then to 2026-05-25 it is lost"},
		{10, nil, snapshot.SourceGraph, Warning, "read until 2026-05-22; without Entra ID P1 or P2 a part of what came since is lost"},
		{40, nil, snapshot.SourceGraph, Warning, "read until 2026-04-22; from then to 2026-05-02 it is lost"},
		{40, &no, snapshot.SourcePurview, OK, "read until 2026-04-22; what came since is lost from 2026-10-19 on"},
		{8, &yes, snapshot.SourceUnified, Warning, "read until 2026-05-24; from then to 2026-05-25 it is lost"},
	} {
		d := &doctor{now: now, premium: test.premium}
		last := snapshot.Coverage{Source: test.source, Complete: true, To: now.Add(-time.Duration(test.days * float64(24*time.Hour)))}
		if c := d.covered(test.source, last, nil); c.Status != test.status || c.Found != test.found {
			t.Errorf("%v days: %s: %s, want %s: %s", test.days, c.Status, c.Found, test.status, test.found)
		}
	}
}

// TestDoctorWords: what the doctor looks for among the reads is there.
func TestDoctorWords(t *testing.T) {
	for _, op := range []string{checkUsers, checkSKUs, checkOrganization, checkUsage} {
		if !slices.ContainsFunc(graph.Permissions(), func(p graph.Permission) bool { return p.Op == op }) {
			t.Errorf("no read is called %q", op)
		}
	}
}
