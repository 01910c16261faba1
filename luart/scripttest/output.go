package scripttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// maxOutput is how much of what a test prints and logs is kept, in bytes: a loop that prints must not
// fill the memory, nor the report.
const maxOutput = 256 << 10

// output is what a test and its script have printed and logged, in order, as text for people. Any
// goroutine may call its methods.
type output struct {
	mu      sync.Mutex
	lines   []string
	bytes   int // of lines
	dropped int // lines, that did not fit
}

// add keeps a line, if there is room.
func (o *output) add(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dropped > 0 || o.bytes+len(line) > maxOutput {
		o.dropped++
		return
	}
	o.lines, o.bytes = append(o.lines, line), o.bytes+len(line)
}

// core returns a destination for a log; what is above a level is left out.
func (o *output) core(highest zapcore.Level) zapcore.Core { return &outputCore{o: o, highest: highest} }

func (o *output) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dropped > 0 {
		return append(slices.Clone(o.lines), fmt.Sprintf("… and %d more, which are left out: a test keeps %d KiB", o.dropped, maxOutput>>10))
	}
	return slices.Clone(o.lines)
}

type outputCore struct {
	o       *output
	highest zapcore.Level
	fields  []zapcore.Field
}

// Enabled implements zapcore.Core.
func (c *outputCore) Enabled(level zapcore.Level) bool { return level <= c.highest }

// With implements zapcore.Core.
func (c *outputCore) With(fields []zapcore.Field) zapcore.Core {
	return &outputCore{c.o, c.highest, slices.Concat(c.fields, fields)}
}

// Check implements zapcore.Core.
func (c *outputCore) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return to.AddCore(e, c)
	}
	return to
}

// Write implements zapcore.Core.
func (c *outputCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.o.add(lineOf(observer.LoggedEntry{Entry: e, Context: slices.Concat(c.fields, fields)}))
	return nil
}

// Sync implements zapcore.Core.
func (c *outputCore) Sync() error { return nil }

// unprinted are the fields of log lines that say nothing in a test that others do not.
var unprinted = map[string]bool{"traceback": true, "request_id": true, "source": true, "defined_at": true}

// lineOf returns an entry of a log as text.
func lineOf(l observer.LoggedEntry) string {
	line := fmt.Sprintf("%-5s %s", l.Level, l.Message)
	fields := fieldsOf(l)
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if v := fieldText(fields[k]); !unprinted[k] && !strings.Contains(v, "\n") {
			line += fmt.Sprintf("  %s=%s", k, v)
		}
	}
	return line
}

// fieldText returns plain data as text: tables as JSON.
func fieldText(v any) string {
	switch v.(type) {
	case map[string]any, []any:
		if text, err := json.Marshal(v); err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(v)
}

// fieldsOf returns the fields of a log line as plain data.
func fieldsOf(l observer.LoggedEntry) map[string]any {
	fields := map[string]any{}
	for k, v := range l.ContextMap() {
		fields[k] = fieldValue(v)
	}
	return fields
}

func fieldValue(v any) any {
	switch v := v.(type) {
	case string, bool, float64, nil:
		return v
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, inner := range v {
			m[k] = fieldValue(inner)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, inner := range v {
			list[i] = fieldValue(inner)
		}
		return list
	case json.Marshaler: // a table that a script has logged
		var plain any
		if text, err := v.MarshalJSON(); err == nil && json.Unmarshal(text, &plain) == nil {
			return plain
		}
	}
	return fmt.Sprint(v)
}
