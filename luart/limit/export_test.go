package limit

// KeysOf returns how many keys a gate knows.
func KeysOf(g *Gate) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.keys)
}
