package settings

import (
	"testing"
)

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
