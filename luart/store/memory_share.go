package store

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Share is what the keys of one beginning take.
type Share struct {
	Prefix string // of the name, see prefixOf
	Keys   int
	Bytes  int64
}

// Largest returns the n shares that take the most, the largest first. Any goroutine may call it.
func (m *Memory) Largest(n int) []Share {
	m.mu.Lock()
	shares := map[string]*Share{}
	for _, e := range m.items {
		prefix := ""
		if e.lock == "" {
			prefix = prefixOf(e.key)
		}
		s := shares[prefix]
		if s == nil {
			s = &Share{Prefix: prefix}
			shares[prefix] = s
		}
		s.Keys++
		s.Bytes += int64(len(e.key) + len(e.value))
	}
	m.mu.Unlock()
	list := make([]Share, 0, len(shares))
	for _, s := range shares {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(x, y Share) int {
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Prefix, y.Prefix))
	})
	return list[:min(n, len(list))]
}

// prefixOf is what the keys of one name begin with. Those of rover.store begin with the length of
// the name and the name, "5:carts:", others with "limit:/login:", up to their second ":".
func prefixOf(key string) string {
	first := strings.IndexByte(key, ':')
	if first < 0 {
		return ""
	}
	rest := key[first+1:]
	if n, err := strconv.Atoi(key[:first]); err == nil && n >= 0 && n < len(rest) && rest[n] == ':' {
		return key[:first+1+n+1]
	}
	if second := strings.IndexByte(rest, ':'); second >= 0 {
		return key[:first+1+second+1]
	}
	return key[:first+1]
}

// isStorePrefix reports whether a prefix is that of a rover.store.
func isStorePrefix(prefix string) bool { return prefix != "" && prefix[0] >= '0' && prefix[0] <= '9' }
