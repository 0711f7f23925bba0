package store

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"

	"lictrail/snapshot"
)

// pseudonyms call people by names that mean nothing outside this database: the
// same for a person in every report, and made with a key that stays here.
type pseudonyms struct {
	key   []byte
	known map[string]snapshot.UserID // by object id, and by UPN and address in lower case
}

// Pseudonymize makes the history call people by pseudonyms from now on.
// Departments, groups and applications keep their names.
func (h *History) Pseudonymize(ctx context.Context) error {
	p := &pseudonyms{known: map[string]snapshot.UserID{}}
	if err := h.tx.QueryRowContext(ctx, "SELECT key FROM pseudonym_key").Scan(&p.key); err != nil {
		return fmt.Errorf("read the key of the pseudonyms: %w", classify(err))
	}
	err := eachRow(ctx, h.tx, `
		SELECT DISTINCT u.object_id, lower(v.upn), lower(coalesce(v.mail, '')) FROM user u JOIN user_version v ON v.user_id = u.id`,
		nil, func(values []any) error {
			id := userID(values[0])
			p.known[string(id)] = id
			for _, v := range values[1:] {
				if address, _ := v.(string); address != "" {
					p.known[strings.ToLower(address)] = id
				}
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("read who is to get a pseudonym: %w", err)
	}
	h.pseudonyms = p
	return nil
}

// Named is the same history with people under their names, for rules that go by
// names. What they find is to be concealed with [History.Conceal].
func (h *History) Named() *History {
	named := *h
	named.pseudonyms = nil
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
	if h.pseudonyms == nil {
		return sentence
	}
	return h.pseudonyms.text(sentence)
}

// of is the pseudonym of whoever goes by a word: an object id or an address.
func (p *pseudonyms) of(word string) string {
	word = strings.ToLower(word)
	if id, ok := p.known[word]; ok {
		word = string(id)
	}
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(word))
	return "user-" + strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil)))[:12]
}

// user leaves of a user what reports group by.
func (p *pseudonyms) user(u *snapshot.User) {
	if p == nil {
		return
	}
	name := p.of(string(u.ID))
	u.ID = snapshot.UserID(name)
	u.Attributes = snapshot.Attributes{UPN: name, Department: u.Department, Enabled: u.Enabled, Type: u.Type,
		UsageLocation: u.UsageLocation, Company: u.Company, Country: u.Country}
}

// change leaves no name of a person in a change.
func (p *pseudonyms) change(c *ChangeRow) {
	if p == nil {
		return
	}
	a := &c.Attribution
	a.Reason = p.text(a.Reason, a.Actor, viaActor(a.Via))
	for _, actor := range []*snapshot.Actor{a.Actor, viaActor(a.Via)} {
		p.actor(actor)
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
	if a == nil || a.Kind != snapshot.ActorUser {
		return
	}
	for _, word := range []string{a.ID, a.UPN, a.Name} {
		if word != "" {
			name := p.of(word)
			a.ID, a.UPN, a.Name = name, name, ""
			return
		}
	}
}

// someone finds addresses and object ids in a sentence.
var someone = regexp.MustCompile(`[^\s"'<>(),;:]+@[^\s"'<>(),;:]*[\pL\pN]|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)

// text replaces addresses, the ids of users and the names of actors.
func (p *pseudonyms) text(sentence string, actors ...*snapshot.Actor) string {
	for _, a := range actors {
		if a != nil && a.Kind == snapshot.ActorUser && a.Name != "" {
			sentence = strings.ReplaceAll(sentence, a.Name, p.of(cmp.Or(a.ID, a.UPN, a.Name)))
		}
	}
	return someone.ReplaceAllStringFunc(sentence, func(word string) string {
		_, known := p.known[strings.ToLower(word)]
		if !known && !strings.Contains(word, "@") {
			return word // a group, a SKU
		}
		return p.of(word)
	})
}
