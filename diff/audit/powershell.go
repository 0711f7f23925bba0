package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ConvertTo-Json writes two levels unless -Depth is given. What lies
// deeper it writes as the name of its type, or as a PowerShell literal.
var (
	shallowHints = [][]byte{[]byte(`"Microsoft.Graph.`), []byte(`"System.`), []byte(`"@{`)}
	shallow      = regexp.MustCompile(`"(Microsoft\.Graph\.(?:\w+\.)*Models\.[\w.]+|System\.\w+\[\]|System\.Collections\.[\w.]+|@\{\w+=)`)
)

// errShallow reports that parts of a record were written as names; nil when none were.
func errShallow(raw []byte) error {
	if !containsAny(raw, shallowHints) {
		return nil
	}
	m := shallow.FindSubmatch(raw)
	if m == nil {
		return nil
	}
	return fmt.Errorf("it was saved without its depths, which show as %q: save it again with ConvertTo-Json -Depth 10", m[1])
}

func containsAny(text []byte, words [][]byte) bool {
	for _, w := range words {
		if bytes.Contains(text, w) {
			return true
		}
	}
	return false
}

// unpacked returns the record that Get-MgBetaSecurityAuditLogQueryRecord puts below
// AuditData.AdditionalProperties, and any other AuditData as it is.
func unpacked(data text) text {
	if !strings.Contains(string(data), "AdditionalProperties") {
		return data
	}
	var p struct{ Operation, CreationTime, AdditionalProperties text }
	if json.Unmarshal([]byte(data), &p) == nil && p.Operation == "" && p.CreationTime == "" && strings.HasPrefix(string(p.AdditionalProperties), "{") {
		return p.AdditionalProperties
	}
	return data
}

// inWords says of a value of the wrong kind where it is, in words of JSON.
func inWords(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	where, _, _ := strings.Cut(err.Error(), "json: ")
	if wrong.Field != "" {
		where += wrong.Field + ": "
	}
	return fmt.Errorf("%sa JSON %s cannot stand there", where, wrong.Value)
}
