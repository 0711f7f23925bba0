package out

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestFail(t *testing.T) {
	cause := fs.ErrPermission
	for _, tc := range []struct {
		name string
		err  error
		code int
		text string
		json string
	}{
		{"none", nil, 0, "", ""},
		{"plain", errors.New("broken"), 1,
			"lictrail: broken\n", `{"schema":1,"error":{"code":1,"message":"broken","hint":null}}` + "\n"},
		{"with hint", &Error{Code: 2, Message: "unknown user \"x\"", Hint: "lictrail assignments"}, 2,
			"lictrail: unknown user \"x\"\nTry: lictrail assignments\n",
			`{"schema":1,"error":{"code":2,"message":"unknown user \"x\"","hint":"lictrail assignments"}}` + "\n"},
		{"message of the cause", &Error{Code: 6, Err: cause}, 6,
			"lictrail: permission denied\n", `{"schema":1,"error":{"code":6,"message":"permission denied","hint":null}}` + "\n"},
		{"wrapped", fmt.Errorf("sync: %w", &Error{Code: 5, Message: "throttled", Hint: "later"}), 5,
			"lictrail: sync: throttled\nTry: later\n", `{"schema":1,"error":{"code":5,"message":"sync: throttled","hint":"later"}}` + "\n"},
		{"no code", &Error{Message: "odd"}, 1,
			"lictrail: odd\n", `{"schema":1,"error":{"code":1,"message":"odd","hint":null}}` + "\n"},
		{"foreign text", &Error{Code: 1, Message: "a\x1b[2J\nTry: evil <b>\u202e", Hint: "\r"}, 1,
			`lictrail: a\x1b[2J\nTry: evil <b>\u202e` + "\n" + `Try: \r` + "\n",
			`{"schema":1,"error":{"code":1,"message":"a\u001b[2J\nTry: evil <b>\u202e","hint":"\r"}}` + "\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, out, errOut := pipe()
			s.Quiet = true
			if code := s.Fail(tc.err, false); code != tc.code {
				t.Errorf("code %d, want %d", code, tc.code)
			}
			check(t, errOut.String(), tc.text)
			errOut.Reset()
			if code := s.Fail(tc.err, true); code != tc.code {
				t.Errorf("JSON: code %d, want %d", code, tc.code)
			}
			check(t, errOut.String(), tc.json)
			if out.Len() > 0 {
				t.Errorf("an error on stdout: %q", out)
			}
			if tc.err != nil && !json.Valid(errOut.Bytes()) {
				t.Error("not valid JSON")
			}
		})
	}
	if err := error(&Error{Err: cause}); !errors.Is(err, fs.ErrPermission) {
		t.Error("the cause was lost")
	}
}

func TestFail_Color(t *testing.T) {
	s, _, errOut := terminal(80)
	s.ErrColor = true
	s.Fail(&Error{Code: 1, Message: "m", Hint: "h"}, false)
	check(t, errOut.String(), "\x1b[31mlictrail:\x1b[0m m\n\x1b[1mTry:\x1b[0m h\n")
}
