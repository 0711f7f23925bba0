package fleet

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
	"lictrail/snapshot/store/engine"
)

// Records are prefixed whole, whatever is quoted in them, and the header row stands
// once.
func TestCSV(t *testing.T) {
	var b bytes.Buffer
	a := &answers{Streams: &out.Streams{Out: &b}, results: make([]result, 4)}
	for i, answer := range []string{"", "\ufeffid,text\r\n1,\"a\r\nb \"\"c\"\"\"\r\n2,x\r\n", "\ufeffid,text\r\n", "\ufeffid,text\r\n3,\"\r\n\"\r\n"} {
		a.results[i].tenant = &config.Tenant{Name: "t" + string(rune('0'+i))}
		a.results[i].out.WriteString(answer)
	}
	if err := a.printCSV(); err != nil {
		t.Fatal(err)
	}
	want := "\ufefftenant,id,text\r\nt1,1,\"a\r\nb \"\"c\"\"\"\r\nt1,2,x\r\nt3,3,\"\r\n\"\r\n"
	if b.String() != want {
		t.Errorf("%q\nwant %q", b.String(), want)
	}
}

// A result code is no failure, and the message counts those that failed.
func TestAnswersVerdict(t *testing.T) {
	for _, test := range []struct {
		codes   []int
		want    int
		message string
	}{
		{[]int{0, 0}, 0, ""},
		{[]int{0, 10}, 10, "changes found"},
		{[]int{10, 5, 0}, 5, "1 of 3 tenants failed: t (5, throttled or out of reach)"},
		{[]int{4, 0, 6}, 6, "2 of 3 tenants failed: t (4, sign-in or permission), t (6, database damaged)"},
	} {
		a := &answers{command: "sync"}
		for _, c := range test.codes {
			a.results = append(a.results, result{tenant: &config.Tenant{Name: "t"}, code: c})
		}
		err := a.verdict()
		code, message := codeAndMessage(err)
		if code != test.want || message != test.message {
			t.Errorf("%v end with %d %q, want %d %q", test.codes, code, message, test.want, test.message)
		}
	}
}

// One tenant alone ends with its own error, several with one for all of them.
func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		all     []Outcome
		want    int
		message string
	}{
		{[]Outcome{{"a", nil}, {"b", nil}}, 0, ""},
		{[]Outcome{{"a", engine.ErrBusy}}, exit.Busy, engine.ErrBusy.Error()},
		{[]Outcome{{"a", engine.ErrBusy}, {"b", nil}, {"c", graph.ErrAuth}}, exit.Auth, "2 of 3 tenants failed: a, c"},
	} {
		err := Verdict(out.NewStreams(nil, io.Discard, io.Discard, func(string) string { return "" }), test.all, "try again")
		code, message := codeAndMessage(err)
		if code != test.want || message != test.message {
			t.Errorf("%v end with %d %q, want %d %q", test.all, code, message, test.want, test.message)
		}
	}
}

func codeAndMessage(err error) (int, string) {
	switch {
	case err == nil:
		return 0, ""
	case errors.Is(err, exit.ErrChanged):
		return exit.Changed, err.Error()
	}
	shown := exit.Explained(err)
	return shown.Code, shown.Error()
}
