package caddyfile

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func TestGlobal(t *testing.T) {
	const (
		wrongCount = "wrong argument count or unexpected line ending after "
		floor      = "a size such as 64MiB, from 4MiB to 16GiB, or off, expected: invalid syntax, at Testfile:2"
	)
	for _, test := range []struct {
		name  string
		lines []string
		json  string // "" with an error
		err   string
	}{
		{"nothing", nil, `{}`, ""},
		{"everything", []string{"admin_eval", "store redis://h {", "timeout 2s", "}", "gc_floor 256MiB"}, `{"admin_eval":true,"store":{"url":"redis://h","timeout":2000000000},"gc_floor":268435456}`, ""},
		{"no floor", []string{"gc_floor off"}, `{"gc_floor":0}`, ""},

		{"floor with a word", []string{"gc_floor on"}, "", "bad gc_floor value 'on': " + floor},
		{"floor in capitals", []string{"gc_floor OFF"}, "", "bad gc_floor value 'OFF': " + floor},
		{"floor below nothing", []string{"gc_floor -1MiB"}, "", "bad gc_floor value '-1MiB': " + floor},
		{"floor of nothing", []string{"gc_floor 0"}, "", "gc_floor 0 is out of range: 4MiB to 16GiB, or off, at Testfile:2"},
		{"floor too small", []string{"gc_floor 64"}, "", "gc_floor 64B is out of range: 4MiB to 16GiB, or off, at Testfile:2"},
		{"floor too large", []string{"gc_floor 32GiB"}, "", "gc_floor 32GiB is out of range: 4MiB to 16GiB, or off, at Testfile:2"},
		{"floor without value", []string{"gc_floor"}, "", wrongCount + "'gc_floor', at Testfile:2"},
		{"floor with two values", []string{"gc_floor 64 MiB"}, "", wrongCount + "'64', at Testfile:2"},
		{"floor with a block", []string{"gc_floor 64MiB { }"}, "", "unexpected block: of the options of the global option rover only store takes one, at Testfile:2"},
		{"eval with a value", []string{"admin_eval on"}, "", wrongCount + "'on', at Testfile:2"},
		{"a slip", []string{"admin_evl"}, "", "unrecognized subdirective 'admin_evl' of the global option rover; did you mean admin_eval?, at Testfile:2"},
		{"nothing near", []string{"eval"}, "", "unrecognized subdirective 'eval' of the global option rover; there are admin_eval, gc_floor and store, at Testfile:2"},
		{"an option of the directive", []string{"admin_eval", "memory 1MiB"}, "", "unrecognized subdirective 'memory' of the global option rover; it is an option of the rover directive, at Testfile:3"},
		{"an option of the proxy block", []string{"lean off"}, "", "unrecognized subdirective 'lean' of the global option rover; it is an option of the proxy block, at Testfile:2"},
		{"a store with a wrong option", []string{"store redis://h {", "admin_eval", "}"}, "", "unrecognized subdirective 'admin_eval' in store; it is an option of the global option rover, at Testfile:3"},
		{"a block in a store", []string{"store redis://h {", "user a {", "}", "}"}, "", "unexpected block: no option in store takes one, at Testfile:3"},
		{"floor twice", []string{"gc_floor off", "gc_floor off"}, "", "option 'gc_floor' given twice, at Testfile:3"},
		{"eval twice", []string{"admin_eval", "", "admin_eval"}, "", "option 'admin_eval' given twice, at Testfile:4"},
		{"store twice", []string{"store memory", "store memory"}, "", "option 'store' given twice, at Testfile:3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var g Global
			err := g.UnmarshalCaddyfile(caddyfile.NewTestDispenser("rover {\n" + strings.Join(test.lines, "\n") + "\n}"))
			if got := errorText(err); got != test.err {
				t.Fatalf("\n got %q\nwant %q", got, test.err)
			}
			if err != nil {
				return
			}
			if got, err := json.Marshal(g); err != nil || string(got) != test.json {
				t.Errorf("%v\n got %s\nwant %s", err, got, test.json)
			}
			if err := g.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What JSON, the Caddyfile, the grammar and the docs know is the same.
func TestGlobalOptions(t *testing.T) {
	fields := map[string]bool{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Global]()) {
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if fields[key] = true; globalOptions[key] == nil {
			t.Errorf("field %s has no option %q", field.Name, key)
		}
	}
	source, err := os.ReadFile("global.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/directive.md")
	if err != nil {
		t.Fatal(err)
	}
	_, global, _ := strings.Cut(string(page), "\n## The global option\n")
	for option := range globalOptions {
		if !fields[option] {
			t.Errorf("option %q has no field", option)
		}
		if !strings.Contains(string(source), "\n//\t    "+option) {
			t.Errorf("option %q is not in the grammar", option)
		}
		if !strings.Contains(global, "\n| `"+option+"` |") {
			t.Errorf("option %q is not in docs/directive.md", option)
		}
	}
}
