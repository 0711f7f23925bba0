// Package metrics writes figures in the text format of Prometheus, as the
// textfile collector of node_exporter reads it
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
package metrics

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Gauge is a figure that goes up and down, once or by labels.
type Gauge struct {
	Name    string // letters, digits and _
	Help    string
	Samples []Sample
}

// Sample is one value.
type Sample struct {
	Labels []Label
	Value  float64
}

// Label distinguishes samples of one name.
type Label struct{ Name, Value string }

// Write writes gauges that have samples, each after what it means. The labels
// in common stand before a sample's own.
func Write(w io.Writer, common []Label, gauges []Gauge) error {
	b := bufio.NewWriter(w)
	for _, g := range gauges {
		if len(g.Samples) == 0 {
			continue
		}
		fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s gauge\n", g.Name, helpEscapes.Replace(g.Help), g.Name)
		for _, s := range g.Samples {
			fmt.Fprintf(b, "%s%s %s\n", g.Name, labels(common, s.Labels), strconv.FormatFloat(s.Value, 'f', -1, 64))
		}
	}
	return b.Flush() // which has the error of any write before
}

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func labels(sets ...[]Label) string {
	var all []string
	for _, set := range sets {
		for _, l := range set {
			all = append(all, l.Name+`="`+labelEscapes.Replace(strings.ToValidUTF8(l.Value, "\ufffd"))+`"`)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "{" + strings.Join(all, ",") + "}"
}

// Value finds the first value of a name in a text of this form; ok is false
// where there is none.
func Value(text []byte, name string) (v float64, ok bool) {
	for _, line := range strings.Split(string(text), "\n") {
		rest, found := strings.CutPrefix(line, name)
		if !found || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		if v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64); err == nil {
			return v, true
		}
	}
	return 0, false
}
