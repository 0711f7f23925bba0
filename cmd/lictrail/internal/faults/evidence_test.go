package faults

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestP13_EvidenceBundle exports evidence, and checks it as somebody does who does
// not trust lictrail: with the script in docs, and with checkBundle, which shares
// nothing with the program. Then it alters the bundle in every way it can think of.
func TestP13_EvidenceBundle(t *testing.T) {
	w := newWorld(t)
	dir := w.copyOf(t, w.first)
	w.sync(t, dir)
	file := filepath.Join(t.TempDir(), "evidence.jsonl")
	if r := command("audit", "search", "--raw", "--format", "jsonl", "--output", file, "--db", dbIn(dir)); r.code != 0 {
		t.Fatal(r)
	}
	bundle, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkBundle(bundle); err != nil {
		t.Fatalf("what was exported: %v", err)
	}
	var end struct{ Head, Bundle string }
	lines := bytes.SplitAfter(bytes.TrimSuffix(bundle, []byte("\n")), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &end); err != nil || len(lines) < 20 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if r := command("verify", "--head", end.Head, "--db", dbIn(dir)); r.code != 0 {
		t.Errorf("the head of the bundle is not the history's: %v", r)
	}
	bad := 0
	for what, altered := range alterations(bundle, lines) {
		if bad++; checkBundle(altered) == nil {
			t.Errorf("not noticed: %s", what)
		}
	}
	scripted := scriptChecks(t, file, end.Bundle, bundle, lines)
	publish(t, "P13", "bundles of evidence, checked without lictrail, whole and altered", "verified 100 %, altered ones refused 100 %",
		"a bundle of %d records verified; %d of %d alterations refused, %d more by a script of sha256sum and jq", len(lines)-1, bad, bad, scripted)
}

// alterations alters a bundle: each line taken away, doubled, moved; a byte of each
// of many places; the end cut off.
func alterations(bundle []byte, lines [][]byte) iter.Seq2[string, []byte] {
	whole := func(lines [][]byte) []byte { return append(bytes.Join(lines, nil), '\n') }
	return func(yield func(string, []byte) bool) {
		ok := yield("nothing", nil) && yield("the last newline", bundle[:len(bundle)-1]) && yield("a blank line", append(bytes.Clone(bundle), '\n'))
		for i := range lines {
			ok = ok && yield(fmt.Sprintf("line %d taken away", i), whole(slices.Delete(slices.Clone(lines), i, i+1))) &&
				yield(fmt.Sprintf("line %d doubled", i), whole(slices.Insert(slices.Clone(lines), i, lines[i])))
			if i > 0 && i < len(lines)-1 && !bytes.Equal(lines[i], lines[i-1]) {
				moved := slices.Clone(lines)
				moved[i-1], moved[i] = moved[i], moved[i-1]
				ok = ok && yield(fmt.Sprintf("line %d moved", i), whole(moved))
			}
		}
		last := len(bundle) - len(lines[len(lines)-1]) - 1
		for at := range bundle {
			if at < last && at%size(997, 7) != 0 {
				continue // of the last line every byte
			}
			altered := bytes.Clone(bundle)
			altered[at] ^= 0x20 // which turns letters into the other case
			ok = ok && yield(fmt.Sprintf("byte %d", at), altered)
		}
	}
}

// scriptChecks does the same with the script, for some alterations.
func scriptChecks(t *testing.T, file, kept string, bundle []byte, lines [][]byte) (refused int) {
	t.Helper()
	for _, tool := range []string{"sh", "jq", "sha256sum", "base64", "od"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Logf("%s is not installed: the script in docs is not tried", tool)
			return 0
		}
	}
	check := func(data []byte, kept ...string) error {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "sh", append([]string{filepath.Join(root, "docs/verify-evidence.sh"), file}, kept...)...).CombinedOutput()
		t.Logf("%s", out)
		return err
	}
	if err := errors.Join(check(bundle), check(bundle, kept)); err != nil {
		t.Errorf("the script refuses what was exported: %v", err)
	}
	if check(bundle, "00") == nil {
		t.Error("the script takes another bundle for the one that was kept")
	}
	last := len(bundle) - len(lines[len(lines)-1])
	for _, at := range []int{3, last / 2, last + 3, last + 20, len(bundle) - 20, len(bundle) - 2} {
		altered := bytes.Clone(bundle)
		altered[at] ^= 0x20
		if check(altered) == nil {
			t.Errorf("the script does not notice byte %d", at)
		}
		refused++
	}
	for what, altered := range map[string][]byte{"a line taken away": bytes.Join(lines[1:], nil), "the end cut off": bundle[:last-1], "nothing": nil} {
		if check(altered) == nil {
			t.Errorf("the script does not notice %s", what)
		}
		refused++
	}
	return refused
}

// checkBundle is a verifier of its own.
func checkBundle(bundle []byte) error {
	text, ok := bytes.CutSuffix(bundle, []byte("\n"))
	if !ok {
		return fmt.Errorf("it does not end with a line")
	}
	at := bytes.LastIndexByte(text, '\n') + 1
	var end struct {
		Records int    `json:"records"`
		Tenant  string `json:"tenant"`
		Version string `json:"version"`
		Head    string `json:"head"`
		SHA256  string `json:"sha256"`
		Bundle  string `json:"bundle"`
	}
	if err := json.Unmarshal(text[at:], &end); err != nil {
		return err
	}
	if again, err := json.Marshal(end); err != nil || !bytes.Equal(again, text[at:]) {
		return fmt.Errorf("the last line has something else in it")
	}
	if end.SHA256 != hexSum(text[:at]) || end.Records != bytes.Count(text[:at], []byte("\n")) {
		return fmt.Errorf("the lines are others")
	}
	if end.Bundle != hexSum(fmt.Appendf(nil, "lictrail evidence 1\n%d\n%s\n%s\n%s\n%s\n", end.Records, end.Tenant, end.Version, end.Head, end.SHA256)) {
		return fmt.Errorf("the last line is another")
	}
	for line := range bytes.Lines(text[:at]) {
		var r struct{ Raw, SHA256 string }
		if err := json.Unmarshal(line, &r); err != nil || r.SHA256 != hexSum([]byte(r.Raw)) {
			return fmt.Errorf("a record is another: %w", err)
		}
	}
	return nil
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
