package exports

import (
	"bytes"
	"strings"
	"testing"
)

// TestEnemy reads files as broken programs and people with other aims make them.
// {} stands for a record, "{}" for it as a cell.
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
			for block := range strings.SplitSeq(strings.TrimSpace(tell(t, test.data, Untold)), "\n") {
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

// TestEnemy_Litter: what operating systems leave in archives is no file of it.
func TestEnemy_Litter(t *testing.T) {
	for name, want := range map[string]bool{"__MACOSX/a/._b.csv": true, "a/.DS_Store": true, "a/Thumbs.db": true, "desktop.ini": true, "a/b.csv": false, "thumbs.db.csv": false} {
		if isLitter(name) != want {
			t.Errorf("%s: litter %t, want %t", name, !want, want)
		}
	}
}
