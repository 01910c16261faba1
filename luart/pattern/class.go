package pattern

import "strings"

// anyByte is the set of '.'.
var anyByte = newClass(func(byte) bool { return true })

// classes are the sets behind a '%', as the C locale has them; nil: the byte stands for itself.
// They are only read.
var classes = newClasses()

func newClasses() (list [256]*[256]bool) {
	for name, member := range map[byte]func(byte) bool{
		'a': isLetter,
		'c': func(b byte) bool { return b < ' ' || b == 0x7f },
		'd': isDigit,
		'l': func(b byte) bool { return 'a' <= b && b <= 'z' },
		'p': func(b byte) bool { return '!' <= b && b <= '~' && !isLetter(b) && !isDigit(b) },
		's': func(b byte) bool { return strings.IndexByte(" \t\n\v\f\r", b) >= 0 },
		'u': func(b byte) bool { return 'A' <= b && b <= 'Z' },
		'w': func(b byte) bool { return isLetter(b) || isDigit(b) },
		'x': func(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' },
		'z': func(b byte) bool { return b == 0 },
	} {
		set := newClass(member)
		others := newClass(func(b byte) bool { return !set[b] })
		list[name], list[name-'a'+'A'] = &set, &others
	}
	return list
}

func newClass(member func(byte) bool) (set [256]bool) {
	for b := range set {
		set[b] = member(byte(b))
	}
	return set
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isDigit(b byte) bool  { return '0' <= b && b <= '9' }
