package store

import (
	"cmp"
	"context"
	"time"
)

// Take implements Store. What becomes of too many keys is said at rates.
func (m *Memory) Take(ctx context.Context, key string, r Rate, n int64, some bool) (Taken, error) {
	if err := cmp.Or(r.Check(), checkCount(n)); err != nil {
		return Taken{}, err
	}
	if err := m.begin(ctx, key); err != nil {
		return Taken{}, err
	}
	defer m.mu.Unlock()
	now := m.now()
	tat := m.rates.of(key, now, m.limits.Rates)
	next, t := take(*tat, now, r, n, some)
	*tat, m.changed = next, true
	return t, nil
}

// Give implements Store.
func (m *Memory) Give(ctx context.Context, key string, r Rate, n int64) error {
	if err := cmp.Or(r.Check(), checkCount(n)); err != nil {
		return err
	}
	if err := m.begin(ctx, key); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if rate := m.rates.byKey[key]; rate != nil {
		rate.tat = give(rate.tat, m.now(), r, n)
	}
	return nil
}

// maxRateGroups bounds the groups that names of stores make: a script may make these names of
// what clients send. Each of as many groups has 25 places at least.
const maxRateGroups = DefaultRates / 25

// rates are numbers of the algorithm at take, by key. A key that is full again needs none. The
// keys of one name, of a limit or a store, are a group. There are so many places for all. Where none
// is free, a key that is new in a group smaller than the largest gets the place of a key of
// that; in the largest group all that are new share one number. So a flood of keys takes no place of
// other groups, nor of older keys of its own.
type rates struct {
	byKey   map[string]*rate
	groups  map[string]*rateGroup // by what their keys begin with
	largest rateHeap
	sweepAt int64 // when to look for full ones, at the earliest
}

type rate struct {
	key   string
	tat   int64
	group *rateGroup
}

type rateGroup struct {
	prefix string
	rates  []*rate // the oldest first
	shared int64   // the number of those without a place
	floor  int64   // the largest number of those that have lost theirs: new ones begin with it
	at     int     // in rates.largest
}

func newRates() rates {
	return rates{byKey: map[string]*rate{}, groups: map[string]*rateGroup{}}
}

// of returns the number of a key, one of its own or one that it shares. limit is how many may
// have one of their own.
func (rs *rates) of(key string, now int64, limit int) *int64 {
	if r := rs.byKey[key]; r != nil {
		return &r.tat
	}
	if (len(rs.byKey) >= limit || len(rs.groups) >= maxRateGroups) && now >= rs.sweepAt {
		rs.sweepAt = now + int64(time.Second) // a flood must not have each call look at all
		rs.sweep(now)
	}
	g := rs.group(key)
	if len(rs.byKey) >= limit {
		if len(rs.largest) == 0 || len(rs.largest[0].rates) <= len(g.rates)+1 {
			return &g.shared
		}
		rs.dropNewest(rs.largest[0])
	}
	return &rs.add(key, g, g.floor).tat
}

// add gives a key a place.
func (rs *rates) add(key string, g *rateGroup, tat int64) *rate {
	r := &rate{key, tat, g}
	rs.byKey[key] = r
	g.rates = append(g.rates, r)
	rs.largest.fix(g)
	return r
}

// dropNewest takes the place of a group's newest key. The key must not begin anew: it shares a
// number that is no better than its own.
func (rs *rates) dropNewest(g *rateGroup) {
	last := len(g.rates) - 1
	r := g.rates[last]
	g.rates[last] = nil
	g.rates = g.rates[:last]
	g.floor, g.shared = max(g.floor, r.tat), max(g.shared, r.tat)
	delete(rs.byKey, r.key)
	rs.largest.fix(g)
}

// group returns that of a key.
func (rs *rates) group(key string) *rateGroup {
	prefix := prefixOf(key)
	if g := rs.groups[prefix]; g != nil {
		return g
	}
	if len(rs.groups) >= maxRateGroups && isStorePrefix(prefix) {
		prefix = ""
	}
	return rs.groupNamed(prefix)
}

func (rs *rates) groupNamed(prefix string) *rateGroup {
	g := rs.groups[prefix]
	if g == nil {
		g = &rateGroup{prefix: prefix}
		rs.groups[prefix] = g
		rs.largest.add(g)
	}
	return g
}

// sweep drops what is as good as new.
func (rs *rates) sweep(now int64) {
	rs.largest = rs.largest[:0]
	for prefix, g := range rs.groups {
		kept := g.rates[:0]
		for _, r := range g.rates {
			if r.tat > now {
				kept = append(kept, r)
			} else {
				delete(rs.byKey, r.key)
			}
		}
		clear(g.rates[len(kept):])
		if g.rates = kept; len(kept) == 0 && max(g.shared, g.floor) <= now {
			delete(rs.groups, prefix)
			continue
		}
		rs.largest.add(g)
	}
}
