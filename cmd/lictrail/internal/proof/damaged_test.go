package proof

import (
	"bytes"
	"flag"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"lictrail/cmd/lictrail/internal/track"
	"lictrail/diff/audit/exports"
	"lictrail/graph/graphtest/exportfile"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

var damages = flag.Int("damages", 40, "how many exports TestP32_DamagedExports damages")

// foreignWords are those of Go, which mean nothing to an administrator.
var foreignWords = regexp.MustCompile(`json: |Go value|Go struct|audit\.[a-z]|interface \{\}|bare \\"`)

// TestP32_DamagedExports damages exports of every form at random, as programs and
// transfers do, and imports them on the word that they are whole. Whatever is
// left, nothing that is said then may contradict the tenant's own log of who did
// what; and refusals have a reason in words.
func TestP32_DamagedExports(t *testing.T) {
	lived := liveWeeks(t)
	var events [][]byte
	for _, e := range lived.tenant.Events() {
		events = append(events, e.JSON())
	}
	whole := snapshot.Window{NotBefore: lived.tenant.Events()[0].At, NotAfter: lived.tenant.Now()}
	formats := exportfile.Names()
	random := rand.New(rand.NewPCG(1, 2))
	refusedFiles, refused, right := 0, int64(0), 0
	for range *damages {
		format := formats[random.IntN(len(formats))]
		var b bytes.Buffer
		if err := exportfile.Write(&b, format, lived.tenant.ID, events); err != nil {
			t.Fatal(err)
		}
		kind, data := damage(random, b.Bytes())
		w := lived.copy(t)
		records, err := w.importDamaged(t, data, whole)
		if err != nil {
			refusedFiles++
			if foreignWords.MatchString(err.Error()) {
				t.Errorf("%s, %s: %v", format, kind, err)
			}
			continue
		}
		for reason, n := range records.Refused {
			refused += n
			if foreignWords.MatchString(reason) {
				t.Errorf("%s, %s: refused: %s", format, kind, reason)
			}
		}
		h, err := w.db.History(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := newScore()
		s.compare(t, w.tenant, h)
		h.Close()
		if right += s.right; s.wrong > 0 {
			t.Errorf("%s, %s: %d wrong attributions\n%s", format, kind, s.wrong, s.table())
		}
	}
	if right == 0 {
		t.Error("nothing was attributed: the test proves nothing")
	}
	t.Logf("P32: %d exports: %d refused as a whole, %d records of the others; %d right attributions, 0 wrong", *damages, refusedFiles, refused, right)
}

func (w *weeks) importDamaged(t *testing.T, data []byte, whole snapshot.Window) (*track.Imported, error) {
	t.Helper()
	files, err := exports.Files(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	file := track.ExportFile{AuditFile: store.AuditFile{Name: "damaged", SHA256: "damaged", ImportedAt: w.tenant.Now()}, Records: files[0].Records(exports.MDY)}
	done, err := track.Import(t.Context(), w.db, []track.ExportFile{file}, track.ImportOptions{Now: w.tenant.Now(), Whole: whole})
	if err != nil {
		return nil, err
	}
	_, err = track.Conclude(t.Context(), w.db, whole.NotBefore, whole.NotAfter)
	return done[0], err
}

// damage does to a file what happens to files. What it exchanges are names of
// members and words that programs spell in their own way.
func damage(random *rand.Rand, data []byte) (kind string, damaged []byte) {
	b := bytes.Clone(data)
	at := random.IntN(len(b))
	names := map[string]string{"Success": "OK", "success": "ok", "oldValue": "old", "OldValue": "Old", "newValue": "new", "NewValue": "New", "initiatedBy": "by", "InitiatedBy": "By",
		`"User"`: `"Person"`, `""User""`: `""Person""`, "User_": "Person_", "SkuId=": "Sku=", "AssignedLicense": "Licenses", "ModifiedProperties": "Properties", "modifiedProperties": "properties",
		"targetResources": "targets", "TargetResources": "Targets", "additionalDetails": "details", "Actor": "By"}
	switch random.IntN(9) {
	case 0:
		b[at] = byte(' ' + random.IntN(95))
		return "a byte", b
	case 1:
		return "cut off", b[:max(1, at)]
	case 2:
		return "a quote too many", slices.Insert(b, at, '"')
	case 3:
		return "a stretch lost", slices.Delete(b, at, min(len(b), at+1+random.IntN(500)))
	case 4:
		return "a stretch twice", slices.Insert(b, at, bytes.Clone(b[at:min(len(b), at+1+random.IntN(3000))])...)
	case 5:
		return "a line end", slices.Insert(b, at, '\n')
	case 6:
		return "zeros", append(append(b[:at:at], make([]byte, 20)...), b[min(len(b), at+20):]...)
	case 7:
		return "a bracket", slices.Insert(b, at, "[]{},:"[random.IntN(6)])
	}
	present := slices.DeleteFunc(slices.Sorted(maps.Keys(names)), func(name string) bool { return !bytes.Contains(data, []byte(name)) })
	name := present[random.IntN(len(present))]
	return name + " in other words", bytes.ReplaceAll(b, []byte(name), []byte(names[name]))
}
