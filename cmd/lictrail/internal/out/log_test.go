package out

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// lines decodes a log, which must have an object on every line.
func lines(t *testing.T, log string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, line := range strings.Split(strings.TrimSuffix(log, "\n"), "\n") {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if when, ok := entry["time"].(string); !ok || !strings.HasSuffix(when, "Z") {
			t.Errorf("no time in UTC: %q", line)
		}
		all = append(all, entry)
	}
	return all
}

func TestLogJSON(t *testing.T) {
	var stderr bytes.Buffer
	s := newStreams(strings.NewReader(""), &bytes.Buffer{}, &stderr, func(string) string { return "" }, func(any) (bool, int) { return true, 80 })
	s.LogJSON("run_id", "r1")
	s.Notef("a note on %s", "a\x1b[31m\nb")
	s.Warnf("a warning \u202e %d", 3)
	p := s.newProgress(func() time.Time { return time.Unix(0, 0) })
	p.Phase("users", "users")
	p.Add(7)
	p.Wait(time.Minute, "throttled")
	p.Done()
	s.Record("run complete", "users", 7)
	if code := s.Fail(&Error{Code: 4, Message: "no", Hint: "sign in"}, false); code != 4 {
		t.Errorf("code %d", code)
	}
	s.Fail(&Error{Code: 3, Message: "half"}, true)
	if strings.ContainsAny(stderr.String(), "\x1b\u202e\r") {
		t.Errorf("not safe: %q", stderr.String())
	}
	all := lines(t, stderr.String())
	var said []string
	for _, entry := range all {
		if entry["run_id"] != "r1" {
			t.Errorf("no run id: %v", entry)
		}
		said = append(said, entry["level"].(string)+" "+entry["msg"].(string))
	}
	want := []string{`INFO a note on a\x1b[31m\nb`, `WARN a warning ` + "\u202e" + ` 3`, "INFO waiting 1m0s: throttled", "INFO users: 7 users in 0s",
		"INFO run complete", "ERROR no", "ERROR half"}
	if strings.Join(said, "|") != strings.Join(want, "|") {
		t.Errorf("said %q\nwant %q", said, want)
	}
	if e := all[3]; e["phase"] != "users" || e["count"] != 7.0 {
		t.Errorf("%v", e)
	}
	if e := all[5]; e["code"] != 4.0 || e["hint"] != "sign in" || e["schema"] != nil {
		t.Errorf("%v", e)
	}
	if e := all[6]; e["schema"] != 1.0 || e["error"].(map[string]any)["code"] != 3.0 {
		t.Errorf("%v", e)
	}
}

// A quiet log has warnings and errors only.
func TestLogJSON_Quiet(t *testing.T) {
	var stderr bytes.Buffer
	s := NewStreams(strings.NewReader(""), &bytes.Buffer{}, &stderr, func(string) string { return "" })
	s.Quiet = true
	s.LogJSON()
	s.Notef("a note")
	s.Record("done")
	s.Warnf("a warning")
	if all := lines(t, stderr.String()); len(all) != 1 || all[0]["level"] != "WARN" {
		t.Errorf("%v", all)
	}
}
