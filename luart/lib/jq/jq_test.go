package jq_test

import (
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/libtest"
)

func libraries() []*lib.Library { return all.Libraries() }

func TestJQ(t *testing.T) {
	vm := libtest.New(t, libraries()...)
	for _, c := range []struct{ chunk, want string }{
		{`return rover.jq.compile(".a.b"):first { a = { b = 7 } }`, "7"},
		{`return rover.jq.compile(".a"):first { b = 1 } == rover.json.null, rover.jq.compile("empty"):first {}`, "true | nil"},
		{`return rover.json.encode(rover.jq.compile(".[] | {id}"):all { { id = 1, x = 2 }, { id = rover.json.null } })`, `[{"id":1},{"id":null}]`},
		{`return #rover.jq.compile("empty"):all {}, #rover.jq.compile(".[]"):all { 1, rover.json.null, 3 }`, "0 | 3"},
		{`return rover.jq.compile("$a + $b", "a", "b"):first(rover.json.null, "x", "y")`, "xy"},
		{`return rover.jq.compile(". == $a", "a"):first("1) | error(", "1) | error(")`, "true"},
		{`rover.jq.compile("$a", "a"):first(1)`, "error: chunk:1: jq: the program has 1 variables, got 0 values"},
		{`rover.jq.compile("."):first(1, 2)`, "error: chunk:1: jq: the program has 0 variables, got 1 values"},
		{`rover.jq.compile(".", "$a")`, "error: chunk:1: bad argument #2 to compile (the name of a variable expected, without $)"},

		{`local v = rover.jq.compile(".a"):first(rover.json.decode('{"a":12345678901234567890}', { exact = true })) return tostring(v), rover.json.encode { v }`, "12345678901234567890 | [12345678901234567890]"},

		// text
		{`return rover.jq.compile("del(.p)"):text('{"n":12345678901234567890,"f":1.10,"p":1}')`, `{"f":1.10,"n":12345678901234567890}`},
		{`return rover.jq.compile(".n + 1"):text('{"n":12345678901234567890}')`, "12345678901234567891"},
		{`return rover.jq.compile("."):text("null"), rover.jq.compile("empty"):text("1")`, "null | nil"},
		{`return select(2, pcall(function() rover.jq.compile("."):text("{") end)).status`, "400"},
		{`return select(2, pcall(function() rover.jq.compile("."):text("1 2") end)).status`, "400"},
		{`return select(2, pcall(function() rover.jq.compile("."):text('{"a":1,"a":2}') end)).status`, "400"},
		{`return select(2, pcall(function() rover.jq.compile("."):text('"\255"') end)).status`, "400"},
		{`return select(2, pcall(function() rover.jq.compile("."):text("0." .. ("1"):rep(1000)) end)).message`, "invalid JSON: a number of more than 1000 digits"},
		{`return select(2, pcall(function() rover.jq.compile("."):text(("["):rep(10001)) end)).status`, "400"},

		// what a program does not see, or do
		{`return rover.jq.compile("env | length"):first(1), rover.jq.compile("$ENV | length"):first(1)`, "0 | 0"},
		{`rover.jq.compile("halt"):first(1)`, "error: chunk:1: jq: the program has called halt"},
		{`rover.jq.compile('"x" | halt_error'):first(1)`, "error: chunk:1: jq: the program has called halt"},
		{`rover.jq.compile('error("no")'):first(1)`, "error: chunk:1: jq: error: no"},
		{`rover.jq.compile(".a"):first(1)`, "error: chunk:1: jq: expected an object but got: number (1)"},
		{`rover.jq.compile("."):first(print)`, "error: chunk:1: bad argument #1 to first"},
		{`rover.jq.compile(".[")`, "error: chunk:1: bad argument #1 to compile (jq: "},
		{`rover.jq.compile(("("):rep(70000))`, "error: chunk:1: bad argument #1 to compile (a program of more than 64 KiB)"},
		{`rover.jq.compile("nofunction")`, "error: chunk:1: bad argument #1 to compile (jq: function not defined: nofunction/0"},
		{`rover.jq.compile("input")`, "error: chunk:1: bad argument #1 to compile (jq: "},
		{`rover.jq.compile('import "a" as a; .')`, "error: chunk:1: bad argument #1 to compile (jq: "},
		{`rover.jq.compile('include "a"; .')`, "error: chunk:1: bad argument #1 to compile (jq: "},
		{`rover.jq.compile("range(100001)"):all(1)`, "error: chunk:1: jq: more than 100000 results"},
		{`rover.jq.compile('"x" * 20000000'):first(1)`, "error: chunk:1: jq: a text of more than 16 MiB"},
	} {
		got, err := vm.Eval(t.Context(), c.chunk)
		if err != nil || got != c.want && !(strings.HasPrefix(c.want, "error:") && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s\n got %s, %v\nwant %s", c.chunk, got, err, c.want)
		}
	}
}
