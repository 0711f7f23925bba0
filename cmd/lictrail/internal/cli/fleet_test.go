package cli

import (
	"bytes"
	"strings"
	"testing"

	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/out"
)

// Records are prefixed whole, whatever is quoted in them, and the head stands once.
func TestFleet_CSV(t *testing.T) {
	var b bytes.Buffer
	f := &fleet{env: &env{Streams: &out.Streams{Out: &b}}, results: make([]tenantResult, 4)}
	for i, answer := range []string{"", "\ufeffid,text\r\n1,\"a\r\nb \"\"c\"\"\"\r\n2,x\r\n", "\ufeffid,text\r\n", "\ufeffid,text\r\n3,\"\r\n\"\r\n"} {
		f.results[i].tenant = &config.Tenant{Name: "t" + string(rune('0'+i))}
		f.results[i].out.WriteString(answer)
	}
	if err := f.printCSV(); err != nil {
		t.Fatal(err)
	}
	want := "\ufefftenant,id,text\r\nt1,1,\"a\r\nb \"\"c\"\"\"\r\nt1,2,x\r\nt3,3,\"\r\n\"\r\n"
	if b.String() != want {
		t.Errorf("%q\nwant %q", b.String(), want)
	}
}

// The code is that which most needs a person, and every code has its place.
func TestFleet_Verdict(t *testing.T) {
	for code := range codeWords {
		found := 0
		for _, s := range severity {
			if s == code {
				found++
			}
		}
		if found != 1 {
			t.Errorf("code %d is %d times in the order", code, found)
		}
	}
	for _, test := range []struct {
		codes []int
		want  int
	}{
		{[]int{0, 0}, 0}, {[]int{0, 10}, 10}, {[]int{10, 5, 0}, 5}, {[]int{5, 3}, 3}, {[]int{5, 4, 3}, 4}, {[]int{4, 2}, 2}, {[]int{4, 6, 1}, 6}, {[]int{6, 130}, 130}, {[]int{7, 5}, 7},
	} {
		f := &fleet{env: &env{}, cmd: newRoot(&env{Streams: &out.Streams{}})}
		for _, c := range test.codes {
			f.results = append(f.results, tenantResult{tenant: &config.Tenant{Name: "t"}, code: c})
		}
		if got := codeOf(t.Context(), f.verdict()); got != test.want {
			t.Errorf("%v end with %d, want %d", test.codes, got, test.want)
		}
	}
}

// A tenant sees its own variables and those of nobody.
func TestFleet_Environment(t *testing.T) {
	t.Setenv("CONTOSO_AZURE_CLIENT_SECRET", "a")
	t.Setenv("CONTOSO_EU_AZURE_CLIENT_SECRET", "b")
	t.Setenv("NOBODYS_VARIABLE", "c")
	tenants := []config.Tenant{{Name: "contoso", EnvPrefix: "CONTOSO_"}, {Name: "eu", EnvPrefix: "CONTOSO_EU_"}, {Name: "none"}}
	for i, want := range []string{"CONTOSO_AZURE_CLIENT_SECRET=a NOBODYS_VARIABLE=c", "CONTOSO_EU_AZURE_CLIENT_SECRET=b NOBODYS_VARIABLE=c", "NOBODYS_VARIABLE=c"} {
		var seen []string
		for _, v := range environment(tenants, &tenants[i]) {
			if strings.HasPrefix(v, "CONTOSO_") || strings.HasPrefix(v, "NOBODYS_") {
				seen = append(seen, v)
			}
		}
		if got := strings.Join(seen, " "); got != want {
			t.Errorf("%s sees %s, want %s", tenants[i].Name, got, want)
		}
	}
}

// What config show shows of an address has no secret in it, well formed or not.
func TestShown(t *testing.T) {
	for _, test := range []struct{ key, value, want string }{
		{"patience", "20m", "20m"},
		{"db", "100%.db", "100%.db"},
		{"graph-endpoint", "https://ann:s3cret@graph.example/v1.0?sig=s3cret#s3cret", "https://graph.example/v1.0"},
		{"graph-endpoint", "https://ann:s3cret%zz@graph.example", "(not an address)"},
		{"graph-endpoint", "https://ann:s3 cret@[graph.example", "(not an address)"},
		{"notify", "https://hooks.example/s3cret", "https://hooks.example/..."},
	} {
		if got := shown(test.key, test.value); got != test.want {
			t.Errorf("%s: %q, want %q", test.key, got, test.want)
		}
	}
}
