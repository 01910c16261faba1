package state

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

const maxState = 64 << 20

// tables are the named tables of a state.
type tables struct {
	L      *lua.LState
	states map[string]*lua.LTable
}

func newTables(t testing.TB) *tables {
	L := lua.NewState()
	t.Cleanup(L.Close)
	return &tables{L: L, states: map[string]*lua.LTable{}}
}

func (s *tables) encode(dst []byte, limit int) (Encoded, error) {
	return Encode(dst, limit, s.states, 0)
}

// decode changes nothing when it fails.
func (s *tables) decode(data []byte) error {
	states, err := Decode(s.L, data)
	if err == nil {
		s.states = states
	}
	return err
}

// saved is what becomes of tables that fill makes.
func saved(t testing.TB, fill func(states map[string]*lua.LTable)) (Encoded, *tables) {
	t.Helper()
	s := newTables(t)
	fill(s.states)
	encoded, err := s.encode(nil, maxState)
	if err != nil {
		t.Fatal(err)
	}
	return encoded, s
}

// restored are tables of what was written.
func restored(t testing.TB, data []byte) *tables {
	t.Helper()
	s := newTables(t)
	if err := s.decode(data); err != nil {
		t.Fatal(err)
	}
	return s
}

// Not all of many are named, but all are counted.
func TestStateLeavesOutMany(t *testing.T) {
	state, _ := saved(t, func(states map[string]*lua.LTable) {
		states["many"] = &lua.LTable{Metatable: lua.LNil}
		for range 150 {
			states["many"].Append(&lua.LFunction{IsG: true})
		}
	})
	if len(state.LeftOutNames) != 100 || state.LeftOut != 150 {
		t.Errorf("%d of %d", len(state.LeftOutNames), state.LeftOut)
	}
}

// However deep a structure is, it costs no stack, neither way.
func TestStateDeep(t *testing.T) {
	const deep = 100_000
	state, _ := saved(t, func(states map[string]*lua.LTable) {
		top := &lua.LTable{Metatable: lua.LNil}
		states["deep"] = top
		for range deep {
			next := &lua.LTable{Metatable: lua.LNil}
			top.RawSetInt(1, next)
			top = next
		}
		top.RawSetString("f", &lua.LFunction{IsG: true})
	})
	if state.Tables != deep+1 || len(state.LeftOutNames) != 1 || len(state.LeftOutNames[0]) > 300 ||
		!strings.HasPrefix(state.LeftOutNames[0], `rover.state "deep"[…][1][1]`) || !strings.HasSuffix(state.LeftOutNames[0], `[1].f: a function is not saved`) {
		t.Errorf("%d tables, %q", state.Tables, state.LeftOutNames)
	}
	found := 0
	for t := restored(t, state.Data).states["deep"]; t != nil; found++ {
		t, _ = t.RawGetInt(1).(*lua.LTable)
	}
	if found != deep+1 {
		t.Errorf("%d tables", found)
	}
}

// A hundred thousand entries come back, each.
func TestStateLarge(t *testing.T) {
	const entries = 100_000
	state, _ := saved(t, func(states map[string]*lua.LTable) { states["large"] = records(entries) })
	got := restored(t, state.Data).states["large"]
	for i := range entries {
		r, ok := got.RawGetString(fmt.Sprint("key ", i)).(*lua.LTable)
		if !ok || r.RawGetString("id") != lua.LNumber(i) || r.RawGetString("name") != lua.LString(fmt.Sprint("name ", i)) || r.RawGetString("on") != lua.LTrue {
			t.Fatalf("entry %d: %v", i, r)
		}
	}
}

// records is a table of small tables, as the constructor {id = …, name = …, on = true}
// makes them.
func records(n int) *lua.LTable {
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer L.Close()
	table := &lua.LTable{Metatable: lua.LNil}
	for i := range n {
		r := L.CreateTable(0, 3)
		r.RawSetString("id", lua.LNumber(i))
		r.RawSetString("name", lua.LString(fmt.Sprint("name ", i)))
		r.RawSetString("on", lua.LTrue)
		table.RawSetString(fmt.Sprint("key ", i), r)
	}
	return table
}

// Past the limit nothing is returned that could be taken for a state, and not much more
// than the limit is looked at.
func TestStateTooLarge(t *testing.T) {
	_, vm := saved(t, func(states map[string]*lua.LTable) {
		states["large"] = records(10_000)
		text := &lua.LTable{Metatable: lua.LNil}
		text.RawSetString("text", lua.LString(strings.Repeat("x", 1<<20)))
		states["text"] = text
	})
	whole, err := vm.encode(nil, maxState)
	if err != nil {
		t.Fatal(err)
	}
	if exact, err := vm.encode(nil, len(whole.Data)); err != nil || !bytes.Equal(exact.Data, whole.Data) {
		t.Errorf("%v at the limit", err)
	}
	for _, limit := range []int{1, 100, 1000, 1 << 20, len(whole.Data) - 1} {
		s, err := vm.encode(nil, limit)
		if !errors.Is(err, ErrSize) {
			t.Errorf("limit %d: error %v", limit, err)
		}
		if len(s.Data) > limit+100 {
			t.Errorf("limit %d: %d bytes were copied", limit, len(s.Data))
		}
	}
}

// randomState fills states with whatever can be saved, tables in several places and in
// themselves included.
func randomState(rng *rand.Rand, states map[string]*lua.LTable) {
	tables := []*lua.LTable{}
	newTable := func() *lua.LTable {
		t := &lua.LTable{Metatable: lua.LNil}
		if rng.IntN(5) == 0 {
			t.Metatable = luaval.JSONArray
		}
		tables = append(tables, t)
		return t
	}
	text := func() string {
		b := make([]byte, rng.IntN(6)*rng.IntN(20))
		for i := range b {
			b[i] = byte(rng.IntN(256))
		}
		return string(b)
	}
	number := func() lua.LNumber {
		switch rng.IntN(5) {
		case 0:
			return lua.LNumber(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(600)-300)))
		case 1:
			return lua.LNumber(math.Inf(rng.IntN(2)*2 - 1))
		case 2:
			return lua.LNumber(math.Copysign(0, -1))
		case 3:
			return lua.LNumber(rng.Int64() - rng.Int64())
		default:
			return lua.LNumber(rng.IntN(100))
		}
	}
	value := func() lua.LValue {
		switch rng.IntN(7) {
		case 0:
			return lua.LBool(rng.IntN(2) == 0)
		case 1, 2:
			return number()
		case 3, 4:
			return lua.LString(text())
		case 5:
			return luaval.JSONNull
		}
		if rng.IntN(3) > 0 && len(tables) < 200 {
			return newTable()
		}
		return tables[rng.IntN(len(tables))]
	}
	for range rng.IntN(4) {
		states[text()] = newTable()
	}
	for i := 0; i < len(tables); i++ {
		for range rng.IntN(8) {
			if v := value(); rng.IntN(10) > 0 {
				tables[i].Append(v)
			} else {
				tables[i].RawSetInt(rng.IntN(20)+1, v)
			}
		}
		for range rng.IntN(8) {
			switch rng.IntN(4) {
			case 0:
				if key := number(); !(key >= 1 && key < 1<<26) {
					tables[i].RawSet(key, value())
				}
			case 1:
				tables[i].RawSet(lua.LBool(rng.IntN(2) == 0), value())
			default:
				tables[i].RawSetString(text(), value())
			}
		}
	}
}

// sameStates compares states by walking both at once. A table of one must stand for one
// table of the other, wherever it is.
func sameStates(a, b map[string]*lua.LTable) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d names, and %d", len(a), len(b))
	}
	ab, ba := map[*lua.LTable]*lua.LTable{}, map[*lua.LTable]*lua.LTable{}
	var pairs [][2]*lua.LTable
	same := func(x, y lua.LValue) bool {
		t, ok := x.(*lua.LTable)
		if !ok {
			n, ok := x.(lua.LNumber)
			m, _ := y.(lua.LNumber)
			return ok && math.Float64bits(float64(n)) == math.Float64bits(float64(m)) || !ok && x == y
		}
		u, ok := y.(*lua.LTable)
		if !ok {
			return false
		}
		if ab[t] == nil && ba[u] == nil {
			ab[t], ba[u] = u, t
			pairs = append(pairs, [2]*lua.LTable{t, u})
		}
		return ab[t] == u && ba[u] == t
	}
	for name, t := range a {
		if u, ok := b[name]; !ok || !same(t, u) {
			return fmt.Errorf("%q differs", name)
		}
	}
	for len(pairs) > 0 {
		t, u := pairs[0][0], pairs[0][1]
		pairs = pairs[1:]
		if t.Len() != u.Len() || luaval.IsJSONArray(t) != luaval.IsJSONArray(u) {
			return fmt.Errorf("a list of %d, and one of %d", t.Len(), u.Len())
		}
		k, v := t.Next(lua.LNil)
		l, w := u.Next(lua.LNil)
		for ; k != lua.LNil || l != lua.LNil; k, v, l, w = next(t, u, k, l) {
			if k != l || !same(v, w) {
				return fmt.Errorf("%v = %v, and %v = %v", k, v, l, w)
			}
		}
	}
	return nil
}

func next(t, u *lua.LTable, k, l lua.LValue) (lua.LValue, lua.LValue, lua.LValue, lua.LValue) {
	k, v := t.Next(k)
	l, w := u.Next(l)
	return k, v, l, w
}

func TestStateRoundTrip(t *testing.T) {
	_, vm := saved(t, func(map[string]*lua.LTable) {})
	back := restored(t, []byte{0})
	for seed := range uint64(300) {
		vm.states = map[string]*lua.LTable{}
		randomState(rand.New(rand.NewPCG(seed, 0)), vm.states)
		state, err := vm.encode(nil, maxState)
		if err == nil {
			err = back.decode(state.Data)
		}
		if err == nil {
			err = sameStates(vm.states, back.states)
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	vm := restored(t, []byte{0})
	kept := map[string]*lua.LTable{"kept": {Metatable: lua.LNil}}
	vm.states = kept
	const one = "\x01\x01s\x00" // a table named s
	for _, test := range []struct{ name, data, want string }{
		{"nothing", "", "byte 0 of 0 of the state: it ends too early"},
		{"more names than bytes", "\xff\xff\x03", "byte 3 of 3 of the state: it ends too early"},
		{"a number without end", strings.Repeat("\xff", 11), "byte 0 of 11 of the state: a number is too large"},
		{"a name longer than all", "\x01\x7fs", "it ends too early"},
		{"a name twice", "\x02\x01s\x00\x01s\x00", "a name is there twice"},
		{"a table out of turn", "\x01\x01s\x01", "a table is out of turn"},
		{"no table", one, "byte 4 of 4 of the state: it ends too early"},
		{"bad flags", one + "\x02\x00\x00\x00\x00\x00\x00", "an unknown kind of value"},
		{"too many items", one + "\x00\x00\x00\x00\x00\x7f\x00", "it ends too early"},
		{"too many members", one + "\x00\xff\xff\xff\x7f\x00\x00", "the number of members is wrong"},
		{"most members", one + "\x00\xff\xff\xff\xff\x00\x00", "the number of members is wrong"},
		{"fewer members", one + "\x00\x01\x00\x00\x00\x00\x00", "the number of members is wrong"},
		{"more members", one + "\x00\x00\x00\x00\x00\x00\x07\x00\x03\x00", "the number of members is wrong"},
		{"an unknown value", one + "\x00\x00\x00\x00\x00\x01\x63\x00", "an unknown kind of value"},
		{"the end as a value", one + "\x00\x00\x00\x00\x00\x01\x00\x00", "an unknown kind of value"},
		{"nil as a value", one + "\x00\x00\x00\x00\x00\x00\x03\x01\x00", "an unknown kind of value"},
		{"nil as a key", one + "\x00\x00\x00\x00\x00\x00\x01\x03\x00", "a key is not allowed there"},
		{"null as a key", one + "\x00\x00\x00\x00\x00\x00\x04\x03\x00", "a key is not allowed there"},
		{"a table as a key", one + "\x00\x00\x00\x00\x00\x00\x08\x00\x03\x00", "a key is not allowed there"},
		{"an index as a key", one + "\x00\x00\x00\x00\x00\x00\x05\x80\x89\x0f\x03\x00", "a key is not allowed there"},
		{"an index as a float", one + "\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x45\x40\x03\x00", "a key is not allowed there"},
		{"NaN as a key", one + "\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\xf8\x7f\x03\x00", "a key is not allowed there"},
		{"a key twice", one + "\x00\x02\x00\x00\x00\x00\x07\x00\x03\x07\x00\x03\x00", "a key is there twice"},
		{"half a float", one + "\x00\x00\x00\x00\x00\x01\x06\x00\x00", "it ends too early"},
		{"no end", one + "\x00\x00\x00\x00\x00\x00", "it ends too early"},
		{"more after the end", one + "\x00\x00\x00\x00\x00\x00\x00\x00", "byte 11 of 12 of the state: it goes on after its end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := vm.decode([]byte(test.data))
			if err == nil || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if !reflect.DeepEqual(vm.states, kept) {
				t.Error("the state has changed")
			}
		})
	}
}

// FuzzDecode gives RestoreState anything. It must not panic, nor allocate more than
// the bytes justify; and what it takes comes back.
func FuzzDecode(f *testing.F) {
	vm := newTables(f)
	again := newTables(f)
	f.Add([]byte{0})
	f.Add([]byte("\x01\x01s\x00\x00\x00\x00\x00\x00\x00\x00"))
	for seed := range uint64(20) {
		state, _ := saved(f, func(states map[string]*lua.LTable) { randomState(rand.New(rand.NewPCG(seed, 2)), states) })
		f.Add(state.Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := vm.decode(data)
		runtime.ReadMemStats(&after)
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(256<<10+256*len(data)); got > most {
			t.Errorf("%d bytes made it allocate %d, more than %d", len(data), got, most)
		}
		if err != nil {
			return
		}
		first, err := vm.encode(nil, maxState)
		if err != nil || first.LeftOut > 0 {
			t.Fatal(err, first.LeftOutNames)
		}
		if err := again.decode(first.Data); err != nil {
			t.Fatal(err)
		}
		if err := sameStates(vm.states, again.states); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkState says for how long the VM is held for each MiB of a state that is saved,
// and how long it takes to restore it.
func BenchmarkState(b *testing.B) {
	fill := map[string]func() *lua.LTable{
		"records": func() *lua.LTable { return records(20_000) },
		"counters": func() *lua.LTable {
			t := &lua.LTable{Metatable: lua.LNil}
			for i := range 60_000 {
				t.RawSetString(fmt.Sprint("10.0.0.", i), lua.LNumber(i))
			}
			return t
		},
		"list": func() *lua.LTable {
			t := &lua.LTable{Metatable: lua.LNil}
			for i := range 300_000 {
				t.Append(lua.LNumber(i))
			}
			return t
		},
		"texts": func() *lua.LTable {
			t := &lua.LTable{Metatable: lua.LNil}
			for i := range 1_000 {
				t.Append(lua.LString(strings.Repeat(string(rune('a'+i%26)), 1024)))
			}
			return t
		},
	}
	for _, kind := range []string{"records", "counters", "list", "texts"} {
		state, vm := saved(b, func(states map[string]*lua.LTable) { states[kind] = fill[kind]() })
		perMiB := func(b *testing.B, what string) {
			mib := float64(len(state.Data)) / (1 << 20)
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/mib, "ms-"+what+"/MiB")
		}
		b.Run("save/"+kind, func(b *testing.B) {
			buf := make([]byte, 0, len(state.Data))
			for b.Loop() {
				if _, err := vm.encode(buf, maxState); err != nil {
					b.Fatal(err)
				}
			}
			perMiB(b, "held")
		})
		b.Run("restore/"+kind, func(b *testing.B) {
			vm := restored(b, state.Data)
			for b.Loop() {
				if err := vm.decode(state.Data); err != nil {
					b.Fatal(err)
				}
			}
			perMiB(b, "restore")
		})
	}
}
