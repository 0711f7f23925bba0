// Package rules reads the file in which an organization keeps its rules for
// reclaiming seats, and its prices. What is wrong with the file is reported with
// the line and what to write instead; nothing in it is passed over.
package rules

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"lictrail/cmd/lictrail/internal/near"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
)

// Template is a file with every rule at its default, and comments.
//
//go:embed reclaim.toml
var Template []byte

// File is the file as written: users, groups and SKUs are words of people.
type File struct {
	Days    reclaim.Days
	Off     []reclaim.Rule
	SKUs    []SKU
	Marks   []reclaim.Mark
	Exclude []Exclusion
	Prices  []Price
	Watch   []Watched
}

// Watched is a service plan that matters, wherever it is switched off.
type Watched struct {
	Line int
	Plan string
}

// SKU is what differs for one SKU.
type SKU struct {
	Line int
	SKU  string
	Days reclaim.Days
	Free bool
}

// Exclusion keeps seats. Line is where it stands; 0 when that is not known.
type Exclusion struct {
	Line                         int
	User, Group, Department, SKU string
	Reason                       string
	Until                        *snapshot.Day // nil: no end
}

// Price is what a seat costs a month from a day on.
type Price struct {
	Line  int
	SKU   string
	From  snapshot.Day
	Month reclaim.Money
}

// Own is the file of rules for one database alone: NAME.reclaim.toml for NAME.db.
func Own(db string) string { return strings.TrimSuffix(db, filepath.Ext(db)) + ".reclaim.toml" }

// Beside is the file of rules that holds for a database where none is named: its
// own, or else reclaim.toml in its folder, for all databases there.
func Beside(db string) string {
	if own := Own(db); exists(own) {
		return own
	}
	return filepath.Join(filepath.Dir(db), "reclaim.toml")
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return !errors.Is(err, fs.ErrNotExist)
}

// Default is what holds without a file: the template's rules.
func Default() *File {
	f, err := Parse("the built-in rules", Template)
	if err != nil {
		panic(err) // a test reads the template
	}
	return f
}

// Error is something wrong in a file.
type Error struct {
	File    string
	Line    int // 0 when not known
	Message string
	Hint    string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	}
	return fmt.Sprintf("%s, line %d: %s", e.File, e.Line, e.Message)
}

// wireFile is the file as TOML has it. Keys that may be left out are pointers.
type wireFile struct {
	Days struct {
		NeverUsed *int `toml:"never-used"`
		Held      *int `toml:"held"`
		Idle      *int `toml:"idle"`
	} `toml:"days"`
	Rules   map[string]bool     `toml:"rules"`
	Marks   map[string][]string `toml:"marks"`
	SKUs    []wireSKU           `toml:"sku"`
	Exclude []wireExclusion     `toml:"exclude"`
	Prices  []wirePrice         `toml:"price"`
	Watch   struct {
		Plans []string `toml:"plans"`
	} `toml:"watch"`
}

type wireSKU struct {
	SKU       string `toml:"sku"`
	NeverUsed *int   `toml:"never-used"`
	Held      *int   `toml:"held"`
	Idle      *int   `toml:"idle"`
	Free      bool   `toml:"free"`
}

type wireExclusion struct {
	User       string `toml:"user"`
	Group      string `toml:"group"`
	Department string `toml:"department"`
	SKU        string `toml:"sku"`
	Reason     string `toml:"reason"`
	Until      any    `toml:"until"`
}

type wirePrice struct {
	SKU      string `toml:"sku"`
	Amount   any    `toml:"amount"`
	Currency string `toml:"currency"`
	Per      string `toml:"per"`
	From     any    `toml:"from"`
}

// markWords are the keys of [marks].
var markWords = map[string]reclaim.MarkKind{
	"rooms": reclaim.Room, "shared-mailboxes": reclaim.SharedMailbox, "service-accounts": reclaim.Service,
}

// Parse reads a file. Errors are *Error.
func Parse(name string, data []byte) (*File, error) {
	var w wireFile
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&w); err != nil {
		return nil, explain(name, err)
	}
	p := &parser{name: name, data: data, wire: &w, file: &File{Days: reclaim.DefaultDays}}
	for _, step := range []func() error{p.days, p.rules, p.marks, p.skus, p.exclusions, p.prices, p.watch} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return p.file, nil
}

// explain turns what the TOML reader says into one line.
func explain(name string, err error) *Error {
	strict, wrong := (*toml.StrictMissingError)(nil), (*toml.DecodeError)(nil)
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		first := &strict.Errors[0]
		line, _ := first.Position()
		key := first.Key()
		e := &Error{File: name, Line: line, Message: fmt.Sprintf("unknown key %q", strings.Join(key, "."))}
		if meant := near.Word(key[len(key)-1], keyWords); meant != "" {
			e.Hint = fmt.Sprintf("write %s", meant)
		}
		return e
	case errors.As(err, &wrong):
		line, _ := wrong.Position()
		message := strings.TrimPrefix(wrong.Error(), "toml: ")
		if m := wrongKind.FindStringSubmatch(message); m != nil {
			message = fmt.Sprintf("%s is a %s, want %s", strings.Join(wrong.Key(), "."), m[1], m[2])
		}
		return &Error{File: name, Line: line, Message: message}
	}
	return &Error{File: name, Message: err.Error()}
}

// wrongKind is how the TOML reader says that a value is of another kind.
var wrongKind = regexp.MustCompile(`^cannot decode TOML (\w+) into .* of type (\S+)$`)

// keyWords are all keys that a file may have.
var keyWords = []string{"days", "never-used", "held", "idle", "rules", "marks", "sku", "free", "exclude", "user", "group",
	"department", "reason", "until", "price", "amount", "currency", "per", "from", "watch", "plans"}

type parser struct {
	name string
	data []byte
	wire *wireFile
	file *File
}

// wrong reports what is wrong in the n-th table of a name, from 0.
func (p *parser) wrong(table string, n int, hint, format string, args ...any) error {
	return &Error{File: p.name, Line: p.line(table, n), Message: fmt.Sprintf(format, args...), Hint: hint}
}

// line finds the heading of a table; 0 when there is none, as in a file that
// writes tables in another way.
func (p *parser) line(table string, n int) int {
	heading := regexp.MustCompile(`^\s*\[\[?\s*` + regexp.QuoteMeta(table) + `\s*\]`)
	for i, line := range bytes.Split(p.data, []byte("\n")) {
		if !heading.Match(line) {
			continue
		}
		if n == 0 {
			return i + 1
		}
		n--
	}
	return 0
}

// maxDays is more than anybody has held a license for.
const maxDays = 10_000

// set replaces a default by what a file says.
func (p *parser) set(d *int, given *int, table string, n int, name string) error {
	if given == nil {
		return nil
	}
	if *given < 1 || *given > maxDays {
		return p.wrong(table, n, "", "%s = %d: want a number of days from 1 to %d", name, *given, maxDays)
	}
	*d = *given
	return nil
}

func (p *parser) days() error {
	d := &p.wire.Days
	return cmp.Or(p.set(&p.file.Days.NeverUsed, d.NeverUsed, "days", 0, "never-used"),
		p.set(&p.file.Days.Held, d.Held, "days", 0, "held"), p.set(&p.file.Days.Idle, d.Idle, "days", 0, "idle"))
}

func (p *parser) rules() error {
	for _, word := range sortedKeys(p.wire.Rules) {
		if !slices.Contains(reclaim.Rules, reclaim.Rule(word)) {
			return p.wrong("rules", 0, suggest(word, reclaim.Rules), "unknown rule %q", word)
		}
		if !p.wire.Rules[word] {
			p.file.Off = append(p.file.Off, reclaim.Rule(word))
		}
	}
	return nil
}

func (p *parser) marks() error {
	for _, word := range sortedKeys(p.wire.Marks) {
		kind, ok := markWords[word]
		if !ok {
			return p.wrong("marks", 0, suggest(word, sortedKeys(markWords)), "unknown mark %q", word)
		}
		for _, pattern := range p.wire.Marks[word] {
			if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
				return p.wrong("marks", 0, `patterns are such as "room-*@contoso.com"`, "%q is no pattern", pattern)
			}
			p.file.Marks = append(p.file.Marks, reclaim.Mark{Kind: kind, Pattern: pattern})
		}
	}
	return nil
}

func (p *parser) skus() error {
	for i, w := range p.wire.SKUs {
		s := SKU{Line: p.line("sku", i), SKU: w.SKU, Days: p.file.Days, Free: w.Free}
		if w.SKU == "" {
			return p.wrong("sku", i, `sku = "VISIOCLIENT"`, "a table [[sku]] needs the SKU")
		}
		if err := cmp.Or(p.set(&s.Days.NeverUsed, w.NeverUsed, "sku", i, "never-used"),
			p.set(&s.Days.Held, w.Held, "sku", i, "held"), p.set(&s.Days.Idle, w.Idle, "sku", i, "idle")); err != nil {
			return err
		}
		p.file.SKUs = append(p.file.SKUs, s)
	}
	return nil
}

func (p *parser) exclusions() error {
	for i, w := range p.wire.Exclude {
		x := Exclusion{Line: p.line("exclude", i), User: w.User, Group: w.Group, Department: w.Department, SKU: w.SKU, Reason: w.Reason}
		switch {
		case w.User == "" && w.Group == "" && w.Department == "" && w.SKU == "":
			return p.wrong("exclude", i, `user, group, department or sku = "..."`, "the exclusion names nothing")
		case strings.TrimSpace(w.Reason) == "":
			return p.wrong("exclude", i, `reason = "on parental leave"`, "the exclusion has no reason")
		case w.Until == nil:
			return p.wrong("exclude", i, `until = 2026-12-31, or until = "never"`, "the exclusion has no end")
		}
		if w.Until != "never" {
			day, ok := dayOf(w.Until)
			if !ok {
				return p.wrong("exclude", i, `until = 2026-12-31, or until = "never"`, "until = %v is no date", w.Until)
			}
			x.Until = &day
		}
		p.file.Exclude = append(p.file.Exclude, x)
	}
	return nil
}

func (p *parser) watch() error {
	for _, plan := range p.wire.Watch.Plans {
		if strings.TrimSpace(plan) == "" {
			return p.wrong("watch", 0, `plans = ["M365_ADVANCED_AUDITING"]`, "a plan to watch has no name")
		}
		p.file.Watch = append(p.file.Watch, Watched{Line: p.line("watch", 0), Plan: plan})
	}
	return nil
}

func (p *parser) prices() error {
	for i, w := range p.wire.Prices {
		price := Price{Line: p.line("price", i), SKU: w.SKU, From: snapshot.DayOf(time.Unix(0, 0))}
		amount, isNumber := micros(w.Amount)
		switch {
		case w.SKU == "":
			return p.wrong("price", i, `sku = "SPE_E3"`, "the price names no SKU")
		case !isNumber:
			return p.wrong("price", i, "amount = 36.00", "amount = %v is no amount of money", w.Amount)
		case !currency.MatchString(w.Currency):
			return p.wrong("price", i, `currency = "EUR"`, "%q is no currency", w.Currency)
		}
		switch w.Per {
		case "", "month":
		case "year":
			amount = (amount + 6) / 12
		default:
			return p.wrong("price", i, `per = "month" or per = "year"`, "per = %q", w.Per)
		}
		if w.From != nil {
			var ok bool
			if price.From, ok = dayOf(w.From); !ok {
				return p.wrong("price", i, "from = 2026-01-01", "from = %v is no date", w.From)
			}
		}
		price.Month = reclaim.Money{Micros: amount, Currency: w.Currency}
		p.file.Prices = append(p.file.Prices, price)
	}
	return nil
}

var currency = regexp.MustCompile(`^[A-Z]{3}$`)

// micros reads an amount of money.
func micros(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n * 1e6, n >= 0 && n < 1e9
	case float64:
		return int64(math.Round(n * 1e6)), n >= 0 && n < 1e9
	}
	return 0, false
}

// dayOf reads a date of TOML, or one in quotes.
func dayOf(v any) (snapshot.Day, bool) {
	switch d := v.(type) {
	case toml.LocalDate:
		return snapshot.DayOf(d.AsTime(time.UTC)), true
	case string:
		t, err := time.Parse(time.DateOnly, d)
		return snapshot.DayOf(t), err == nil
	}
	return 0, false
}

func suggest[T ~string](word string, words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	if meant := near.Word(word, texts); meant != "" {
		return "write " + meant
	}
	return "one of: " + strings.Join(texts, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
