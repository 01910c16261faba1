package jq

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/libtest"
)

// attacks make gigabytes of little, or take minutes, in gojq as it is. Each says what must be in its
// error; "" where it is harmless by now.
var attacks = map[string][2]string{
	"a text by a number":         {`rover.jq.compile(".fill * .n"):first { fill = "xy", n = 1.07e9 }`, "a text of more than 16 MiB"},
	"a number by a text":         {`rover.jq.compile(".n * .fill"):first { fill = "xy", n = 1.07e9 }`, "a text of more than 16 MiB"},
	"update by a number":         {`rover.jq.compile(".fill *= .n | 1"):first { fill = "xy", n = 1.07e9 }`, "a text of more than 16 MiB"},
	"an operator by its name":    {`rover.jq.compile('_multiply("x"; 1e9)')`, "names that begin with _"},
	"another multiplication":     {`rover.jq.compile('def add: 1; add')`, "needs another name"},
	"joining":                    {`rover.jq.compile('[limit(200000; repeat(""))] | join("x" * 100000) | length'):first(1)`, "a text of more than 16 MiB"},
	"adding many":                {`rover.jq.compile('[limit(100; repeat("a" * 1e7))] | add | length'):first(1)`, "memory has grown"},
	"adding one many times":      {`rover.jq.compile('("a" * 1e7) as $a | [limit(100; repeat($a))] | add | length'):first(1)`, "a text of more than 16 MiB"},
	"adding streams":             {`rover.jq.compile('("a" * 1e7) as $a | add(limit(100; repeat($a))) | length'):first(1)`, "a text of more than 16 MiB"},
	"doubling":                   {`rover.jq.compile('reduce range(40) as $i ("ab"; . + .) | length'):first(1)`, "a text of more than 16 MiB"},
	"doubling by an update":      {`rover.jq.compile('reduce range(40) as $i ({ a: "ab" }; .a += .a) | 1'):first(1)`, "a text of more than 16 MiB"},
	"doubling a list":            {`rover.jq.compile('reduce range(40) as $i ([1]; . + .) | length'):first(1)`, "a list of more than 1000000 items"},
	"doubling by texts in texts": {`rover.jq.compile([[reduce range(40) as $i ("ab"; "\(.)\(.)") | length]]):first(1)`, "a text of more than 16 MiB"},
	"texts in a format":          {`rover.jq.compile([[reduce range(40) as $i ("ab"; @html "\(.)\(.)") | length]]):first(1)`, "a text of more than 16 MiB"},
	"escapes":                    {`rover.jq.compile('reduce range(60) as $i ("\\"\\\\"; tojson) | length'):first(1)`, "a text of more than 16 MiB"},
	"a value in itself":          {`rover.jq.compile('reduce range(60) as $i (0; [., .]) | tojson | length'):first(1)`, "a text of more than 16 MiB"},
	"flattening it":              {`rover.jq.compile('reduce range(60) as $i (0; [., .]) | flatten | length'):first(1)`, "a text of more than 16 MiB"},
	"a result of it":             {`rover.jq.compile('reduce range(60) as $i (0; [., .])'):first(1)`, "a text of more than 16 MiB"},
	"an error of it":             {`rover.jq.compile('reduce range(60) as $i (0; [., .]) | error'):first(1)`, "a text of more than 16 MiB"},
	"a format of it":             {`rover.jq.compile('reduce range(60) as $i (0; [., .]) | @base64 | length'):first(1)`, "a text of more than 16 MiB"},
	"lists in lists":             {`rover.jq.compile('reduce range(20000) as $i (0; [.]) | tojson | length'):first(1)`, "lists in lists of more than 10000 levels"},
	"a far place":                {`rover.jq.compile('.[$n] = 1 | length', "n"):first(rover.json.null, 5e8)`, "an index above 1000000"},
	"a far place that is fixed":  {`rover.jq.compile('.[500000000] = 1 | length'):first(rover.json.null)`, "an index above 1000000"},
	"a far place below":          {`rover.jq.compile('.a[$n].b |= 1 | length', "n"):first({}, 5e8)`, "an index above 1000000"},
	"a far place of setpath":     {`rover.jq.compile('setpath([$n]; 1) | length', "n"):first(rover.json.null, 5e8)`, "an index above 1000000"},
	"a far place of getpath":     {`rover.jq.compile('getpath([$n]) = 1 | length', "n"):first(rover.json.null, 5e8)`, "an index above 1000000"},
	"a far place of nth":         {`rover.jq.compile('nth($n) = 1 | length', "n"):first(rover.json.null, 5e8)`, "an index above 1000000"},
	"a far place of pick":        {`rover.jq.compile('pick(.[$n]) | length', "n"):first({}, 5e8)`, "an index above 1000000"},
	"a far place of a stream":    {`rover.jq.compile('fromstream([[$n], 1], [[$n]]) | length', "n"):first(rover.json.null, 5e8)`, "an index above 1000000"},
	"transposing":                {`rover.jq.compile('[[range(4000)]] + [range(4000) | []] | transpose | length'):first(1)`, "a list of more than 1000000 items"},
	"exploding":                  {`rover.jq.compile('"x" * 1e7 | explode | length'):first(1)`, "more than 65536"},
	"searching":                  {`rover.jq.compile('"x" * 1e7 | [match(""; "g")] | length'):first(1)`, "more than 65536"},
	"an expression of a client": {
		`rover.jq.compile("test($re)", "re"):first(("x"):rep(6000), ("x{0,1000}"):rep(100) .. "y")`, "too large when its repetitions are written out: the limit is 20000 steps",
	},
	"splitting":                {`rover.jq.compile('"x" * 1e7 / "" | length'):first(1)`, "more than 65536"},
	"splitting by a name":      {`rover.jq.compile('"x" * 1e7 | split("") | length'):first(1)`, "more than 65536"},
	"parsing":                  {`rover.jq.compile('"[" + "0," * 5e6 + "0]" | fromjson | length'):first(1)`, "more than 65536"},
	"putting in":               {`rover.jq.compile('.a as $a | .b | gsub(""; $a * 2000) | length'):first { a = ("x"):rep(8000), b = ("y"):rep(8000) }`, "memory has grown"},
	"whole numbers":            {`rover.jq.compile('reduce range(60) as $i (12345678901234567890; . * .) | 1'):first(1)`, "a product of more than 65536 bits"},
	"a number of many digits":  {`rover.jq.compile('"9" * 900000 | tonumber | 1'):first(1)`, "a number of more than 1000 digits"},
	"one in JSON":              {`rover.jq.compile('"9" * 50000 | fromjson | 1'):first(1)`, "a number of more than 1000 digits"},
	"a function of Bessel":     {`rover.jq.compile('jn(1e15; 1e16)'):first(1)`, "an index above 1000000"},
	"collecting":               {`rover.jq.compile('[range(infinite)] | length'):first(1)`, "memory has grown"},
	"recursion":                {`rover.jq.compile('def f: 1 + f; f'):first(1)`, "memory has grown"},
	"comparing what is deep":   {`rover.jq.compile('def d: reduce range(1000000) as $i (0; [.]); d == d'):first(1)`, "jq:"},
	"comparing lists in lists": {`rover.jq.compile('reduce range(20000) as $i (0; [.]) | . == [.]'):first(1)`, "lists in lists of more than 10000 levels"},
	"sorting them":             {`rover.jq.compile('reduce range(20000) as $i (0; [.]) | [., .] | sort_by(.)'):first(1)`, "lists in lists of more than 10000 levels"},
	"merging them":             {`rover.jq.compile('reduce range(20000) as $i (0; {a: .}) | . * .'):first(1)`, "lists in lists of more than 10000 levels"},
	"a path without an end":    {`rover.jq.compile('setpath([limit(20000; repeat("a"))]; 1)'):first(rover.json.null)`, "lists in lists of more than 10000 levels"},
	"results":                  {`rover.jq.compile('("a" * 1e7), ("a" * 1e7)'):all(1)`, "results of more than 16 MiB"},
	"a step for each pair of characters": {
		`rover.jq.compile('"x" * 60000 | [match("(x*)*y|x"; "g")] | length'):first(1)`, "has run for 2s",
	},
	"many groups": {`rover.jq.compile('"x" * 60000 | [match("()" * 90 + "x"; "g")] | length'):first(1)`, "memory has grown"},
	"many items": {
		`local a, b = {}, {} for i = 1, 60000 do a[i] = i b[i] = -i end rover.jq.compile(".a - $d.b", "d"):first({ a = a }, { b = b })`,
		"more than 16384 bytes of JSON",
	},
	"a long text":    {`rover.jq.compile('gsub(" "; "_")'):first((" "):rep(900000))`, "more than 16384 bytes of JSON"},
	"a long body":    {`rover.jq.compile('[scan(".")]'):text('"' .. (" "):rep(80000) .. '"')`, "more than 16384 bytes of JSON"},
	"many variables": {`rover.jq.compile('1', "a", "b"):first(1, ("a"):rep(9000), ("b"):rep(9000))`, "more than 16384 bytes of JSON"},
}

// idle returns when no run is under way.
func (r *runs) idle() {
	for range cap(r.places) {
		r.places <- struct{}{}
	}
	for range cap(r.places) {
		<-r.places
	}
}

// The attacks run in a process of their own, which counts what it has taken from the system.
func TestAttacks(t *testing.T) {
	if os.Getenv("ROVER_JQ_ATTACKS") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAttacks$", "-test.v")
		cmd.Env = append(os.Environ(), "ROVER_JQ_ATTACKS=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s\n%v", out, err)
		}
		return
	}
	r := newRuns()
	json := &lib.Library{Name: "json", Open: func(s *lib.Scope) lua.LValue { return jsonlua.Open(s.L()) }}
	vm := libtest.New(t, with(r), json)
	var before, after runtime.MemStats
	for name, c := range attacks {
		t.Run(name, func(t *testing.T) {
			runtime.ReadMemStats(&before)
			got, err := vm.Eval(t.Context(), c[0])
			late := strings.Contains(got, "has run for 2s") // on a busy machine that may come first
			if err != nil || !late && !strings.Contains(got, c[1]) {
				t.Errorf("%s\n got %.300s, %v\nwant %s", c[0], got, err, c[1])
			}
			r.idle() // what was given up is the next one's memory otherwise
			if runtime.ReadMemStats(&after); after.HeapSys > before.HeapSys+200<<20 {
				t.Errorf("%d MiB of memory", (after.HeapSys-before.HeapSys)>>20)
			}
		})
	}
}
