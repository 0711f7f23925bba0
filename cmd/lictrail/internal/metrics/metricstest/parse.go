// Package metricstest reads the text format of Prometheus with Prometheus' own
// parser, and asks for what it leaves open: see [Parse].
package metricstest

import (
	"fmt"
	"math"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Parse returns every sample by its name and labels, as written. Each name must
// have a HELP and a TYPE line, gauge or counter, and a classic name that every
// collector takes; no sample may be there twice or be no number.
func Parse(text string) (map[string]float64, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	samples := map[string]float64{}
	for name, family := range families {
		if family.GetHelp() == "" {
			return nil, fmt.Errorf("%s has no HELP", name)
		}
		for _, m := range family.GetMetric() {
			v, err := value(family.GetType(), m)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			sample := name + labels(m.GetLabel())
			if _, twice := samples[sample]; twice {
				return nil, fmt.Errorf("%s is there twice", sample)
			}
			samples[sample] = v
		}
	}
	return samples, nil
}

func value(kind dto.MetricType, m *dto.Metric) (float64, error) {
	var v float64
	switch kind {
	case dto.MetricType_GAUGE:
		v = m.GetGauge().GetValue()
	case dto.MetricType_COUNTER:
		v = m.GetCounter().GetValue()
	default:
		return 0, fmt.Errorf("its type is %v", kind)
	}
	if math.IsNaN(v) {
		return 0, fmt.Errorf("a sample is no number")
	}
	return v, nil
}

// labels writes a set of labels as the format does.
func labels(pairs []*dto.LabelPair) string {
	if len(pairs) == 0 {
		return ""
	}
	var texts []string
	for _, p := range pairs {
		texts = append(texts, p.GetName()+`="`+strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(p.GetValue())+`"`)
	}
	return "{" + strings.Join(texts, ",") + "}"
}
