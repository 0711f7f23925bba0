package store

import (
	"strings"
	"testing"

	"lictrail/snapshot"
)

// TestPseudonyms_Text: whoever is meant by an id, an address or a name has one
// pseudonym in every text, and nothing else is replaced.
func TestPseudonyms_Text(t *testing.T) {
	p := &pseudonyms{key: []byte("key"), known: map[string]string{}, names: map[string]string{}, first: map[string][]string{}, apps: map[string]bool{}}
	const ann, group = "11111111-0000-0000-0000-000000000001", "99999999-0000-0000-0000-000000000001"
	p.learn(ann, "Ann O'Hara", "ann.o'hara@contoso.com", "ann@contoso.com")
	p.learnActor(snapshot.Actor{Kind: snapshot.ActorUser, ID: "22222222-0000-0000-0000-000000000002", UPN: "Tech@partner.com", Name: "Theo Tech"})
	p.learnActor(snapshot.Actor{Kind: snapshot.ActorUser, UPN: "ANN@contoso.com", Name: "Annie"})
	a, tech, other := p.pseudonym(ann), p.pseudonym("22222222-0000-0000-0000-000000000002"), p.pseudonym("bob@contoso.com")
	if a == tech || a == other || tech == other {
		t.Fatal("two people have one pseudonym")
	}
	for _, c := range []struct{ text, want string }{
		{"by ann.o'hara@contoso.com (Ann O'Hara)", "by " + a + " (" + a + ")"},
		{"by ANN@CONTOSO.com's rule", "by " + a + "'s rule"},
		{"-in ['ann@contoso.com','bob@contoso.com']", "-in ['" + a + "','" + other + "']"},
		{"Ann O'Hara's team, Annie and Annies", a + "'s team, " + a + " and Annies"},
		{"id " + strings.ToUpper(ann) + " of " + group, "id " + a + " of " + group},
		{"22222222-0000-0000-0000-000000000002, tech@partner.com, Theo Tech", tech + ", " + tech + ", " + tech},
		{"mail=bob@contoso.com; [bob@contoso.com]", "mail=" + other + "; [" + other + "]"},
		{"nobody: Microsoft 365 E3, ann at contoso.com", "nobody: Microsoft 365 E3, ann at contoso.com"},
		{"", ""},
	} {
		if got := p.text(c.text); got != c.want {
			t.Errorf("%q\nbecame %q\nwant   %q", c.text, got, c.want)
		}
	}
}

// TestPseudonyms_ClientApp: the application behind a person is kept where it is
// evidently one.
func TestPseudonyms_ClientApp(t *testing.T) {
	p := &pseudonyms{key: []byte("key"), known: map[string]string{}, names: map[string]string{}, first: map[string][]string{}, apps: map[string]bool{}}
	p.learn("u", "Portal Peter")
	p.learnActor(snapshot.Actor{Kind: snapshot.ActorApp, Name: "Joiner"})
	for _, c := range []struct{ app, id, want string }{
		{"Microsoft 365 admin center", "", "Microsoft 365 admin center"}, {"Azure Portal", "", "Azure Portal"}, {"Mozilla/5.0 (X)", "", "Mozilla/5.0 (X)"},
		{"Joiner", "", "Joiner"}, {"Something", "33333333-0000-0000-0000-000000000003", "Something"},
		{"Patricia Example", "", ""}, {"Portal Peter", "", ""}, {"Portal Peter", "33333333-0000-0000-0000-000000000003", p.pseudonym("u")}, {"", "", ""},
	} {
		a := snapshot.Actor{Kind: snapshot.ActorUser, ID: "x", ClientApp: c.app, ClientAppID: c.id}
		if p.actor(&a); a.ClientApp != c.want || a.ID != p.pseudonym("x") || a.Name != "" {
			t.Errorf("%q, %q: %+v, want %q", c.app, c.id, a, c.want)
		}
	}
}
