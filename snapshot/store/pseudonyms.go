package store

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// pseudonyms call people by names that mean nothing outside this database: the
// same for a person in every report, and made with a key that stays here. People
// are the tenant's users, present and past, and whoever else an attribution names
// as a person.
type pseudonyms struct {
	key   []byte
	known map[string]string   // whom an object id, a UPN or an address means; in lower case
	names map[string]string   // whom a display name means, as it is written
	first map[string][]string // the names that begin with a word, the longest first
	apps  map[string]bool     // names of applications

	back func() map[string]string // whom a pseudonym means
}

// Pseudonymize makes the history call people by pseudonyms from now on.
// Departments, groups and applications keep their names, less the people in them.
func (h *History) Pseudonymize(ctx context.Context) error {
	p := &pseudonyms{known: map[string]string{}, names: map[string]string{}, first: map[string][]string{}, apps: map[string]bool{}}
	if err := h.tx.QueryRowContext(ctx, "SELECT key FROM pseudonym_key").Scan(&p.key); err != nil {
		return fmt.Errorf("read the key of the pseudonyms: %w", engine.Classify(err))
	}
	err := engine.EachRow(ctx, h.tx, `
		SELECT DISTINCT u.object_id, v.name, v.upn, coalesce(v.mail, '') FROM user u JOIN user_version v ON v.user_id = u.id`,
		nil, func(values []any) error {
			text := func(i int) string { s, _ := values[i].(string); return s }
			p.learn(string(engine.UserID(values[0])), text(1), text(2), text(3))
			return nil
		})
	if err != nil {
		return fmt.Errorf("read who is to get a pseudonym: %w", err)
	}
	actors, err := h.Actors(ctx)
	if err != nil {
		return err
	}
	for _, a := range actors {
		p.learnActor(a)
	}
	for _, names := range p.first {
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	}
	p.back = sync.OnceValue(func() map[string]string {
		people := make(map[string]string, len(p.known))
		for _, who := range p.known {
			people[p.pseudonym(who)] = who
		}
		return people
	})
	h.pseudonyms, h.named, h.shared = p, h.groups, &shared{all: map[sharedKey]*sharedValue{}}
	h.groups = make(map[snapshot.GroupID]string, len(h.named))
	for id, name := range h.named {
		h.groups[id] = p.text(name)
	}
	for _, r := range h.Runs {
		r.Error = p.text(r.Error)
		for i := range r.Warnings {
			r.Warnings[i].Message = p.text(r.Warnings[i].Message)
		}
	}
	return nil
}

// learn notes how a person is called.
func (p *pseudonyms) learn(who, name string, addresses ...string) {
	p.known[strings.ToLower(who)] = who
	for _, address := range addresses {
		if address != "" {
			p.known[strings.ToLower(address)] = who
		}
	}
	if name = strings.TrimSpace(name); name == "" || p.names[name] != "" {
		return
	}
	p.names[name] = who
	if word := firstWord(name); word != "" {
		p.first[word] = append(p.first[word], name)
	}
}

// learnActor notes how somebody is called who did something, and need not be a
// user: a partner's administrator, or one who was gone before tracking began.
func (p *pseudonyms) learnActor(a snapshot.Actor) {
	if a.Kind != snapshot.ActorUser {
		p.apps[a.Name] = true
		return
	}
	if a.ClientAppID != "" {
		p.apps[a.ClientApp] = true
	}
	if who := p.who(a); who != "" {
		p.learn(who, a.Name, a.ID, a.UPN)
	}
}

// who is the key of the person behind an actor; "" where nobody is named.
func (p *pseudonyms) who(a snapshot.Actor) string {
	for _, word := range []string{a.ID, a.UPN} {
		if who, ok := p.known[strings.ToLower(word)]; ok {
			return who
		}
	}
	if who, ok := p.names[a.Name]; ok && a.ID == "" && a.UPN == "" {
		return who
	}
	return strings.ToLower(cmp.Or(a.ID, a.UPN, a.Name))
}

// Named is the same history with people under their names, for rules that go by
// names. What they find is to be concealed with [History.Conceal].
func (h *History) Named() *History {
	named := *h
	if h.pseudonyms != nil {
		named.pseudonyms, named.groups, named.shared = nil, h.named, &shared{all: map[sharedKey]*sharedValue{}}
	}
	return &named
}

// Pseudonymous reports whether people go by pseudonyms.
func (h *History) Pseudonymous() bool { return h.pseudonyms != nil }

// Conceal leaves of a user under their name what reports group by, and a
// pseudonym. It does nothing while people go by their names.
func (h *History) Conceal(u *snapshot.User) { h.pseudonyms.user(u) }

// ConcealText replaces addresses and the ids of users in a sentence, unless people
// go by their names.
func (h *History) ConcealText(sentence string) string {
	return h.pseudonyms.text(sentence)
}

// of is the pseudonym of whoever goes by a word: an object id or an address.
func (p *pseudonyms) pseudonym(word string) string {
	who, ok := p.known[strings.ToLower(word)]
	if !ok {
		who = word
	}
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(strings.ToLower(who)))
	return "user-" + strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil)))[:12]
}

// user leaves of a user what reports group by.
func (p *pseudonyms) user(u *snapshot.User) {
	if p == nil {
		return
	}
	name := p.pseudonym(string(u.ID))
	u.ID = snapshot.UserID(name)
	u.Attributes = snapshot.Attributes{UPN: name, Department: p.text(u.Department), Enabled: u.Enabled, Type: u.Type,
		UsageLocation: u.UsageLocation, Company: p.text(u.Company), Country: u.Country, Kept: u.Kept.Map(p.text)}
}

// change leaves no name of a person in a change.
func (p *pseudonyms) change(c *ChangeRow) {
	if p == nil {
		return
	}
	a := &c.Attribution
	a.Reason = p.text(a.Reason)
	p.actor(a.Actor)
	p.actor(viaActor(a.Via))
	for i := range a.Evidence {
		a.Evidence[i].ID = p.text(a.Evidence[i].ID)
	}
	if c.Person != nil {
		p.user(&c.Person.User)
		c.User = c.Person.ID
	}
}

func viaActor(v *snapshot.Via) *snapshot.Actor {
	if v == nil {
		return nil
	}
	return v.Actor
}

func (p *pseudonyms) actor(a *snapshot.Actor) {
	if a == nil {
		return
	}
	if a.Kind != snapshot.ActorUser {
		a.Name = p.text(a.Name)
		return
	}
	if !p.isApp(a.ClientApp, a.ClientAppID) {
		a.ClientApp = ""
	}
	a.ClientApp = p.text(a.ClientApp)
	if who := p.who(*a); who != "" {
		name := p.pseudonym(who)
		a.ID, a.UPN, a.Name = name, name, ""
	}
}

// ofMicrosoft is how the applications are called through which people administer
// a tenant. A user agent has a slash behind its product's name.
var ofMicrosoft = regexp.MustCompile(`(?i)\b(microsoft|azure|office 365|entra|graph|powershell|portal|admin center)\b|/`)

// isApp reports whether the application behind a person is evidently one. Records
// have the display name of the person in its place at times, which of somebody
// who is no user of the tenant nothing else shows.
func (p *pseudonyms) isApp(name, id string) bool {
	return id != "" || p.names[name] == "" && (p.apps[name] || ofMicrosoft.MatchString(name))
}

// someone finds addresses and object ids in a text. An apostrophe may be part of
// an address, and may quote it: see [pseudonyms.address].
var someone = regexp.MustCompile(`[^\s"<>(),;:=|\[\]{}]+@[^\s"'<>(),;:]*[\pL\pN]|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)

// text replaces people in a text: their object ids, addresses and display names.
// All that is printed under pseudonyms goes through it.
func (p *pseudonyms) text(sentence string) string {
	if p == nil || sentence == "" {
		return sentence
	}
	sentence = someone.ReplaceAllStringFunc(sentence, func(word string) string {
		if strings.Contains(word, "@") {
			return p.address(word)
		}
		if _, known := p.known[strings.ToLower(word)]; known {
			return p.pseudonym(word)
		}
		return word // a group, a SKU
	})
	return p.displayNames(sentence)
}

// address replaces an address that may have a quote, a bracket or a word before
// it: the longest part that is somebody's, or else all from the first letter on.
func (p *pseudonyms) address(word string) string {
	local := strings.LastIndexByte(word, '@')
	for i, r := range word[:local] {
		at := i
		if i > 0 {
			if letter(r) {
				continue
			}
			at = i + utf8.RuneLen(r)
		}
		if _, known := p.known[strings.ToLower(word[at:])]; known {
			return word[:at] + p.pseudonym(word[at:])
		}
	}
	rest := strings.TrimLeftFunc(word, func(r rune) bool { return !letter(r) })
	return word[:len(word)-len(rest)] + p.pseudonym(rest)
}

// shortestName is that of a display name of one word which is looked for in
// texts: shorter ones are part of too much.
const shortestName = 4

// displayNames replaces display names that stand by themselves in a text.
func (p *pseudonyms) displayNames(text string) string {
	var b strings.Builder
	before := ' '
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if letter(r) && !letter(before) {
			if name := p.nameAt(text[i:]); name != "" {
				b.WriteString(p.pseudonym(p.names[name]))
				i += len(name)
				before, _ = utf8.DecodeLastRuneInString(name)
				continue
			}
		}
		b.WriteString(text[i : i+size])
		i, before = i+size, r
	}
	return b.String()
}

// nameAt is the longest display name that a text begins with; "" for none.
func (p *pseudonyms) nameAt(text string) string {
	for _, name := range p.first[firstWord(text)] {
		rest, ok := strings.CutPrefix(text, name)
		next, _ := utf8.DecodeRuneInString(rest)
		if ok && (rest == "" || !letter(next)) && (len(name) >= shortestName || strings.ContainsRune(name, ' ')) {
			return name
		}
	}
	return ""
}

// firstWord is the letters and digits that a text begins with.
func firstWord(text string) string {
	if i := strings.IndexFunc(text, func(r rune) bool { return !letter(r) }); i >= 0 {
		return text[:i]
	}
	return text
}

func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// UserByPseudonym finds the user whom a pseudonym means; ok is false where people
// go by their names, and where it means nobody.
func (h *History) UserByPseudonym(ctx context.Context, name string) (p Person, ok bool, err error) {
	if h.pseudonyms == nil {
		return p, false, nil
	}
	who, ok := h.pseudonyms.back()[name]
	if !ok {
		return p, false, nil
	}
	return h.UserByID(ctx, snapshot.UserID(who))
}
