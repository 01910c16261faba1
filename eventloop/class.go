package eventloop

// Class says which queued tasks go first. On an idle loop it does not matter.
type Class uint8

// The classes. Each has a queue of its own, of Limits.Queue tasks. High goes before
// Normal, and Normal before Low, but each class that has tasks queued gets at least
// one of 16 in a row.
const (
	Normal Class = iota
	High
	Low

	classes = 3
)

func (c Class) String() string {
	switch c {
	case High:
		return "high"
	case Low:
		return "low"
	default:
		return "normal"
	}
}

// Of turns in a row one is for Normal and one for Low before all others: with High
// always full, the lower classes still move, at a sixteenth of the pace. A cancelled
// or refused task does not use up its class's turn.
const (
	turns      = 16
	normalTurn = 7
	lowTurn    = 15
)

// next removes the task whose turn it is, the oldest of its class. It reports false
// when nothing is queued, or the push of what is queued has not ended. Only the holder
// may call it.
func (l *Loop[T]) next() (*task[T], bool) {
	switch l.own.turn % turns {
	case normalTurn:
		if t, ok := l.rings[Normal].pop(); ok {
			return t, true
		}
	case lowTurn:
		if t, ok := l.rings[Low].pop(); ok {
			return t, true
		}
	}
	if t, ok := l.rings[High].pop(); ok {
		return t, true
	}
	if t, ok := l.rings[Normal].pop(); ok {
		return t, true
	}
	return l.rings[Low].pop()
}

// depth returns how many tasks are queued, as ring.len does. Any goroutine may call it.
func (l *Loop[T]) depth() (n int) {
	for c := range l.rings {
		n += l.rings[c].len()
	}
	return n
}
