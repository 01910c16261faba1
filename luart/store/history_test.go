package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

type input struct {
	op      string
	value   string
	version int64
}

type output struct {
	value   string
	version int64
	ok      bool
	unknown bool // whether it was done
}

type key struct {
	value   string
	version int64 // 0: there is none
}

// unknownVersion is that of a value whose writer got no answer.
const unknownVersion = -1

// model is one key of a store: what any history must look like, whoever makes the calls.
var model = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{key{}} },
	Step: func(state, in, out any) []any {
		k, i, o := state.(key), in.(input), out.(output)
		may, next := true, key{i.value, o.version}
		switch i.op {
		case "get":
			switch {
			case o.unknown || o.value == k.value && o.version == k.version:
				return []any{k}
			case o.value == k.value && k.version == unknownVersion:
				return []any{key{o.value, o.version}}
			}
			return nil
		case "delete":
			may, next = k.version != 0, key{}
		case "new":
			may = k.version == 0
		case "old":
			may = k.version != 0
		case "cas":
			may = k.version == i.version
		}
		switch {
		case o.unknown && may: // its version is not known: it is told by the value, which is written once
			if i.op != "delete" {
				next.version = unknownVersion
			}
			return []any{k, next}
		case o.unknown:
			return []any{k}
		case o.ok != may:
			return nil
		case !may:
			return []any{k}
		}
		return []any{next}
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}).ToModel()

// record has workers call one key of stores at random while more says so, and returns the history.
// Where the server may be away, away is called before a worker goes on that got no answer.
func record(t *testing.T, stores []store.Store, workers int, more func(n int) bool, away func(s store.Store)) (history []porcupine.Operation) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for w := range workers {
		wg.Go(func() {
			s, random := stores[w%len(stores)], rand.New(rand.NewPCG(uint64(w), 1))
			var seen int64
			for n := 0; more(n); n++ {
				in := input{op: []string{"get", "get", "set", "new", "old", "cas", "cas", "delete"}[random.IntN(8)], version: seen}
				if in.op != "get" && in.op != "delete" {
					in.value = fmt.Sprintf("%d.%d", w, n)
				}
				call := time.Since(began)
				out, err := call1(s, in)
				end := int64(time.Since(began))
				switch {
				case err != nil && (away == nil || !errors.Is(err, store.ErrDown)):
					t.Errorf("%+v: %v", in, err)
				case err != nil: // it may be done at any time from now on
					out, end = output{unknown: true}, math.MaxInt64
				}
				if seen = out.version; in.op != "get" {
					out.value = ""
				}
				mu.Lock()
				if in.op != "get" || !out.unknown {
					history = append(history, porcupine.Operation{ClientId: w, Input: in, Call: int64(call), Output: out, Return: end})
				}
				mu.Unlock()
				if out.unknown {
					away(s)
				}
			}
		})
	}
	wg.Wait()
	return history
}

func call1(s store.Store, in input) (out output, err error) {
	ctx := context.Background()
	switch in.op {
	case "get":
		item, _, err := s.Get(ctx, "k")
		return output{value: string(item.Value), version: item.Version}, err
	case "delete":
		out.ok, err = s.Delete(ctx, "k")
	case "cas":
		out.version, out.ok, err = s.CAS(ctx, "k", in.version, []byte(in.value), store.Forever)
	default:
		only := map[string]store.Only{"set": store.Always, "new": store.New, "old": store.Old}[in.op]
		out.version, out.ok, err = s.Set(ctx, "k", []byte(in.value), store.Forever, only)
	}
	return out, err
}

// Calls of one key are linearizable: all see one order of what was done.
func TestHistories(t *testing.T) {
	stores := map[string]func(t *testing.T) []store.Store{
		"memory": func(*testing.T) []store.Store {
			return []store.Store{store.NewMemory(nil, store.Limits{})}
		},
		"redis": threeProcesses,
	}
	for name, make := range stores {
		t.Run(name, func(t *testing.T) {
			history := record(t, make(t), 6, func(n int) bool { return n < 150 }, nil)
			if result := porcupine.CheckOperationsTimeout(model, history, time.Minute); result != porcupine.Ok {
				t.Errorf("%s", result)
			}
		})
	}
}

// The checker finds what is wrong: a value that is read again after another was written.
func TestHistoryIsChecked(t *testing.T) {
	op := func(at int64, in input, out output) porcupine.Operation {
		return porcupine.Operation{Input: in, Call: at, Output: out, Return: at}
	}
	good := []porcupine.Operation{
		op(1, input{op: "set", value: "a"}, output{version: 1, ok: true}), op(2, input{op: "cas", value: "b", version: 1}, output{version: 2, ok: true}),
		op(3, input{op: "get"}, output{value: "b", version: 2}), op(4, input{op: "new", value: "c"}, output{}),
	}
	if !porcupine.CheckOperations(model, good) {
		t.Error("a good one is refused")
	}
	stale := append(good[:2:2], op(3, input{op: "get"}, output{value: "a", version: 1}))
	if porcupine.CheckOperations(model, stale) {
		t.Error("a stale read is taken")
	}
}

// What one engine answers the other does, too: random calls of both, side by side.
func TestEnginesAgree(t *testing.T) {
	server := storetest.StartRedis(t)
	memory := store.NewMemory(nil, store.Limits{})
	redis := newRedis(t, store.RedisOptions{URL: server.URL, Timeout: 20 * time.Second})
	ctx := t.Context()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	versions := map[store.Store]map[string]int64{memory: {}, redis: {}} // each has its own
	fences := map[store.Store]map[string]int64{memory: {}, redis: {}}
	rate := store.Rate{Count: 1, Per: 24 * time.Hour, Burst: 20}
	for n := range 5000 {
		k := pick("a", "b", "c")
		value := []byte(pick("", "x", "#1", "#-5", "#x", strings.Repeat("y", 1000), fmt.Sprint(n)))
		only := store.Only(random.IntN(3))
		ttl := []time.Duration{store.Forever, store.Keep, time.Hour}[random.IntN(3)]
		by, some, which := int64(random.IntN(2000)-1000), random.IntN(2) == 0, random.IntN(12)
		do := func(s store.Store) string {
			switch which {
			case 0:
				item, ok, err := s.Get(ctx, k)
				if ok && item.Version != versions[s][k] {
					t.Errorf("version %d, not %d", item.Version, versions[s][k])
				}
				return fmt.Sprintf("get %q %v %v", item.Value, ok, err)
			case 1:
				v, ok, err := s.Set(ctx, k, value, ttl, only)
				if ok {
					versions[s][k] = v
				}
				return fmt.Sprintf("set %d %v %v", only, ok, err)
			case 2:
				v, ok, err := s.CAS(ctx, k, versions[s][k], value, ttl)
				if ok {
					versions[s][k] = v
				}
				return fmt.Sprintf("cas %v %v", ok, err)
			case 3:
				ok, err := s.Delete(ctx, k)
				return fmt.Sprintf("delete %v %v", ok, err)
			case 4, 5:
				sum, err := s.Incr(ctx, k, by, 7, ttl)
				item, _, _ := s.Get(ctx, k)
				versions[s][k] = item.Version
				return fmt.Sprintf("incr %d %v", sum, err)
			case 6:
				ok, err := s.Expire(ctx, k, ttl)
				return fmt.Sprintf("expire %v %v", ok, err)
			case 7:
				d, ok, err := s.TTL(ctx, k)
				return fmt.Sprintf("ttl %s %v %v", (d + time.Minute).Truncate(time.Hour), ok, err)
			case 8:
				keys, err := s.List(ctx, "", "", 2)
				return fmt.Sprintf("list %q %v", keys, err)
			case 9:
				got, err := s.Take(ctx, k, rate, max(by%30, 0), some)
				return fmt.Sprintf("take %d %d %s %s %v", got.Granted, got.Remaining, got.Retry.Round(time.Hour), got.Reset.Round(time.Hour), err)
			case 10:
				return fmt.Sprintf("give %v", s.Give(ctx, k, rate, max(by%5, 0)))
			}
			if fence, ok, err := s.Lock(ctx, k, 1, time.Hour); ok || err != nil {
				fences[s][k] = fence
				return fmt.Sprintf("lock %v %v", ok, err)
			}
			ok, _, err := s.Unlock(ctx, k, fences[s][k])
			return fmt.Sprintf("unlock %v %v", ok, err)
		}
		if a, b := do(memory), do(redis); a != b {
			t.Fatalf("call %d of seed %d, key %s: memory %s, redis %s", n, seed, k, a, b)
		}
	}
}
