package jq

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/itchyny/gojq"
)

// JSON that goes through a program which changes nothing is the same JSON, and no program ends the
// process or outlives its time.
func FuzzProgram(f *testing.F) {
	f.Add(".", `{"a":[1,2.50,null,"x",12345678901234567890]}`)
	f.Add(".[] | {a}", `[{"a":1}]`)
	f.Add("def f: f; f", "1")
	f.Add(`[.[] | "\(.)" * 2] | join(",")`, `["a",1]`)
	f.Add(`.a[3] += 1 | .b *= 2`, `{"b":1}`)
	f.Add(`"x" + . * 3`, `"y"`)
	f.Fuzz(func(t *testing.T, text, data string) {
		v, err := parse([]byte(data))
		if err != nil {
			return
		}
		same, err := gojq.Marshal(v)
		if err != nil || !json.Valid(same) {
			t.Fatalf("%s: %s, %v", data, same, err)
		}
		again, err := parse(same)
		if err != nil || gojq.Compare(v, again) != 0 {
			t.Errorf("%s became %s, %v", data, same, err)
		}
		p := &program{max: DefaultMax, idle: make(chan *compiled, 1)}
		if p.read(text) != nil || len(data) > p.max {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		texts, _ := p.results(ctx, v, nil, 100)
		for _, result := range texts {
			if !json.Valid(result) || len(result) > MaxText {
				t.Errorf("%s of %s: %s", text, data, result)
			}
		}
	})
}
