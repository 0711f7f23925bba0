package catalog

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	head    = "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names\r\n"
	rowE3   = "Microsoft 365 E3,SPE_E3,05e9a617-0261-4cee-bb44-138d3ef5d965,EXCHANGE_S_ENTERPRISE,efb87545-963c-4e0d-99df-69c6916d9eb0,Exchange Online (Plan 2)\r\n"
	rowE3b  = "Microsoft 365 E3,SPE_E3,05e9a617-0261-4cee-bb44-138d3ef5d965,TEAMS1,57ff2da0-773e-42df-b2af-ffb7a2317929,Microsoft Teams\r\n"
	rowDash = "Privacy Management \x96 risk,PRIV,e42bc969-759a-4820-9283-6b73085b68e6,MIP,cd31b152-6326-4d1b-ae1b-997b625182e6,Data\xa0Classification\r\n"
)

func read(t *testing.T, text string) (*Catalog, Report) {
	t.Helper()
	c, report, err := ReadMicrosoftCSV(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c, report
}

func TestReadMicrosoftCSV(t *testing.T) {
	c, report := read(t, head+rowE3+rowE3b)
	if got := c.SKUName(e3, ""); got != "Microsoft 365 E3" {
		t.Errorf("SKUName = %q", got)
	}
	if got := len(c.PlanIDs(e3)); got != 2 {
		t.Errorf("%d plans, want 2", got)
	}
	if got, err := c.PlanID("TEAMS1"); err != nil || c.PlanName(got) != "Microsoft Teams" {
		t.Errorf("plan %s, %v", got, err)
	}
	want := Report{Rows: 2, SKUs: 1, Plans: 2}
	if fmt.Sprint(report) != fmt.Sprint(want) {
		t.Errorf("report = %+v, want %+v", report, want)
	}
}

func TestReadMicrosoftCSV_Shapes(t *testing.T) {
	swapped := "GUID,Service_Plan_Id,String_Id,Extra,Product_Display_Name,Service_Plan_Name\n" +
		"05e9a617-0261-4cee-bb44-138d3ef5d965,efb87545-963c-4e0d-99df-69c6916d9eb0,SPE_E3,x,Microsoft 365 E3,EXCHANGE_S_ENTERPRISE\n"
	for name, text := range map[string]string{
		"plain":                       head + rowE3,
		"other order, extra column":   swapped,
		"byte order mark":             "\ufeff" + head + rowE3,
		"mark read as Windows-1252":   "ï»¿" + head + rowE3,
		"mark in raw Windows-1252":    "\xef\xbb\xbf\xef\xbb\xbf" + head + rowE3 + rowDash,
		"mark turned into ???":        "???" + head + rowE3,
		"??? before a quote":          "???\"Product_Display_Name\"" + strings.TrimPrefix(head, "Product_Display_Name") + rowE3,
		"mark within the quotes":      "\"ï»¿Product_Display_Name\"" + strings.TrimPrefix(head, "Product_Display_Name") + rowE3,
		"line feeds only":             strings.ReplaceAll(head+rowE3, "\r\n", "\n"),
		"semicolons":                  strings.ReplaceAll(head+rowE3, ",", ";"),
		"tabs":                        strings.ReplaceAll(head+rowE3, ",", "\t"),
		"spaced, lower case headings": strings.ToLower(strings.ReplaceAll(head, "_", " ")) + rowE3,
		"upper case ids":              head + strings.Replace(rowE3, "05e9a617-0261-4cee-bb44-138d3ef5d965", "05E9A617-0261-4CEE-BB44-138D3EF5D965", 1),
		"no-break space after the id": head + strings.Replace(rowE3, "5d965,", "5d965\u00a0,", 1),
		"blank rows":                  head + ",,,,,\r\n\r\n" + rowE3 + " , ,,,,\r\n",
		"no line end at the end":      head + strings.TrimSuffix(rowE3, "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			c, report := read(t, text)
			if got := c.SKUName(e3, ""); got != "Microsoft 365 E3" {
				t.Errorf("SKUName = %q", got)
			}
			if !slices.Contains(c.PlanIDs(e3), exchP2) || report.Refused != 0 {
				t.Errorf("plans %v, report %+v", c.PlanIDs(e3), report)
			}
		})
	}
}

func TestReadMicrosoftCSV_Text(t *testing.T) {
	quoted := `"Windows 365 Business 16 vCPU, 64 GB, 1 TB",CPC,` + unknown + ",P,113feb6c-3fe4-4440-bddc-54d774bf0318,\"Say \"\"hi\"\"\"\r\n"
	c, _ := read(t, head+rowDash+strings.Replace(quoted, "Say", "Sa\xff", 1))
	if got := c.SKUName("e42bc969-759a-4820-9283-6b73085b68e6", ""); got != "Privacy Management – risk" {
		t.Errorf("Windows-1252 dash: %q", got)
	}
	if got := c.PlanName("cd31b152-6326-4d1b-ae1b-997b625182e6"); got != "Data Classification" {
		t.Errorf("no-break space: %q", got)
	}
	if got := c.SKUName(unknown, ""); got != "Windows 365 Business 16 vCPU, 64 GB, 1 TB" {
		t.Errorf("quoted commas: %q", got)
	}
	if got := c.PlanName("113feb6c-3fe4-4440-bddc-54d774bf0318"); got != `Saÿ "hi"` {
		t.Errorf("quoted quotes, Latin letter: %q", got)
	}
	utf, _ := read(t, head+strings.Replace(rowE3, "365 E3", "365 E3 – Ελλάδα", 1))
	if got := utf.SKUName(e3, ""); got != "Microsoft 365 E3 – Ελλάδα" {
		t.Errorf("UTF-8: %q", got)
	}
}

func TestReadMicrosoftCSV_FirstWins(t *testing.T) {
	renamed := strings.Replace(rowE3, "Microsoft 365 E3", "Microsoft 365 E3 (new)", 1)
	plan := strings.Replace(rowE3b, "Microsoft Teams", "TEAMS", 1)
	c, report := read(t, head+rowE3+rowE3b+rowE3+renamed+plan)
	if got := c.SKUName(e3, ""); got != "Microsoft 365 E3" {
		t.Errorf("the first name does not stand: %q", got)
	}
	if s, err := c.FindSKU("Microsoft 365 E3 (new)"); err != nil || s.ID != e3 {
		t.Errorf("the other name does not find the product: %v", err)
	}
	if report.Duplicates != 3 || report.Renames != 2 || report.Rows != 5 || report.Refused != 0 {
		t.Errorf("report = %+v", report)
	}
}

func TestReadMicrosoftCSV_RefusesRows(t *testing.T) {
	bad := map[string]string{
		"column GUID is no GUID":                "E5,SPE_E5,nope,P," + string(exchP2) + ",F\r\n",
		`column GUID is no GUID: "00`:           "E5,SPE_E5," + unknown + "0,P," + string(exchP2) + ",F\r\n",
		"column Service_Plan_Id is no GUID":     "E5,SPE_E5," + unknown + ",P,,F\r\n",
		"column Service_Plan_Id is missing":     "E5,SPE_E5," + unknown + ",P\r\n",
		"column String_Id is empty":             "E5,," + unknown + ",P," + string(exchP2) + ",F\r\n",
		"column Product_Display_Name is longer": strings.Repeat("x", maxCell+1) + ",SPE_E5," + unknown + ",P," + string(exchP2) + ",F\r\n",
		"column Product_Display_Name has a con": "E\x1b5,SPE_E5," + unknown + ",P," + string(exchP2) + ",F\r\n",
		`bare " in non-quoted-field`:            "E\"5,SPE_E5," + unknown + ",P," + string(exchP2) + ",F\r\n",
	}
	for want, row := range bad {
		t.Run(want, func(t *testing.T) {
			c, report := read(t, head+rowE3+row+rowE3b)
			if len(c.PlanIDs(e3)) != 2 {
				t.Error("a good row went with the bad one")
			}
			if _, known := c.SKU(unknown); known {
				t.Error("the bad row was taken")
			}
			if report.Refused != 1 || len(report.Refusals) != 1 {
				t.Fatalf("report = %+v", report)
			}
			if got := report.Refusals[0]; got.Line != 3 || !strings.HasPrefix(got.Reason, want) {
				t.Errorf("refusal = %q, want line 3: %s…", got, want)
			}
		})
	}
}

func TestReadMicrosoftCSV_RefusalsAreBounded(t *testing.T) {
	_, report := read(t, head+rowE3+strings.Repeat("a,b,c,d,e,f\n", maxRefusals+5))
	if report.Refused != maxRefusals+5 || len(report.Refusals) != maxRefusals {
		t.Errorf("refused %d, listed %d", report.Refused, len(report.Refusals))
	}
}

func TestReadMicrosoftCSV_Err(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"empty":           {"", "the list is empty"},
		"only a mark":     {"\ufeff \r\n", "the list is empty"},
		"web page":        {"<!DOCTYPE html><html>", "missing column Product_Display_Name, String_Id, GUID, Service_Plan_Name, Service_Plan_Id"},
		"missing columns": {"GUID,Product_Display_Name,Service_Plan_Id\n", "missing column String_Id, Service_Plan_Name"},
		"column twice":    {strings.Replace(head, "String_Id", "GUID", 1), "column GUID is there twice"},
		"no rows":         {head, "column names but no rows"},
		"no good row":     {head + "a,b,c,d,e,f\n", `none of the 1 rows is of use; the first: line 2: column GUID is no GUID: "c"`},
		"UTF-16":          {"\xff\xfeP\x00", "UTF-16"},
		"too large":       {head + strings.Repeat(rowE3, maxFile/len(rowE3)+1), "larger than 32 MiB"},
		"runaway quote":   {head + rowE3 + "\"" + rowE3b + rowE3, "line 3: a quoted cell does not end"},
		"broken header":   {"Product\"_Display_Name,\n", "read the column names"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, err := ReadMicrosoftCSV(strings.NewReader(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if c != nil {
				t.Error("a catalog came with the error")
			}
		})
	}
	broken := errors.New("disk on fire")
	if _, _, err := ReadMicrosoftCSV(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("the cause was lost: %v", err)
	}
}

func FuzzReadMicrosoftCSV(f *testing.F) {
	for _, seed := range []string{
		head + rowE3 + rowE3b, "\ufeff" + head + rowDash, "???" + head, head + "\"\n", strings.ReplaceAll(head+rowE3, ",", ";"),
		head + "a,b,c,d,e,f\n", "GUID\x00", head + rowE3 + "\"x\ny\",,\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, report, err := ReadMicrosoftCSV(strings.NewReader(string(text)))
		if err != nil {
			if c != nil {
				t.Fatal("a catalog came with an error")
			}
			return
		}
		checkImported(t, c, report)
	})
}

// checkImported holds for whatever was read.
func checkImported(t *testing.T, c *Catalog, report Report) {
	t.Helper()
	skus := c.SKUs()
	if len(skus) != report.SKUs || len(skus)+report.Refused+report.Duplicates > report.Rows {
		t.Fatalf("%d products do not fit the report %+v", len(skus), report)
	}
	for _, s := range skus {
		if !isGUID(string(s.ID)) || s.PartNumber == "" || !slices.IsSorted(s.Plans) || len(s.Plans) == 0 {
			t.Fatalf("malformed product %+v", s)
		}
		// A part number that looks like an id is looked up as one.
		if !isGUID(fold(s.PartNumber)) && !slices.ContainsFunc(c.FindSKUs(s.PartNumber), func(o SKU) bool { return o.ID == s.ID }) {
			t.Fatalf("%q does not find its product", s.PartNumber)
		}
		for _, id := range s.Plans {
			if p, ok := c.Plan(id); !ok || p.ID != id || !isGUID(string(id)) {
				t.Fatalf("malformed plan %+v", p)
			}
		}
	}
	if again := Merge(c, c); !reflect.DeepEqual(again, c) {
		t.Fatal("Merge of a catalog with itself changed it")
	}
}
