package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

// ask is a call of a lock, a rate or a number, and told its answer.
type ask struct {
	op string // "lock" "unlock", "take" "some" "give", "incr" "delete"
	n  int64  // a fence, how many, by how much
}

type told struct {
	n    int64 // a fence, how many were granted, the sum
	left int64
	ok   bool
}

// places are two of a lock: those that are held, by their fences, and the largest one there was.
type places struct{ a, b, last int64 }

const rateBurst = 20

// models say what each kind of history must look like, of two places, a rate that fills up with
// nothing in a day, and a number.
var models = map[string]porcupine.Model{
	"lock": {
		Init: func() any { return places{} },
		Step: func(state, in, out any) (bool, any) {
			s, i, o := state.(places), in.(ask), out.(told)
			if i.op == "lock" {
				free := s.a == 0 || s.b == 0
				if o.ok != free || o.ok && o.n <= s.last {
					return false, s
				}
				if o.ok && s.a == 0 {
					s.a, s.last = o.n, o.n
				} else if o.ok {
					s.b, s.last = o.n, o.n
				}
				return true, s
			}
			switch held := i.n; {
			case s.a == held:
				s.a = 0
			case s.b == held:
				s.b = 0
			default:
				return !o.ok, s
			}
			return o.ok, s
		},
	},
	"rate": {
		Init: func() any { return int64(rateBurst) },
		Step: func(state, in, out any) (bool, any) {
			left, i, o := state.(int64), in.(ask), out.(told)
			granted := i.n
			switch {
			case i.op == "give":
				return true, min(left+i.n, rateBurst)
			case i.op == "some":
				granted = min(i.n, left)
			case left < i.n:
				granted = 0
			}
			return o.n == granted && o.left == left-granted, left - granted
		},
	},
	"number": {
		Init: func() any { return int64(0) },
		Step: func(state, in, out any) (bool, any) {
			sum, i, o := state.(int64), in.(ask), out.(told)
			if i.op == "delete" {
				return true, int64(0)
			}
			return o.n == sum+i.n, sum + i.n
		},
	},
}

// askers call a store at random; held is what a worker has a lock with.
var askers = map[string]func(s store.Store, random *rand.Rand, held *[]int64) (ask, told, error){
	"lock": func(s store.Store, random *rand.Rand, held *[]int64) (ask, told, error) {
		ctx := context.Background()
		if len(*held) > 0 && random.IntN(2) == 0 {
			fence := (*held)[0]
			if random.IntN(4) > 0 { // else it is unlocked twice
				*held = slices.Delete(*held, 0, 1)
			}
			ok, _, err := s.Unlock(ctx, "lock", fence)
			return ask{"unlock", fence}, told{ok: ok}, err
		}
		fence, ok, err := s.Lock(ctx, "lock", 2, time.Hour)
		if ok {
			*held = append(*held, fence)
		}
		return ask{op: "lock"}, told{n: fence, ok: ok}, err
	},
	"rate": func(s store.Store, random *rand.Rand, _ *[]int64) (ask, told, error) {
		r, n := store.Rate{Count: 1, Per: 24 * time.Hour, Burst: rateBurst}, random.Int64N(6)+1
		switch random.IntN(3) {
		case 0:
			return ask{"give", n}, told{}, s.Give(context.Background(), "rate", r, n)
		case 1:
			got, err := s.Take(context.Background(), "rate", r, n, true)
			return ask{"some", n}, told{n: got.Granted, left: got.Remaining}, err
		}
		got, err := s.Take(context.Background(), "rate", r, n, false)
		return ask{"take", n}, told{n: got.Granted, left: got.Remaining}, err
	},
	"number": func(s store.Store, random *rand.Rand, _ *[]int64) (ask, told, error) {
		if random.IntN(8) == 0 {
			_, err := s.Delete(context.Background(), "number")
			return ask{op: "delete"}, told{}, err
		}
		by := random.Int64N(20) - 10
		sum, err := s.Incr(context.Background(), "number", by, 0, store.Forever)
		return ask{"incr", by}, told{n: sum}, err
	},
}

// Locks, rates and numbers are linearizable, too.
func TestHistoriesOfLocksAndRates(t *testing.T) {
	for engine, stores := range map[string][]store.Store{"memory": {store.NewMemory(nil, store.Limits{})}, "redis": threeProcesses(t)} {
		for kind, model := range models {
			t.Run(engine+"/"+kind, func(t *testing.T) {
				model.DescribeOperation = func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) }
				var mu sync.Mutex
				var wg sync.WaitGroup
				var history []porcupine.Operation
				began := time.Now()
				for w := range 6 {
					wg.Go(func() {
						random := rand.New(rand.NewPCG(uint64(w), 2))
						var held []int64
						for range 150 {
							call := int64(time.Since(began))
							in, out, err := askers[kind](stores[w%len(stores)], random, &held)
							if err != nil {
								t.Errorf("%+v: %v", in, err)
							}
							mu.Lock()
							history = append(history, porcupine.Operation{ClientId: w, Input: in, Call: call, Output: out, Return: int64(time.Since(began))})
							mu.Unlock()
						}
					})
				}
				wg.Wait()
				if result := porcupine.CheckOperationsTimeout(model, history, time.Minute); result != porcupine.Ok {
					t.Errorf("%s", result)
				}
			})
		}
	}
}

// The checker finds what is wrong: a lock with a third holder, a rate that gives what it has not.
func TestMoreHistoriesAreChecked(t *testing.T) {
	op := func(at int64, in ask, out told) porcupine.Operation {
		return porcupine.Operation{Input: in, Call: at, Output: out, Return: at}
	}
	for kind, history := range map[string][]porcupine.Operation{
		"lock": {
			op(1, ask{op: "lock"}, told{n: 1, ok: true}), op(2, ask{op: "lock"}, told{n: 2, ok: true}), op(3, ask{op: "lock"}, told{n: 3, ok: true}),
		},
		"rate":   {op(1, ask{"take", 20}, told{n: 20}), op(2, ask{"take", 1}, told{n: 1})},
		"number": {op(1, ask{"incr", 1}, told{n: 1}), op(2, ask{"incr", 1}, told{n: 1})},
	} {
		if porcupine.CheckOperations(models[kind], history) {
			t.Errorf("%s: a wrong one is taken", kind)
		}
		if !porcupine.CheckOperations(models[kind], history[:len(history)-1]) {
			t.Errorf("%s: a good one is refused", kind)
		}
	}
}

func threeProcesses(t *testing.T) (all []store.Store) {
	server := storetest.StartRedis(t)
	for range 3 {
		all = append(all, newRedis(t, store.RedisOptions{URL: server.URL, Timeout: 20 * time.Second}))
	}
	return all
}
