package jq

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/itchyny/gojq"
)

const (
	// MaxText bounds each text that a program makes, and its results as JSON.
	MaxText = 16 << 20

	// MaxItems bounds lists that are made in one step, and the index that a list can be filled to.
	MaxItems = 1_000_000

	// MaxPieces bounds a text that becomes a list, or is searched with a pattern, where the data of
	// the program is smaller. A match takes 800 bytes.
	MaxPieces = 64 << 10

	// maxBits bounds a product of whole numbers, maxDepth lists in lists.
	maxBits, maxDepth = 1 << 16, 10_000
)

var (
	errText  = errors.New("a text of more than 16 MiB")
	errItems = errors.New("a list of more than 1000000 items")
	errDepth = errors.New("lists in lists of more than 10000 levels")
)

// guards are functions that programs are rewritten to call (see rewrite). Each returns what it was
// given, or an error where the step that follows would make too much of it.
func (c *compiled) guards() []gojq.CompilerOption {
	one := func(name string, check func(any) error) gojq.CompilerOption {
		return gojq.WithFunction("_rover_"+name, 0, 0, func(v any, _ []any) any {
			if err := check(v); err != nil {
				return err
			}
			return v
		})
	}
	two := func(name string, check func(l, r any) error) gojq.CompilerOption {
		return gojq.WithFunction("_rover_"+name, 2, 2, func(_ any, args []any) any {
			if err := check(args[0], args[1]); err != nil {
				return err
			}
			return []any{args[0], args[1]}
		})
	}
	return []gojq.CompilerOption{
		one("tree", c.tree), one("sum", c.sum), one("cells", c.cells), one("pieces", c.pieces), one("digits", digits),
		one("numbers", checkNumbers), one("index", index), one("path", path), one("event", event),
		two("multiply", c.multiply), two("add", c.add), two("divide", func(l, r any) error { return errors.Join(c.pieces(l), c.pieces(r)) }),
		two("join", c.join), one("depth", shallowEnough),
		gojq.WithFunction("_rover_match", 3, 3, c.search),
		two("compare", func(l, r any) error { return errors.Join(shallowEnough(l), shallowEnough(r)) }),
	}
}

// tree bounds a value by its size when it is written: values that a value has twice count twice.
func (c *compiled) tree(v any) error {
	size, err := sizeOf(v, MaxText, 0)
	if err != nil {
		return err
	}
	return c.account.charge(size)
}

// sizeOf is about how long v is as JSON.
func sizeOf(v any, limit, depth int) (size int, err error) {
	if depth > maxDepth {
		return 0, errDepth
	}
	switch v := v.(type) {
	case string:
		size = len(v) + 2
	case json.Number:
		size = len(v)
	case *big.Int:
		size = v.BitLen() / 3
	case []any:
		size = 2
		for _, e := range v {
			n, err := sizeOf(e, limit-size, depth+1)
			if err != nil {
				return 0, err
			}
			size += n + 1
		}
	case map[string]any:
		size = 2
		for k, e := range v {
			n, err := sizeOf(e, limit-size-len(k), depth+1)
			if err != nil {
				return 0, err
			}
			size += n + len(k) + 4
		}
	default:
		size = 1
	}
	if size > limit {
		return 0, errText
	}
	return size, nil
}

// shallow is how many bytes of text, and how many items, v has itself.
func shallow(v any) (text, items int) {
	switch v := v.(type) {
	case string:
		return len(v), 0
	case []any:
		return 0, len(v)
	case map[string]any:
		return 0, len(v)
	}
	return 0, 0
}

// within bounds the text and the items of what is made in one step.
func (c *compiled) within(text, items int) error {
	switch {
	case text > MaxText:
		return errText
	case items > MaxItems:
		return errItems
	}
	return c.account.charge(text + 16*items)
}

func (c *compiled) add(l, r any) error {
	lt, li := shallow(l)
	rt, ri := shallow(r)
	return c.within(lt+rt, li+ri)
}

// sum bounds what add makes of the items of v.
func (c *compiled) sum(v any) error {
	text, items := 0, 0
	each(v, func(e any) {
		t, i := shallow(e)
		text, items = text+t, items+i
	})
	return c.within(text, items)
}

// join bounds the items of v with a separator between them.
func (c *compiled) join(v, separator any) error {
	st, si := shallow(separator)
	text, items, n := 0, 0, 0
	each(v, func(e any) {
		t, i := shallow(e)
		text, items, n = text+t, items+i, n+1
	})
	return c.within(text+n*st, items+n*si)
}

func each(v any, do func(any)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			do(e)
		}
	case map[string]any:
		for _, e := range v {
			do(e)
		}
	}
}

// cells bounds what transpose makes: each row becomes as long as the list.
func (c *compiled) cells(v any) error {
	rows, _ := v.([]any)
	longest := 0
	for _, row := range rows {
		_, n := shallow(row)
		longest = max(longest, n)
	}
	return c.within(0, longest*len(rows))
}

// shallowEnough bounds lists in lists, for what calls itself for each level: a goroutine whose stack
// is full ends the process. Sizes are no matter.
func shallowEnough(v any) error {
	switch v.(type) {
	case []any, map[string]any:
		if _, err := sizeOf(v, MaxText, 0); errors.Is(err, errDepth) {
			return err
		}
	}
	return nil
}

// pieces bounds a text of which each character can become a value of its own.
func (c *compiled) pieces(v any) error {
	if text, _ := v.(string); len(text) > max(c.max, MaxPieces) {
		return fmt.Errorf("a text of %d bytes is split, searched or parsed, more than %d", len(text), max(c.max, MaxPieces))
	}
	return shallowEnough(v)
}

func (c *compiled) multiply(l, r any) error {
	if err := errors.Join(shallowEnough(l), shallowEnough(r)); err != nil {
		return err
	}
	text, isText := l.(string)
	times, isNumber := gojq.ToFloat64(r)
	if !isText {
		text, isText = r.(string)
		times, isNumber = gojq.ToFloat64(l)
	}
	if isText && isNumber && times > 0 {
		if float64(len(text))*times > MaxText {
			return errText
		}
		return c.account.charge(int(float64(len(text)) * times))
	}
	if bits(l)+bits(r) > maxBits {
		return fmt.Errorf("a product of more than %d bits", maxBits)
	}
	return nil
}

func bits(v any) int {
	switch v := v.(type) {
	case *big.Int:
		return v.BitLen()
	case json.Number:
		return 4 * len(v)
	}
	return 0
}

// digits bounds a text that becomes a number.
func digits(v any) error {
	if text, _ := v.(string); len(text) > MaxDigits {
		return errDigits
	}
	return nil
}

// index bounds a place in a list: one that is written to makes all before it.
func index(v any) error {
	if n, ok := gojq.ToFloat64(v); ok && n > MaxItems {
		return fmt.Errorf("an index above %d", MaxItems)
	}
	return shallowEnough(v)
}

// path bounds the places of a path.
func path(v any) error {
	steps, _ := v.([]any)
	if len(steps) > maxDepth {
		return errDepth
	}
	for _, step := range steps {
		if err := index(step); err != nil {
			return err
		}
	}
	return nil
}

// event bounds the path of an event of a stream.
func event(v any) error {
	if e, _ := v.([]any); len(e) > 0 {
		return path(e[0])
	}
	return nil
}
