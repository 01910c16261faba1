package resilience

// lru keeps what is known of the services asked last, MaxTargets at most. The zero value is ready.
// Its user locks.
type lru[T any] struct {
	entries map[string]*lruEntry[T]
	serial  uint64
}

type lruEntry[T any] struct {
	value *T
	used  uint64
}

// get returns what is kept under a name, or makes it. Where there is no place the one that was used
// longest ago goes; of those for which stays is true only if there are no others.
func (l *lru[T]) get(name string, build func() *T, stays func(*T) bool) *T {
	l.serial++
	e := l.entries[name]
	if e == nil {
		if l.entries == nil {
			l.entries = map[string]*lruEntry[T]{}
		}
		if len(l.entries) >= MaxTargets {
			l.drop(stays)
		}
		e = &lruEntry[T]{value: build()}
		l.entries[name] = e
	}
	e.used = l.serial
	return e.value
}

func (l *lru[T]) drop(stays func(*T) bool) {
	oldest, oldestStays := "", false
	used := uint64(0)
	found := false
	for name, e := range l.entries {
		s := stays != nil && stays(e.value)
		if !found || oldestStays && !s || s == oldestStays && e.used < used {
			oldest, oldestStays, used, found = name, s, e.used, true
		}
	}
	delete(l.entries, oldest)
}
