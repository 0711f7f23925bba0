package near

import "testing"

func TestWord(t *testing.T) {
	words := []string{"patience", "tenant", "db", "cloud"}
	for _, test := range []struct{ word, want string }{
		{"patience", "patience"},
		{"patiance", "patience"},
		{"Tenent", "tenant"},
		{"clou", "cloud"},
		{"dbs", "db"},
		{"something-else", ""},
		{"", "db"},
	} {
		if got := Word(test.word, words); got != test.want {
			t.Errorf("Word(%q) = %q, want %q", test.word, got, test.want)
		}
	}
}
