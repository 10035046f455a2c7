package storetest

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// Gather returns the values of metrics by their names and labels, as in name{label="value"}. A histogram has two values,
// name_count and name_sum.
func Gather(t testing.TB, collectors []prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collectors...)
	families, err := registry.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, family := range families {
		require.NotEmpty(t, family.GetHelp(), family.GetName())
		for _, metric := range family.GetMetric() {
			labels := ""
			for _, label := range metric.GetLabel() {
				labels += fmt.Sprintf("{%s=%q}", label.GetName(), label.GetValue()) // no metric has two
			}
			if histogram := metric.GetHistogram(); histogram != nil {
				values[family.GetName()+"_count"+labels] = float64(histogram.GetSampleCount())
				values[family.GetName()+"_sum"+labels] = histogram.GetSampleSum()
				continue
			}
			values[family.GetName()+labels] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
		}
	}
	return values
}
