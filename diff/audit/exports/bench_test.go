package exports

import (
	"bytes"
	"fmt"
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
		for r, err := range files[0].Records(Untold) {
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
