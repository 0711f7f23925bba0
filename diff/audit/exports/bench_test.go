package exports

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkRecords reads records of the Management Activity API as they come.
func BenchmarkRecords(b *testing.B) {
	var file bytes.Buffer
	const records = 2000
	for i := range records {
		fmt.Fprintf(&file, `{"CreationTime":"2026-03-04T10:20:30","Id":"%d","Operation":"MailItemsAccessed","Workload":"Exchange",`+
			`"Parameters":[{"Name":"Folder","Value":"%s"}],"OrganizationId":"6f1c2a3b-7d4e-4f5a-8b6c-9d0e1f2a3b4c"}`+"\n", i, strings.Repeat("x", 1200))
	}
	b.SetBytes(int64(file.Len()))
	for b.Loop() {
		files, err := Files(bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for r, err := range files[0].Records(UnknownOrder) {
			if err != nil || r.Refused != "" {
				b.Fatal(err, r)
			}
			n++
		}
		if n != records {
			b.Fatalf("%d records", n)
		}
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// strayQuote is an export of the unified log with a quote too many in its first
// row: all rows after it may belong to the cell that it begins.
func strayQuote(size int) []byte {
	var b bytes.Buffer
	b.WriteString("CreationDate,UserIds,Operations,AuditData\n2026-03-04T10:20:30Z,\"ada,Add user.,\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "2026-03-04T10:20:30Z,ada@contoso.example,Add user.,\"{\"\"Id\"\":\"\"%d\"\",\"\"CreationTime\"\":\"\"2026-03-04T10:20:30\"\",\"\"Operation\"\":\"\"Add user.\"\",\"\"ResultStatus\"\":\"\"Success\"\"}\"\n", i)
	}
	return b.Bytes()
}

// strayQuotes has one in every other row.
func strayQuotes(size int) []byte {
	row := "2026-03-04T10:20:30Z,\"ada,Add user.,x\n2026-03-04T10:20:30Z,ada,Add user.,x\n"
	return []byte("CreationDate,UserIds,Operations,AuditData\n" + strings.Repeat(row, size/len(row)))
}

// wideTable is an export of the Entra admin center with so many targets.
func wideTable(targets, rows int) []byte {
	var b bytes.Buffer
	b.WriteString("Date (UTC),Activity,Result,ActorType,ActorObjectId")
	for i := range targets {
		fmt.Fprintf(&b, ",Target%dType,Target%dObjectId,Target%dUserPrincipalName", i+1, i+1, i+1)
	}
	row := "\n2026-03-04T10:20:30Z,Change user license,success,User,0a000000-0000-4000-8000-00000000000a,User,0b000000-0000-4000-8000-00000000000b,ann@contoso.example" +
		strings.Repeat(",", 3*(targets-1))
	for range rows {
		b.WriteString(row)
	}
	return b.Bytes()
}

// readAll reads a file, and returns how many records it has and how many of them
// were refused.
func readAll(t testing.TB, data []byte) (records, refused int) {
	t.Helper()
	files, err := Files(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range files[0].Records(MDY) {
		if err != nil {
			t.Fatal(err)
		}
		if records++; r.Refused != "" {
			refused++
		}
	}
	return records, refused
}

// TestP30_Quotes: a quote that does not end costs its own row, and no line is
// read more than twice nor copied more often, whatever the size of the file.
func TestP30_Quotes(t *testing.T) {
	worst, mostRead := 0.0, 0.0
	for name, make := range map[string]func(size int) []byte{"one": strayQuote, "many": strayQuotes} {
		allocated := func(size int) float64 {
			data := make(size)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			records, refused := readAll(t, data)
			runtime.ReadMemStats(&after)
			if name == "one" && (refused != 1 || records < size/300) {
				t.Errorf("%d records, %d refused", records, refused)
			}
			return float64(after.TotalAlloc-before.TotalAlloc) / float64(size)
		}
		small, large := allocated(1<<20), allocated(1<<24)
		worst = max(worst, large/small)
		if large > 1.5*small {
			t.Errorf("%s: %.1f bytes of memory a byte of 1 MB, %.1f of 16 MB", name, small, large)
		}
		data := make(1 << 22)
		r := &rows{in: newTestReader(string(data)), sep: ',', width: 4, line: 1}
		for {
			if _, _, _, err := r.row(); err != nil {
				break
			}
		}
		if r.work > 2*int64(len(data)) {
			t.Errorf("%s: %d bytes of lines taken of %d", name, r.work, len(data))
		}
		mostRead = max(mostRead, float64(r.work)/float64(len(data)))
	}
	t.Logf("P30: a byte of 16 MB costs %.1f times one of 1 MB; each line is read %.1f times at most", worst, mostRead)
}

// BenchmarkTables reads damaged and wide tables by size: what a byte costs must
// not grow with it.
func BenchmarkTables(b *testing.B) {
	for name, data := range map[string][]byte{
		"stray-quote/1MB": strayQuote(1 << 20), "stray-quote/16MB": strayQuote(1 << 24), "stray-quotes/1MB": strayQuotes(1 << 20), "stray-quotes/16MB": strayQuotes(1 << 24),
		"targets/1500x200": wideTable(1500, 200), "targets/6000x200": wideTable(6000, 200),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				readAll(b, data)
			}
		})
	}
}
