package netlist

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// maxListBytes of a file are read: some millions of lines.
const maxListBytes = 64 << 20

// list is a set of prefixes. It does not change.
type list struct {
	prefixes map[netip.Prefix]bool
	lengths  []int // that prefixes have, the longest first
}

// readList reads the list in a file.
func readList(file string) (*list, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l := &list{prefixes: map[netip.Prefix]bool{}}
	lengths := map[int]bool{}
	lines := bufio.NewScanner(io.LimitReader(f, maxListBytes+1))
	read := 0
	for n := 1; lines.Scan(); n++ {
		if read += len(lines.Bytes()) + 1; read > maxListBytes {
			return nil, fmt.Errorf("%s is larger than %d bytes", file, maxListBytes)
		}
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		p, err := parsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: an address or a prefix expected, got %q", file, n, text)
		}
		l.prefixes[p] = true
		lengths[p.Bits()] = true
	}
	for bits := range lengths {
		l.lengths = append(l.lengths, bits)
	}
	slices.Sort(l.lengths)
	slices.Reverse(l.lengths)
	return l, lines.Err()
}

func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.Unmap().Prefix(a.Unmap().BitLen())
}

// find returns the longest prefix that an address is in.
func (l *list) find(a netip.Addr) (netip.Prefix, bool) {
	for _, bits := range l.lengths {
		if p, err := a.Prefix(bits); err == nil && l.prefixes[p] { // an error: longer than an address
			return p, true
		}
	}
	return netip.Prefix{}, false
}
