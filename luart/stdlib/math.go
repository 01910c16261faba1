package stdlib

import (
	"math"
	"math/rand/v2"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// generator is the source of math.random in one generation. Only the holder may use it.
type generator struct {
	seeded *rand.Rand // nil until math.randomseed: Go's own source, which nobody can predict
}

func newGenerator(seed *uint64) *generator {
	g := &generator{}
	if seed != nil {
		g.seeded = rand.New(rand.NewPCG(*seed, 0))
	}
	return g
}

func (g *generator) float() float64 {
	if g.seeded == nil {
		return rand.Float64()
	}
	return g.seeded.Float64()
}

func (g *generator) below(n int64) int64 {
	if g.seeded == nil {
		return rand.Int64N(n)
	}
	return g.seeded.Int64N(n)
}

// newRandom makes math.random([m[, n]]): a float in [0, 1), or a whole number from 1 to m, or from
// m to n. Errors: an empty interval. For tokens and keys there is rover.crypto.random.
func newRandom(b *envBuilder) lua.LValue {
	g := b.rand
	return b.L.NewFunction(func(L *lua.LState) int {
		low, high := 1, 0
		switch L.GetTop() {
		case 0:
			L.Push(lua.LNumber(g.float()))
			return 1
		case 1:
			high = luaval.CheckInt(L, 1)
		case 2:
			low, high = luaval.CheckInt(L, 1), luaval.CheckInt(L, 2)
		default:
			L.RaiseError("wrong number of arguments")
		}
		if low > high {
			luaval.ArgError(L, L.GetTop(), "interval is empty")
		}
		L.Push(lua.LNumber(int64(low) + g.below(int64(high)-int64(low)+1)))
		return 1
	})
}

// newRandomseed makes math.randomseed(x): the same x gives the same numbers again, in this
// generation alone.
func newRandomseed(b *envBuilder) lua.LValue {
	g := b.rand
	return b.L.NewFunction(func(L *lua.LState) int {
		g.seeded = rand.New(rand.NewPCG(math.Float64bits(luaval.CheckNumber(L, 1)), 0))
		return 0
	})
}

// newHuge makes math.huge.
func newHuge(*envBuilder) lua.LValue { return lua.LNumber(math.Inf(1)) }

// mathModf is math.modf: the whole part of a number, and the rest. The rest of an infinity is 0, as
// in C; Go says NaN.
func mathModf(L *lua.LState) int {
	number := luaval.CheckNumber(L, 1)
	whole, rest := math.Modf(number)
	if math.IsInf(number, 0) {
		rest = 0
	}
	L.Push(lua.LNumber(whole))
	L.Push(lua.LNumber(rest))
	return 2
}
