package jq

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/itchyny/gojq"
)

// pieces of random programs: % stands for another one.
var pieces = strings.FieldsFunc(`.	.a	.b	.a.b	.[0]	.[1:]	.[%]	.[%]?	1	2	-1	0.5	"x"	"ab"	null	true	[]	{}	[1,2,3]	["a","b"]	{"a":1}	{"a":{"b":2}}
12345678901234567890	% * %	% + %	% - %	% / %	% == %	% < %	% , %	% | %	% // %	% and %	(% as $v | % * $v)	[%]	{a: %}	{(%): %}?	[.[]?]	..	-%	if % then % else % end
.a *= %	.a += %	.[0] += %	.a -= %	.a /= %	.a |= %	.[0] = %	.a = %	.[]? += %	"<\(%)>"	@json "<\(%)>"	@base64	@html	@csv	@sh	tojson	tostring	format("text")	fromjson	tonumber	add	add(%)	join(%)	join(",")
transpose	flatten	flatten(%)	explode	implode	split(%)	split("a";null)	index(%)	indices(%)	rindex(%)	test(%)	[match(%)]	[scan(%)]	[splits(%)]	sub(%;%)	gsub("a";%)	gsub("";"-")	gsub("(?<x>[a-z])";"<\(.x)>")	capture("(?<x>.)")
getpath([%])	setpath([%];%)	delpaths([[%]])	del(.a)	[paths]	path(.a)	path(.[%])	path(getpath(["a"]))	nth(%)	pick(.a)	[tostream]	fromstream(tostream)	INDEX(%)	INDEX(.[]?;%)	sort	sort_by(%)	group_by(%)	unique	unique_by(%)	min	max	min_by(%)	max_by(%)
contains(%)	inside(%)	bsearch(%)	IN(%)	IN(%;%)	error	error(%)	try % catch .	(try error(%) catch .)	reduce % as $i (%; . + $i)	[foreach % as $i (0; . + 1; [., $i])]	[limit(3; %)]	first(%)	def f(g): g * 2; f(%)	(% as [$p] | $p)	(. as {a: $p} | $p)
with_entries(.value += 1)	to_entries	from_entries	map(%)	map_values(%)	walk(%)	[range(%)]	[recurse]	combinations	ascii_downcase	length	keys	any	all	strftime("%Y")	todate	ltrimstr(%)	[.[]?] | add / length`, func(c rune) bool { return c == '\t' || c == '\n' })

// randomProgram is a program of a depth.
func randomProgram(r *rand.Rand, depth int) string {
	text := pieces[r.IntN(len(pieces))]
	for depth == 0 && strings.Contains(text, "%") {
		text = pieces[r.IntN(len(pieces))]
	}
	var b strings.Builder
	for i := range len(text) {
		if text[i] == '%' && !strings.HasPrefix(text[i:], "%Y") {
			b.WriteString("(" + randomProgram(r, depth-1) + ")")
		} else {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

var samples = []string{
	`null`, `1`, `"ab a"`, `[]`, `{}`, `{"a":3,"b":"x"}`, `{"a":"xy","b":[1,2]}`, `[[1,2],[3]]`, `["a","b",null,1]`, `[3,1,2,1]`,
	`{"a":{"b":{"c":1}}}`, `12345678901234567890`, `-0.5`, `[{"a":1,"b":2},{"a":2}]`, `["1","[1,2]","x"]`, `[0,1,[2,[3]]]`,
}

// few is a context of some thousand steps.
type few struct {
	context.Context
	left int
}

func (f *few) Done() <-chan struct{} {
	if f.left--; f.left < 0 {
		return ended
	}
	return nil
}

func (f *few) Err() error { return errTime }

// outcome is what the first results are, or the error.
func outcome(t *testing.T, code *gojq.Code, ctx context.Context, data string) string {
	v, err := parse([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	results := code.RunWithContext(ctx, v)
	for range 20 {
		v, ok := next(results)
		if !ok {
			break
		}
		if err, failed := v.(error); failed {
			fmt.Fprintf(&b, "error: %v", err)
			break
		}
		text, err := gojq.Marshal(v)
		fmt.Fprintf(&b, "%s %v\n", text, err)
	}
	return b.String()
}

// Guards change nothing of what a small program does, errors and the order of results included.
func TestSameAsWithoutGuards(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	n := 0
	for range 4000 {
		text := randomProgram(r, 2)
		if strings.Contains(text, "1234567890") && strings.Contains(text, "[(") {
			continue // an index beyond the bound, whose error may be caught
		}
		query, err := gojq.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		plain, err := gojq.Compile(query)
		p := &program{max: DefaultMax}
		if failed := p.read(text); failed != nil {
			t.Fatalf("%s: %v", text, failed)
		}
		c, failed := p.compile()
		if (err == nil) != (failed == nil) {
			t.Fatalf("%s: %v, %v", text, err, failed)
		}
		if err != nil {
			continue
		}
		for range 3 {
			data := samples[r.IntN(len(samples))]
			c.account.begin()
			want, got := outcome(t, plain, &few{t.Context(), 5000}, data), outcome(t, c.code, &few{t.Context(), 20000}, data)
			if strings.Contains(want, errTime.Error()) || strings.Contains(got, errTime.Error()) {
				continue // it has no end, or a late one
			}
			if n++; got != want && !strings.Contains(got, "more than") && !strings.Contains(got, "above") {
				t.Errorf("%s\nof %s\n got %s\nwant %s\n%s", text, data, got, want, p.query)
			}
		}
	}
	t.Logf("%d runs", n)
}
