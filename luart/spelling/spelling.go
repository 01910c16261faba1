package spelling

import "strings"

// DidYouMean asks for what was meant in the place of a name that there is not; empty for "".
func DidYouMean(name string) string {
	if name == "" {
		return ""
	}
	return "did you mean " + name + "?"
}

// OrDidYouMean is DidYouMean as the end of a message.
func OrDidYouMean(name string) string {
	if name == "" {
		return ""
	}
	return "; " + DidYouMean(name)
}

// Nearest returns the one of names that a person may have meant: one letter away for short
// names, two for longer ones. It is empty when there is none, or more than one.
func Nearest(name string, names []string) (best string) {
	const longest = 40
	limit := 2
	if len(name) < 5 {
		limit = 1
	}
	if len(name) < 2 || len(name) > longest {
		return ""
	}
	least := limit + 1
	for _, n := range names {
		if n == name || len(n) < 2 || len(n) > longest {
			continue
		}
		d := Distance(strings.ToLower(name), strings.ToLower(n))
		switch {
		case d < least:
			best, least = n, d
		case d == least && n != best:
			best = ""
		}
	}
	return best
}

// Distance counts the letters to insert, delete, replace or swap with their neighbour to
// make one name of another.
func Distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
