package faults

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// elsewhere are the tests of the list that stand with the code they are about,
// and say their figure in one line that begins with their id.
var elsewhere = []struct {
	pkg, test    string
	args         []string // for the long form
	what, target string
}{
	{"snapshot/store", "TestR8_Damage", []string{"-flips", "10000"}, "bits flipped at random, and every page zeroed, swapped with the next and cut off", "0 unseen, 0 panics"},
	{"snapshot/store", "TestR9_EveryColumn", nil, "one value of every column of every table of evidence changed by SQL", "100 % seen"},
	{"snapshot/store", "TestR10_Tampering", nil, "rows altered, added, moved and taken away, runs cut off, everything made anew, by SQL", "all found with a head; without one, what is listed is not"},
	{"snapshot/store", "TestP1_LooseFile", nil, "a history, and its log, that others may read", "refused, unchanged"},
	{"snapshot/store", "TestP2_OthersFile", nil, "a history, and its log, that is somebody else's", "refused, unchanged"},
	{"cmd/lictrail/internal/proof", "TestP5_Forget", nil, "everybody who left erased, and what they were called searched in every byte of the files; the chain verified", "0 hits, verified"},
	{"cmd/lictrail/internal/cli", "TestP22_FleetSecrets", nil, "the variables of the environment, as a fleet's tenants see them and as programs started for them get them: secrets, files of secrets, other tenants' and ones that nobody knows yet", "0 wrongly"},
	{"diff/audit/exports", "TestP30_Quotes", nil, "exports with a quote too many, in one row and in every other, of 1 and of 16 MB", "linear: a byte costs at most 1.5 times as much, no line is read more than twice"},
	{"diff/audit/exports", "TestP31_Bombs", nil, "archives that unpack to absurdly much, lie about it, or have members that share bytes", "refused"},
	{"cmd/lictrail/internal/proof", "TestP32_DamagedExports", []string{"-damages", "1000"}, "exports of 12 forms, damaged at random, imported with --whole", "0 wrong attributions; refusals in words"},
	{"migrations", "TestP11_Planted", nil, "triggers, views, virtual tables, generated columns, indexes on expressions and other tables planted in a history", "refused, nothing run"},
	{"snapshot/store", "TestP14_Spellings", nil, "somebody forgotten whose address stands in group names, rules, quotes, notes, warnings, errors, file names, records and sentences, spelled as JSON, queries, HTML, mail, XML, base64 and UTF-16 spell it", "0 hits in decoded values and in bytes; longer addresses of others kept; verified"},
	{"snapshot/store", "TestP15_ForgedErasure", nil, "a history rewritten with the program's own packages and sealed as a forget or a prune", "all found"},
	{"snapshot/store", "TestP16_PlantedValues", nil, "values longer than the limit planted in a history, in records, sentences, warnings, seals and keys", "found, in bounded memory"},
}

// TestElsewhere runs those tests at their full size and takes their figures.
func TestElsewhere(t *testing.T) {
	onlyHeavy(t)
	for _, e := range elsewhere {
		t.Run(e.test, func(t *testing.T) {
			id, _, _ := strings.Cut(strings.TrimPrefix(e.test, "Test"), "_")
			args := append([]string{"test", "-count=1", "-timeout=2h", "-v", "-run", "^" + e.test + "$", "./" + e.pkg}, e.args...)
			cmd := exec.CommandContext(t.Context(), "go", args...)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly")
			out, err := cmd.CombinedOutput()
			text, ok := figureIn(string(out), e.test, id)
			if err != nil || !ok {
				t.Fatalf("go %s: %v, passed with one figure: %t\n%s", strings.Join(args, " "), err, ok, out)
			}
			publish(t, id, e.what, e.target, "%s", text)
		})
	}
}

// figureIn finds the one figure in the output of a test that has passed whole.
func figureIn(out, test, id string) (string, bool) {
	passed := strings.Contains("\n"+out, "\n--- PASS: "+test+" ")
	skipped := regexp.MustCompile(`(?m)^ *--- (SKIP|FAIL): `).MatchString(out)
	found := regexp.MustCompile(`(?m)^ +\w+\.go:\d+: `+id+`: (.+)$`).FindAllStringSubmatch(out, -1)
	if !passed || skipped || len(found) != 1 {
		return "", false
	}
	return found[0][1], true
}

// TestElsewhere_Figure: a test that did not run, was skipped or says nothing has
// no figure.
func TestElsewhere_Figure(t *testing.T) {
	const pass, line = "--- PASS: TestR8_Damage (1.00s)\n", "    damage_test.go:9: R8: 7 of 7\n"
	for out, want := range map[string]string{
		"=== RUN   TestR8_Damage\n" + line + pass + "PASS\n": "7 of 7",
		line + pass: "7 of 7",
		line + "--- FAIL: TestR8_Damage (1.00s)\n":                 "",
		line + "--- SKIP: TestR8_Damage (1.00s)\n":                 "",
		pass + "    --- SKIP: TestR8_Damage/part (0.00s)\n" + line: "",
		pass:               "",
		line:               "",
		pass + line + line: "",
		"testing: warning: no tests to run\nPASS\n":  "",
		strings.ReplaceAll(line+pass, "R8:", "R80:"): "",
	} {
		if got, ok := figureIn(out, "TestR8_Damage", "R8"); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t, want %q", out, got, ok, want)
		}
	}
}
