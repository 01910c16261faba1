package jq

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"github.com/caddy-rover/rover/luart/lib/re"
)

// searches are gojq's builtins with regular expressions, on a search that ends with the run. gojq's
// own one takes expressions of any size, and nothing interrupts it. It still says what is wrong with
// arguments of other types, for which ours returns null.
var searches = func() []*gojq.FuncDef {
	q, err := gojq.Parse(`
def match($re; $flags): (_rover_match($re; $flags; false) // _match($re; $flags; false))[];
def match($re): if $re | type == "array" then match($re[0]; $re[1]) else match($re; null) end;
def test($re; $flags): (_rover_match($re; $flags; true) // [_match($re; $flags; true)])[0];
def test($re): if $re | type == "array" then test($re[0]; $re[1]) else test($re; null) end;
def capture($re; $flags): match($re; $flags) | .captures | _captures;
def capture($re): if $re | type == "array" then capture($re[0]; $re[1]) else capture($re; null) end;
def scan($re; $flags): match($re; $flags + "g") | if .captures == [] then .string else [.captures[].string] end;
def scan($re): scan($re; null);
def splits($re; $flags):
  .[foreach (match($re; $flags + "g"), null) as {$offset, $length}
      (null; {start: .next, end: $offset, next: $offset + $length})];
def splits($re): splits($re; null);
def split($re; $flags): [splits($re; $flags)];
def sub($re; str; $flags):
  reduce match($re; $flags) as {$offset, $length, $captures}
    ({s: ., r: []};
      reduce ($captures | _captures | str) as $s
        (.i = 0; .r[.i] += .s[.next:$offset] + $s | .i += 1) |
      .next = $offset + $length) | .r[] + .s[.next:] // .s;
def sub($re; str): sub($re; str; null);
def gsub($re; str; $flags): sub($re; str; $flags + "g");
def gsub($re; str): sub($re; str; "g");
.`)
	if err != nil {
		panic(err)
	}
	return q.FuncDefs
}()

// A match takes about bytesPerMatch, and bytesPerGroup for each of its groups.
const bytesPerMatch, bytesPerGroup = 800, 500

// search is gojq's _match(re; flags; testing): a list of matches, or of whether there is one; nil for
// arguments that it does not take.
func (c *compiled) search(v any, args []any) any {
	s, isText := v.(string)
	source, isSource := args[0].(string)
	flags, isFlags := args[1].(string)
	if !isText || !isSource || !isFlags && args[1] != nil || strings.Trim(flags, "gim") != "" {
		return nil
	}
	x, err := c.expression(source, flags)
	if err != nil {
		return err
	}
	var list []any
	names := x.Names()
	at, before, runes := 0, 0, 0 // runes are in s[:before]
	offset := func(to int) int {
		if to < before {
			return runes - utf8.RuneCountInString(s[to:before])
		}
		runes, before = runes+utf8.RuneCountInString(s[before:to]), to
		return runes
	}
	for at <= len(s) {
		found, stopped := x.Find(s, at, c.over)
		switch {
		case stopped || c.over():
			return errEnded
		case args[2] == true:
			return []any{found != nil}
		case found == nil:
			return append([]any{}, list...)
		}
		if err := c.account.charge(bytesPerMatch + bytesPerGroup*len(names)); err != nil {
			return err
		}
		begin := offset(found[0])
		captures := make([]any, len(names)-1)
		for i := range captures {
			captures[i] = group(s, found[2*i+2:2*i+4], names[i+1], offset)
		}
		list = append(list, map[string]any{
			"offset": begin, "length": utf8.RuneCountInString(s[found[0]:found[1]]),
			"string": s[found[0]:found[1]], "captures": captures,
		})
		if !strings.Contains(flags, "g") {
			break
		}
		if at = found[1]; found[0] == at { // empty
			_, width := utf8.DecodeRuneInString(s[at:])
			at += max(width, 1)
		}
	}
	return append([]any{}, list...)
}

func group(s string, at []int, name string, offset func(int) int) any {
	g := map[string]any{"name": nil, "offset": -1, "length": 0, "string": nil}
	if name != "" {
		g["name"] = name
	}
	if at[0] >= 0 {
		g["offset"], g["length"], g["string"] = offset(at[0]), utf8.RuneCountInString(s[at[0]:at[1]]), s[at[0]:at[1]]
	}
	return g
}

// errEnded ends a search; the next step of the run says why.
var errEnded = errors.New("the run has ended")

// over reports whether the run has ended.
func (c *compiled) over() bool { return c.account.err != nil || c.ctx.Err() != nil }

// expression compiles an expression, within the bounds of rover.re. Those that were compiled before are
// kept, as far as they have re.MaxSteps steps together.
func (c *compiled) expression(source, flags string) (*re.Expr, error) {
	written := source
	if strings.Contains(flags, "i") {
		written = "(?i)" + written
	}
	if strings.Contains(flags, "m") {
		written = "(?s)" + written
	}
	if x := c.expressions[written]; x != nil {
		return x, nil
	}
	x, err := re.New(written)
	if err != nil {
		var malformed *syntax.Error
		if errors.As(err, &malformed) {
			return nil, fmt.Errorf("invalid regular expression %q: %w", written, err)
		}
		return nil, fmt.Errorf("a regular expression: %w", err)
	}
	if c.steps += x.Steps(); c.steps > re.MaxSteps || c.expressions == nil {
		c.expressions, c.steps = map[string]*re.Expr{}, x.Steps()
	}
	c.expressions[written] = x
	return x, nil
}
