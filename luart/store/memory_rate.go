package store

import (
	"cmp"
	"context"
	"time"
)

// Take implements Store. Where there are too many keys, those that are new share one rate: a
// flood of keys takes nothing away from others.
func (m *Memory) Take(ctx context.Context, key string, r Rate, n int64, some bool) (Taken, error) {
	if err := cmp.Or(r.Check(), checkCount(n)); err != nil {
		return Taken{}, err
	}
	if err := m.begin(ctx, key); err != nil {
		return Taken{}, err
	}
	defer m.mu.Unlock()
	now := m.now()
	key = m.rateKey(key, now)
	tat, t := take(m.rates[key], now, r, n, some)
	m.rates[key], m.changed = tat, true
	return t, nil
}

// rateKey returns the key under which a rate is counted.
func (m *Memory) rateKey(key string, now int64) string {
	if _, ok := m.rates[key]; ok || len(m.rates) < m.limits.Rates {
		return key
	}
	if now >= m.sweepAt {
		m.sweepAt = now + int64(time.Second) // a flood must not have each call look at all
		for k, tat := range m.rates {
			if tat <= now { // as good as new
				delete(m.rates, k)
			}
		}
		if len(m.rates) < m.limits.Rates {
			return key
		}
	}
	return ""
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
	if tat, ok := m.rates[key]; ok {
		m.rates[key] = give(tat, m.now(), r, n)
	}
	return nil
}
