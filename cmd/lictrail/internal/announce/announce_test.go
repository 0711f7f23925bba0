package announce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// runWith is a run after another one, with warnings of these kinds in each and with
// changes of these kinds.
func runWith(before, now []string, kinds ...snapshot.Kind) Recorded {
	warnings := func(codes []string) (list []snapshot.Warning) {
		for _, code := range codes {
			list = append(list, snapshot.Warning{Code: code})
		}
		return list
	}
	s := &track.Summary{Result: &store.Result{Warnings: warnings(now)}, Previous: &store.Run{Warnings: warnings(before)}}
	for _, kind := range kinds {
		s.Changes = append(s.Changes, store.Outline{Kind: kind})
	}
	return Recorded{Summary: s}
}

func TestIsNews(t *testing.T) {
	first := runWith(nil, nil)
	first.First, first.Previous = true, nil
	for name, tt := range map[string]struct {
		run  Recorded
		want bool
	}{
		"the first run":                     {first, true},
		"nothing":                           {runWith(nil, nil), false},
		"a license":                         {runWith(nil, nil, snapshot.Removed), true},
		"Microsoft's date moved":            {runWith(nil, nil, snapshot.DateMoved), false},
		"a warning of a new kind":           {runWith([]string{"groups"}, []string{"groups", "audit"}), true},
		"a warning that the run had before": {runWith([]string{"groups"}, []string{"groups"}), false},
		"a warning that went":               {runWith([]string{"groups"}, nil), false},
	} {
		if got := tt.run.isNews(); got != tt.want {
			t.Errorf("%s: news is %v, want %v", name, got, tt.want)
		}
	}
}

// TestFailed_Sent: a failed run is reported, but neither wrong use, nor an interruption,
// nor the exit code that only says that something changed.
func TestFailed_Sent(t *testing.T) {
	usage := exit.Usage("unknown flag", "--help")
	for name, tt := range map[string]struct {
		err         error
		interrupted bool
		recorded    bool
		want        int
	}{
		"a failure":                     {err: errors.New("the tenant is out of reach"), want: 1},
		"no failure":                    {},
		"changes, with --exit-code":     {err: exit.ErrChanged},
		"a misspelled flag":             {err: usage},
		"wrong use after the recording": {err: usage, recorded: true, want: 1},
		"an interruption":               {err: context.Canceled, interrupted: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := 0
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got++ }))
			defer server.Close()
			receivers, err := notify.Receivers(func(name string) string {
				return map[string]string{"LICTRAIL_WEBHOOK_URL": server.URL}[name]
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			n := Notifier{Host: hostOf(t), Receivers: receivers, recorded: tt.recorded}
			ctx, cancel := context.WithCancel(t.Context())
			if tt.interrupted {
				cancel()
			}
			defer cancel()
			n.Failed(ctx, tt.err)
			if got != tt.want {
				t.Errorf("%d messages, want %d", got, tt.want)
			}
		})
	}
}

func hostOf(t *testing.T) Host {
	t.Helper()
	return Host{Streams: &out.Streams{Out: io.Discard, Err: io.Discard}, Database: filepath.Join(t.TempDir(), "none.db"), Now: time.Now, Version: "test"}
}

// TestCountChanges: counts are in the order of the contract, and moves of Microsoft's
// date are no unexplained changes. Without permission to name people a party has its id.
func TestCountChanges(t *testing.T) {
	ann := &snapshot.Actor{Kind: snapshot.ActorUser, ID: "ann-id", UPN: "ann@contoso.com", Name: "Ann"}
	change := func(kind snapshot.Kind, cause snapshot.Cause, actor *snapshot.Actor) store.Outline {
		return store.Outline{Kind: kind, User: "u", Attribution: &snapshot.Attribution{Cause: cause, Actor: actor}}
	}
	changes := []store.Outline{
		change(snapshot.Removed, snapshot.CauseUnknown, nil), change(snapshot.DateMoved, snapshot.CauseUnknown, nil),
		change(snapshot.Removed, snapshot.CauseAdmin, ann), change(snapshot.Assigned, snapshot.CauseAdmin, ann),
	}
	for _, named := range []bool{true, false} {
		var m notify.Message
		countChanges(&m, changes, named)
		if m.Unexplained != 1 || m.DateMoves != 1 {
			t.Errorf("%d unexplained, %d moves of dates", m.Unexplained, m.DateMoves)
		}
		if got := fmt.Sprint(m.ByKind); got != "[{assigned 1} {removed 2} {date-moved 1}]" {
			t.Errorf("by kind: %s", got)
		}
		if got := fmt.Sprint(m.ByCause); got != "[{admin 2} {unknown 2}]" {
			t.Errorf("by cause: %s", got)
		}
		text, err := json.Marshal(m.By)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(text), "ann@contoso.com"); got != named || !strings.Contains(string(text), "ann-id") {
			t.Errorf("named %v: %s", named, text)
		}
	}
}

// TestRemoveDigest: an earlier digest is removed, so that it is not mailed twice; any
// other file is refused and stays.
func TestRemoveDigest(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	digest, notes, short := file("digest.txt", digestMark+"week 9\n"), file("notes.txt", "keep me\n"), file("short.txt", digestMark[:5])
	for _, path := range []string{"", filepath.Join(dir, "missing.txt"), digest} {
		if err := RemoveDigest(path); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := os.Stat(digest); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the digest is still there: %v", err)
	}
	for _, path := range []string{notes, short} {
		if err := RemoveDigest(path); !errors.Is(err, exit.ErrUsage) {
			t.Errorf("%q: %v", path, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q was removed: %v", path, err)
		}
	}
}

// TestOutcomeText: the columns beside the reason have the kind and the host already.
func TestOutcomeText(t *testing.T) {
	if got := outcomeText(notify.Outcome{Kind: "webhook", Host: "hooks.example.com"}); got != "taken" {
		t.Errorf("%v", got)
	}
	got := outcomeText(notify.Outcome{Kind: "webhook", Host: "hooks.example.com", Err: errors.New("webhook at hooks.example.com: it answers 500")})
	if cell, ok := got.(out.Cell); !ok || cell.Value != "it answers 500" {
		t.Errorf("%v", got)
	}
}
