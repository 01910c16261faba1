package handler

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// The alerts in docs/production.md ask for metrics that there are, by labels that they have, and
// each says for whom it is.
func TestAlerts(t *testing.T) {
	page, err := os.ReadFile("../../docs/production.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rules, _ := strings.Cut(string(page), "```yaml\ngroups:\n  - name: rover\n    rules:\n")
	rules, _, ok := strings.Cut(rules, "```")
	if !ok {
		t.Fatal("docs/production.md has no block of rules")
	}
	byName := gather(t, busyApp(t))
	alerts := 0
	for rule := range strings.SplitSeq(strings.TrimPrefix(rules, "      - alert: "), "      - alert: ") {
		alerts++
		m := regexp.MustCompile(`^(Rover\w+)\n        expr: (.+)\n(?:        for: \d+m\n)?        annotations: \{ summary: "[^"]+" \}\n$`).FindStringSubmatch(rule)
		if m == nil {
			t.Errorf("not a rule: %q", rule)
			continue
		}
		name := metricName.FindString(m[2])
		if base, ok := strings.CutSuffix(name, "_bucket"); ok && byName[base].GetType() == dto.MetricType_HISTOGRAM {
			name = base
		}
		if byName[name] == nil {
			t.Errorf("%s: there is no metric %q", m[1], name)
			continue
		}
		if strings.Count(m[2], "(") != strings.Count(m[2], ")") || !regexp.MustCompile(` > [\d.]+$`).MatchString(m[2]) {
			t.Errorf("%s: not an expression: %s", m[1], m[2])
		}
		labels := []string{"le"}
		for _, l := range byName[name].GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		for _, used := range regexp.MustCompile(`(\w+)=~?"|by \(([^)]*)\)`).FindAllStringSubmatch(m[2], -1) {
			for _, label := range strings.Split(used[1]+used[2], ", ") {
				if !slices.Contains(labels, label) {
					t.Errorf("%s: %s has no label %q", m[1], name, label)
				}
			}
		}
	}
	if alerts < 5 {
		t.Errorf("%d alerts", alerts)
	}
}
