package exports

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestEnemy reads files such as defective programs and attackers write. {} stands for a
// record, "{}" for a record as a cell.
func TestEnemy(t *testing.T) {
	const record = `{"CreationTime":"2026-03-04T10:20:30","Id":"i1","Operation":"Change user license.","ResultStatus":"Success","ObjectId":"ann@contoso.example"}`
	fill := func(text string) []byte {
		text = strings.ReplaceAll(text, `"{}"`, `"`+strings.ReplaceAll(record, `"`, `""`)+`"`)
		return []byte(strings.ReplaceAll(text, `{}`, record))
	}
	const (
		good = "Change user license."
		long = "the record is longer than 16 MB"
	)
	huge := strings.Repeat("a", maxRecord+1)
	for name, test := range map[string]struct {
		data []byte
		want []string // of each record, in order
	}{
		"tables one after the other":     {fill("Note,AuditData\nx,\"{}\"\nNote,AuditData\ny,\"{}\"\n"), []string{good, good}},
		"gzip files one after another":   {append(packed(t, fill("AuditData\n\"{}\"\n")), packed(t, fill("AuditData\n\"{}\"\n"))...), []string{good, good}},
		"filled up with zeros":           {fill("AuditData\n\"{}\"\n\x00\x00\x00\n"), []string{good}},
		"an end-of-file mark":            {fill("AuditData\n\"{}\"\n\x1a"), []string{good}},
		"another order and separator":    {fill("sep=;\nOperations;AuditData;RecordId\nx;\"{}\";y\n"), []string{good}},
		"line breaks in a cell":          {fill("AuditData,Note\n\"{}\",\"a\r\nb\"\n\"{}\",c\n"), []string{good, good}},
		"a cell that does not end":       {fill("Note,AuditData\n\"x,\"{}\"\ny,\"{}\"\n"), []string{"a quoted cell does not end", good}},
		"a line without end":             {fill("AuditData\n" + huge + huge + "\n\"{}\"\n"), []string{long, good}},
		"a cell without end":             {fill("AuditData\n\"" + huge + "\"\n\"{}\"\n"), []string{long, good}},
		"a file of one line":             {[]byte(strings.Repeat("a,", maxRecord)), []string{"error: not an export"}},
		"JSON of one line":               {[]byte(`{"a":"` + huge + huge), []string{long, "not JSON"}},
		"a long record":                  {fill(`{"a":"` + huge + "\"}\n{}\n"), []string{long, "not JSON", good}},
		"two ids":                        {fill(`[` + strings.Replace(record, `"Id"`, `"id":"i2","Id"`, 1) + `,{}]`), []string{"two members Id that differ", good}},
		"two operations":                 {fill(`[` + strings.Replace(record, `"Id"`, `"operation":"Delete user.","Id"`, 1) + `,{}]`), []string{"two members Operation that differ", good}},
		"one id twice":                   {fill(`[` + strings.Replace(record, `"Id"`, `"id":"i1","Id"`, 1) + `]`), []string{good}},
		"a member twice that none reads": {fill(`[` + strings.Replace(record, `"Id"`, `"Level":1,"level":"x","Id"`, 1) + `]`), []string{good}},
		"a blank id":                     {fill(`[` + strings.Replace(record, `"i1"`, `" "`, 1) + `]`), []string{"derived-"}},
		"nested too deep":                {fill(`[{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `},{}]`), []string{"exceeded max depth", good}},
		"nothing but brackets":           {[]byte(strings.Repeat("[", 200000) + strings.Repeat("]", 200000)), nil},
		"not UTF-8":                      {fill("AuditData\n\"" + strings.ReplaceAll(strings.Replace(record, "ann", "\xff\xfe", 1), `"`, `""`) + "\"\n"), []string{good}},
		"half a character":               {fill(`[` + strings.Replace(record, "ann", `\ud83d`, 1) + `]`), []string{good}},
		"an HTML page":                   {[]byte("<html><body>Sign in to your account</body></html>"), []string{"error: not an export"}},
		"gzip in gzip":                   {packed(t, packed(t, fill("AuditData\n\"{}\"\n"))), []string{"error: not an export of audit records: gzip inside gzip"}},
		"gzip cut at its beginning":      {packed(t, fill("AuditData\n\"{}\"\n"))[:12], []string{"error: not an export of audit records: read gzip", "unexpected EOF"}},
		"gzip cut in the middle":         {cutGzip(t, fill("AuditData\n\"{}\"\n")), []string{good, "AuditData is not JSON", "error: unexpected EOF"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for block := range strings.SplitSeq(strings.TrimSpace(describeFile(t, test.data, UnknownOrder)), "\n") {
				if block != "" && !strings.HasPrefix(block, " ") {
					got = append(got, block)
				} else if block != "" {
					got[len(got)-1] += block
				}
			}
			if len(got) != len(test.want) {
				t.Fatalf("%d records, want %d: %.2000q", len(got), len(test.want), got)
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("record %d: %.500s, want %q", i+1, got[i], want)
				}
			}
		})
	}
}

// cutGzip ends after a first row that can be read.
func cutGzip(t *testing.T, table []byte) []byte {
	t.Helper()
	noise := make([]byte, 2*bufferSize) // random enough not to shrink
	for i := range noise {
		noise[i] = "abcdefgh"[(i*i/7+i/3)%8]
	}
	whole := packed(t, append(append(bytes.Clone(table), noise...), '\n'))
	return whole[:len(whole)-8]
}

// TestEnemy_Litter: files that operating systems leave in archives are not listed.
func TestEnemy_Litter(t *testing.T) {
	for name, want := range map[string]bool{"__MACOSX/a/._b.csv": true, "a/.DS_Store": true, "a/Thumbs.db": true, "desktop.ini": true, "a/b.csv": false, "thumbs.db.csv": false} {
		if isLitter(name) != want {
			t.Errorf("%s: litter %t, want %t", name, !want, want)
		}
	}
}

// TestP31_Bombs: an archive that unpacks to far more than its size is refused, at once
// where its directory says so, else before much of it was unpacked.
func TestP31_Bombs(t *testing.T) {
	blanks := bytes.Repeat([]byte(" "), 40<<20)
	table := "AuditData\n\"{\"\"CreationTime\"\":\"\"2026-03-04T10:20:30\"\",\"\"Id\"\":\"\"i1\"\",\"\"Operation\"\":\"\"Add user.\"\"}\"\n"
	ordinary := zipped(t, "a.csv", []byte(table))
	refused, taken := 0, 0
	for name, test := range map[string]struct {
		data []byte
		most int64
		want error
	}{
		"an ordinary archive":            {ordinary, MaxUnpacked, nil},
		"an ordinary file":               {packed(t, []byte(table)), MaxUnpacked, nil},
		"gzip of blanks":                 {packed(t, blanks), MaxUnpacked, ErrBomb},
		"gzip of a row and blanks":       {packed(t, append([]byte(table), blanks...)), MaxUnpacked, ErrBomb},
		"zip of blanks":                  {zipped(t, "a.csv", blanks), MaxUnpacked, ErrBomb},
		"gzip of blanks in zip":          {zipped(t, "a.csv", packed(t, blanks)), MaxUnpacked, ErrBomb},
		"a zip that lies about its size": {lying(t, zipped(t, "a.csv", append([]byte(table), blanks...)), uint32(len(table)+len(blanks)), 1000), MaxUnpacked, zip.ErrFormat},
		"members that are one":           {overlapping(t, ordinary), MaxUnpacked, ErrBomb},
		"a file over the bound":          {packed(t, []byte(table)), 50, ErrBound},
		"a member over the bound":        {ordinary, 50, ErrBound},
		"a plain file has no bound":      {[]byte(table), 50, nil},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := Files(bytes.NewReader(test.data), int64(len(test.data)))
			for _, f := range files {
				for _, e := range f.Within(test.most).Records(UnknownOrder) {
					err = errors.Join(err, e)
				}
			}
			if test.want == nil && err != nil || !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if err != nil {
				refused++
			} else {
				taken++
			}
		})
	}
	t.Logf("P31: %d refused before 16 MB more than they may were unpacked, %d ordinary ones taken", refused, taken)
}

// overlapping makes the directory of an archive name its last member twice.
func overlapping(t *testing.T, archive []byte) []byte {
	t.Helper()
	at := bytes.LastIndex(archive, []byte("PK\x01\x02"))
	end := bytes.LastIndex(archive, []byte("PK\x05\x06"))
	entry := archive[at:end]
	out := append(bytes.Clone(archive[:end]), entry...)
	tail := bytes.Clone(archive[end:])
	for _, i := range []int{8, 10} { // the numbers of entries
		binary.LittleEndian.PutUint16(tail[i:], binary.LittleEndian.Uint16(tail[i:])+1)
	}
	binary.LittleEndian.PutUint32(tail[12:], binary.LittleEndian.Uint32(tail[12:])+uint32(len(entry)))
	return append(out, tail...)
}

// lying replaces the unpacked size in an archive's directory.
func lying(t *testing.T, archive []byte, is, says uint32) []byte {
	t.Helper()
	true4, false4 := binary.LittleEndian.AppendUint32(nil, is), binary.LittleEndian.AppendUint32(nil, says)
	if !bytes.Contains(archive, true4) {
		t.Fatal("the size is not there")
	}
	return bytes.ReplaceAll(archive, true4, false4)
}

// TestInterrupted: reading ends with the first error of what is read from, such as
// that of a command which was asked to stop, and nothing is read after it.
func TestInterrupted(t *testing.T) {
	stop := errors.New("asked to stop")
	for name, begin := range map[string]string{"blanks": `{"a":`, "a string": `{"a":"`, "a list": "[", "a line": "AuditData\n", "a quoted cell": "AuditData\n\"", "dates": "AuditData,CreationDate\n,3/4/2026 10:20:30 AM\n"} {
		for packing, pack := range map[string]func(*testing.T, []byte) []byte{"plain": nil, "gzip": packed} {
			data := []byte(begin)
			random := rand.New(rand.NewPCG(1, 2))
			for range 4 << 20 {
				data = append(data, 'a'+byte(random.IntN(26)))
			}
			if pack != nil {
				data = pack(t, data)
			}
			read := 0
			r := readerAt(func(p []byte, at int64) (int, error) {
				if read >= 2 && at > 1000 {
					read++
					return 0, stop
				}
				read++
				return bytes.NewReader(data).ReadAt(p, at)
			})
			files, err := Files(r, int64(len(data)))
			for _, f := range files {
				for _, e := range f.Records(UnknownOrder) {
					if e != nil {
						err = e
						break
					}
				}
			}
			if !errors.Is(err, stop) || read > 8 {
				t.Errorf("%s, %s: %v after %d readings", name, packing, err, read)
			}
		}
	}
}

type readerAt func(p []byte, at int64) (int, error)

func (f readerAt) ReadAt(p []byte, at int64) (int, error) { return f(p, at) }
