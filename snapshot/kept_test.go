package snapshot

import (
	"encoding/json"
	"testing"
)

func TestKeptName(t *testing.T) {
	for word, want := range map[string]string{
		"cost-center": "cost-center", "costCenter": "cost-center", "DIVISION": "division",
		"extension-attribute-1": "extension-attribute-1", "extensionAttribute15": "extension-attribute-15",
		"extension-attribute-0": "", "extension-attribute-16": "", "department": "", "": "",
	} {
		if got, ok := KeptName(word); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v", word, got, ok)
		}
	}
	if len(KeptNames) != 17 {
		t.Errorf("there are %d names", len(KeptNames))
	}
}

func TestKept(t *testing.T) {
	k := KeptOf(map[string]string{"division": "", "cost-center": `A&B <"1">`})
	for _, c := range []struct {
		name, want string
		read       bool
	}{{"cost-center", `A&B <"1">`, true}, {"division", "", true}, {"extension-attribute-1", "", false}} {
		if got, read := k.Get(c.name); got != c.want || read != c.read {
			t.Errorf("%s is %q, %v", c.name, got, read)
		}
	}
	if KeptOf(nil) != "" {
		t.Error("nothing asked for is something")
	}
	if _, read := Kept("").Get("division"); read {
		t.Error("what no run was asked for was read")
	}

	// What a run reads equals what the run before has kept of it.
	text, err := json.Marshal(Attributes{Kept: k})
	if err != nil {
		t.Fatal(err)
	}
	var back Attributes
	if err := json.Unmarshal(text, &back); err != nil || back.Kept != k {
		t.Errorf("%s becomes %s, %v", k, back.Kept, err)
	}
	if text, _ := json.Marshal(Attributes{}); string(text) != `{"upn":"","name":""}` {
		t.Errorf("without any: %s", text)
	}
}
