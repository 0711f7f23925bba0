package exports

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
)

func gz(b []byte) []byte {
	var o bytes.Buffer
	w := gzip.NewWriter(&o)
	w.Write(b)
	w.Close()
	return o.Bytes()
}

func TestX(t *testing.T) {
	rec := `{"CreationTime":"2026-03-04T10:20:30","Id":"i1","Operation":"Change user license.","ResultStatus":"Success","ObjectId":"ann@contoso.example"}`
	q := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	csv := "RecordId,CreationDate,Operation,UserId,AuditData\r\ni1,x,Change user license.,ada," + q(rec) + "\r\n"
	show := func(name string, data []byte) {
		got := tell(t, data, Untold)
		if len(got) > 700 {
			got = got[:700] + "…"
		}
		fmt.Printf("== %s\n%s", name, got)
	}
	show("csv", []byte(csv))
	show("gz gz", gz(gz([]byte(csv))))
	g := gz([]byte(strings.Repeat(csv, 2000)))
	show("gz cut", g[:len(g)/2])
	show("gz cut early", g[:12])
	show("gz junk after", append(gz([]byte(csv)), "junk junk"...))
	show("gz multi", append(gz([]byte(csv)), gz([]byte(csv))...))
	show("reordered", []byte("AuditData;Operations;RecordId\n"+q(rec)+";x;y\n"))
	show("quoted newline", []byte("AuditData,Note\n"+q(rec)+",\"a\r\nb\"\n"+q(rec)+",c\n"))
	show("pretty AuditData", []byte("AuditData\n"+q(strings.ReplaceAll(rec, ",", ",\r\n"))+"\n"))
	show("localized header", []byte("Erstellungsdatum,Benutzer-IDs,Vorgänge,Überwachungsdaten\nx,y,z,"+q(rec)+"\n"))
	show("dup keys", []byte(`[`+strings.Replace(rec, `"Id":"i1"`, `"Id":"i1","Id":"i2","id":"i3"`, 1)+`]`))
	show("dup op", []byte(`[`+strings.Replace(rec, `"Operation":"Change user license."`, `"Operation":"Change user license.","operation":"Delete user."`, 1)+`]`))
	show("deep", []byte(strings.Repeat("[", 200000)+strings.Repeat("]", 200000)))
	show("deep obj", []byte(`{"a":`+strings.Repeat(`{"a":`, 200000)+"1"+strings.Repeat("}", 200001)))
	show("deep in rec", []byte(`[`+strings.Replace(rec, `"Id"`, `"X":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+`,"Id"`, 1)+`,`+rec+`]`))
	show("one long line", bytes.Repeat([]byte("a,b,"), 40<<18))
	show("long json", append([]byte(`{"a":"`), bytes.Repeat([]byte("a"), 40<<20)...))
	show("long rec then good", []byte(`{"a":"`+strings.Repeat("a", 20<<20)+`"}`+"\n"+rec+"\n"))
	show("csv long cell then good", []byte("AuditData\n\""+strings.Repeat("a", 20<<20)+"\"\n"+q(rec)+"\n"))
	show("nul", []byte("AuditData\n"+q(rec)+"\n\x00\x00\x00\x00\n"))
	show("ctrl-z", []byte("AuditData\n"+q(rec)+"\n\x1a"))
	show("id esc", []byte(`[`+strings.Replace(rec, `"i1"`, `"\u001b[31mi1\u0000"`, 1)+`]`))
	show("empty id", []byte(`[`+strings.Replace(rec, `"i1"`, `" "`, 1)+`]`))
	show("id number", []byte(`[`+strings.Replace(rec, `"i1"`, `{"a":1}`, 1)+`]`))
	show("invalid utf8", []byte("AuditData\n"+q(strings.Replace(rec, "ann", "\xff\xfean", 1))+"\n"))
	show("latin1 header", []byte("Note\xe4,AuditData\nx,"+q(rec)+"\n"))
	show("bom twice", []byte("\xef\xbb\xbf\xef\xbb\xbf"+csv))
	show("sep=", []byte("sep=;\nAuditData;x\n"+q(rec)+";y\n"))
	show("header only", []byte("AuditData\n"))
	show("empty", nil)
	show("[]", []byte("[]"))
	show("null", []byte("null"))
	show("html", []byte("<html><body>sign in</body></html>"))
	show("year 0", []byte(`[`+strings.Replace(rec, `2026-03`, `0000-03`, 1)+`]`))
	show("year 9999", []byte(`[`+strings.Replace(rec, `2026-03`, `9999-03`, 1)+`]`))
	show("time leap", []byte(`[`+strings.Replace(rec, `10:20:30`, `23:59:60`, 1)+`]`))
	show("offset", []byte(`[`+strings.Replace(rec, `10:20:30`, `10:20:30+02:00`, 1)+`]`))
	var z bytes.Buffer
	w := zip.NewWriter(&z)
	for n, c := range map[string]string{"__MACOSX/._a.csv": "junk", "a/b/c.csv": csv, "a/.DS_Store": "x", "a/d.csv.gz": string(gz([]byte(csv))), "Thumbs.db": "x"} {
		f, _ := w.Create(n)
		f.Write([]byte(c))
	}
	w.Close()
	show("zip", z.Bytes())
	show("zip cut", z.Bytes()[:z.Len()-30])
	show("two tables", []byte(csv+csv))
	show("mixed json lines w/ comma", []byte(rec+",\n"+rec+",\n"))
	show("json in json string", []byte(`["`+strings.ReplaceAll(rec, `"`, `\"`)+`"]`))
	show("surrogates", []byte(`[`+strings.Replace(rec, `"ann@`, `"\ud83dann@`, 1)+`]`))
	show("opening", []byte("AuditData\n\"\"\"\"\n\"\n"+q(rec)+"\n"))
}
