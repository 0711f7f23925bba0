package graph

import (
	"errors"
	"strings"
	"testing"
	"time"

	"lictrail/snapshot"
)

// National clouds lack what the lists of cloud deployments say; Graph at an address of
// one's own is asked for everything that it could have.
func TestLacks(t *testing.T) {
	const (
		search    = "audit search through Graph"
		otherWay  = "audit search through Graph; activity-api reads the same log"
		reports   = "usage reports through Graph"
		licensing = "cloud licensing API"
		feed      = "Management Activity API"
	)
	for name, want := range map[string][]string{
		"global": nil, "usgov": {reports, licensing, otherWay}, "dod": {reports, licensing, otherWay}, "china": {reports, licensing, search, feed},
	} {
		cloud, err := CloudByName(name)
		if err != nil {
			t.Fatal(err)
		}
		var got, ofOwn []string
		for _, f := range Features {
			if why := cloud.Lacks(f); why != nil {
				got = append(got, why.Error())
			}
			if why := cloud.At("http://127.0.0.1:1").Lacks(f); why != nil {
				ofOwn = append(ofOwn, why.Error())
			}
		}
		prefix := "the cloud " + name + " has no "
		for i := range want {
			want[i] = prefix + want[i]
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		if name != "china" && ofOwn != nil || name == "china" && (len(ofOwn) != 1 || ofOwn[0] != prefix+feed) {
			t.Errorf("%s at an address of one's own: got %q", name, ofOwn)
		}
	}
}

// What a cloud does not have it is not asked for.
func TestLacks_NotAsked(t *testing.T) {
	cloud, err := CloudByName("usgov")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	c, _ := newServer(t, nil).client(t, func(o *Options) { o.Cloud = cloud })
	for what, read := range map[string]func() error{
		"audit search":            func() error { _, err := c.StartSearch(ctx, time.Time{}, time.Time{}, nil); return err },
		"audit search ":           func() error { _, err := c.Search(ctx, "x", true); return err },
		"usage reports":           func() error { _, err := c.Usage(ctx, snapshot.AppsUsage); return err },
		"cloud licensing API":     func() error { _, err := c.Allotments(ctx); return err },
		"cloud licensing API\n":   func() error { _, err := c.AllotmentAssignments(ctx); return err },
		"cloud licensing API\n\n": func() error { _, err := c.AssignmentErrors(ctx); return err },
	} {
		if err := read(); err == nil || !strings.Contains(err.Error(), "the cloud usgov has no "+strings.TrimSpace(what)) || snapshot.GapWhyOf(err.Error()) != snapshot.GapNotInCloud {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if _, err := c.Search(ctx, "x", true); !errors.Is(err, snapshot.ErrOutOfReach) {
		t.Errorf("got %v", err)
	}
	if c.Requests() != 0 {
		t.Errorf("%d requests", c.Requests())
	}
}
