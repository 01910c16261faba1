package limit

// KeysOf returns how many keys a gate knows.
func KeysOf(g *Gate) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.keys)
}

// BoundLeases has a limiter have leases for so many keys.
func BoundLeases(l *Limiter, n int) { l.leases.max = n }
