package bodyfilter

import "bytes"

// plainReplacer finds plain text. It keeps no bytes: those that are not decided are the beginning of the pattern.
type plainReplacer struct {
	output      *output
	pattern     *Pattern
	replacement []byte
	seen        int // bytes of the pattern that the body ends with
}

// failures returns the table of Knuth, Morris and Pratt: for each beginning of the pattern, how much of its end the pattern begins with.
func failures(pattern string) []int {
	table := make([]int, len(pattern)+1)
	table[0] = -1
	for i, k := 0, -1; i < len(pattern); {
		for k >= 0 && pattern[i] != pattern[k] {
			k = table[k]
		}
		i, k = i+1, k+1
		table[i] = k
	}
	return table
}

func (r *plainReplacer) write(p []byte) error {
	plain := r.pattern.plain
	for len(p) > 0 && !r.output.finished() {
		if r.seen == 0 {
			at := bytes.Index(p, r.pattern.plainBytes)
			if at >= 0 {
				if err := r.replace(p[:at]); err != nil {
					return err
				}
				p = p[at+len(plain):]
				continue
			}
			// No match is in it, but one may begin at its end.
			sure := max(0, len(p)-len(plain)+1)
			if err := r.output.add(p[:sure]); err != nil {
				return err
			}
			p = p[sure:]
		}
		for len(p) > 0 {
			for r.seen >= 0 && plain[r.seen] != p[0] {
				if err := r.giveUp(r.pattern.failures[r.seen]); err != nil {
					return err
				}
			}
			if r.seen < 0 {
				r.seen = 0
				if err := r.output.add(p[:1]); err != nil {
					return err
				}
				p = p[1:]
				if len(p) >= len(plain) {
					break // it is worth a search
				}
				continue
			}
			p = p[1:]
			if r.seen++; r.seen == len(plain) {
				if err := r.replace(nil); err != nil {
					return err
				}
				r.seen = 0
				break
			}
		}
	}
	return r.output.add(p)
}

// giveUp hands out what is no longer the beginning of a match when only so many bytes are.
func (r *plainReplacer) giveUp(seen int) error {
	err := r.output.add(r.pattern.plainBytes[:r.seen-max(seen, 0)])
	r.seen = seen
	return err
}

// replace hands out the text before a match and the replacement.
func (r *plainReplacer) replace(before []byte) error {
	if err := r.output.add(before); err != nil {
		return err
	}
	r.output.left--
	return r.output.add(r.replacement)
}

func (r *plainReplacer) end() error { return r.giveUp(0) }
