package luac

import (
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
)

// constants are the constants of one function, each once. Not safe for concurrent use.
type constants struct {
	values  []lua.LValue
	strings []string // "" for what is no string
	byText  map[string]int
	byBits  map[uint64]int // numbers, by their bits: 0 and -0 are two
	others  map[lua.LValue]int
}

func (k *constants) text(s string) (int, bool) {
	if i, ok := k.byText[s]; ok {
		return i, true
	}
	if k.byText == nil {
		k.byText = map[string]int{}
	}
	k.byText[s] = len(k.values)
	return k.add(lua.LString(s), s)
}

func (k *constants) number(n float64) (int, bool) {
	bits := math.Float64bits(n)
	if i, ok := k.byBits[bits]; ok {
		return i, true
	}
	if k.byBits == nil {
		k.byBits = map[uint64]int{}
	}
	k.byBits[bits] = len(k.values)
	return k.add(lua.LNumber(n), "")
}

// other is for nil, true and false.
func (k *constants) other(v lua.LValue) (int, bool) {
	if i, ok := k.others[v]; ok {
		return i, true
	}
	if k.others == nil {
		k.others = map[lua.LValue]int{}
	}
	k.others[v] = len(k.values)
	return k.add(v, "")
}

// add returns false when an instruction has no room for the index.
func (k *constants) add(v lua.LValue, s string) (int, bool) {
	k.values = append(k.values, v)
	k.strings = append(k.strings, s)
	return len(k.values) - 1, len(k.values)-1 <= maxBx
}

// into hands the constants over to a prototype.
func (k *constants) into(p *lua.FunctionProto) {
	p.Constants = exact(k.values)
	glua.SetStringConstants(p, exact(k.strings))
}

// exact is s without the room for more: prototypes live as long as their script.
func exact[E any](s []E) []E { return slices.Clip(append([]E(nil), s...)) }
