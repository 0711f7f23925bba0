// Package metricstest reads the text format of Prometheus, as strictly as its
// description has it: what it takes, every collector takes.
package metricstest

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*`)
)

// Parse returns every sample by its name and labels, as written. Each name must
// have one HELP and one TYPE line, before its samples, which stand together.
func Parse(text string) (map[string]float64, error) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line does not end")
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("not UTF-8")
	}
	p := parser{samples: map[string]float64{}, help: map[string]bool{}, kind: map[string]bool{}, over: map[string]bool{}}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d, %q: %w", i+1, line, err)
		}
	}
	return p.samples, nil
}

type parser struct {
	samples          map[string]float64
	help, kind, over map[string]bool
	name             string // of the samples now
}

func (p *parser) line(line string) error {
	if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
		name, text, _ := strings.Cut(rest, " ")
		if p.help[name] || p.over[name] || metricName.FindString(name) != name || text == "" {
			return fmt.Errorf("no HELP for a new name")
		}
		if strings.Contains(strings.NewReplacer(`\\`, "", `\n`, "").Replace(text), `\`) {
			return fmt.Errorf("a wrong escape")
		}
		p.help[name] = true
		return nil
	}
	if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
		name, kind, _ := strings.Cut(rest, " ")
		if p.kind[name] || p.over[name] || !p.help[name] || kind != "gauge" && kind != "counter" {
			return fmt.Errorf("no TYPE for a new name with HELP")
		}
		p.kind[name] = true
		return nil
	}
	name := metricName.FindString(line)
	if name == "" || !p.kind[name] {
		return fmt.Errorf("a sample of no name with HELP and TYPE")
	}
	if name != p.name {
		if p.over[name] {
			return fmt.Errorf("the samples of %s do not stand together", name)
		}
		p.name, p.over[name] = name, true
	}
	labels, rest, err := labelSet(line[len(name):])
	if err != nil {
		return err
	}
	value, ok := strings.CutPrefix(rest, " ")
	v, err := strconv.ParseFloat(value, 64)
	if !ok || err != nil || math.IsNaN(v) {
		return fmt.Errorf("%q is no value", rest)
	}
	if _, twice := p.samples[name+labels]; twice {
		return fmt.Errorf("%s%s is there already", name, labels)
	}
	p.samples[name+labels] = v
	return nil
}

// labelSet takes the labels off the beginning of a text.
func labelSet(text string) (labels, rest string, err error) {
	if !strings.HasPrefix(text, "{") {
		return "", text, nil
	}
	at, seen := 1, map[string]bool{}
	for {
		name := labelName.FindString(text[at:])
		if name == "" || seen[name] {
			return "", "", fmt.Errorf("no new label at %q", text[at:])
		}
		seen[name] = true
		at += len(name)
		if !strings.HasPrefix(text[at:], `="`) {
			return "", "", fmt.Errorf("no value at %q", text[at:])
		}
		for at += 2; ; at++ {
			switch {
			case at >= len(text):
				return "", "", fmt.Errorf("a label does not end")
			case text[at] == '\\' && at+1 < len(text) && strings.ContainsRune(`\"n`, rune(text[at+1])):
				at++
				continue
			case text[at] == '\\':
				return "", "", fmt.Errorf("a wrong escape")
			case text[at] != '"':
				continue
			}
			break
		}
		at++
		switch {
		case strings.HasPrefix(text[at:], ","):
			at++
		case strings.HasPrefix(text[at:], "}"):
			return text[:at+1], text[at+1:], nil
		default:
			return "", "", fmt.Errorf("neither , nor } at %q", text[at:])
		}
	}
}
