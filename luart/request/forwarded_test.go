package request

import (
	"strings"
	"testing"
)

// What is read of Forwarded reads again as it was written out, and nothing is read of what is odd.
func FuzzForwarded(f *testing.F) {
	for _, text := range []string{"proto=https", `for="[::1]";proto="ht\"tp"`, "proto=a,proto=b;for=c", "proto", ";,", `proto="`, "proto=a;proto=b", "a==b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		protos, ok := forwardedProtos([]string{text})
		if !ok {
			if protos != nil {
				t.Fatalf("%q: %q", text, protos)
			}
			return
		}
		var again []string
		for _, proto := range protos {
			again = append(again, `proto="`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(proto)+`"`)
		}
		got, ok := forwardedProtos([]string{strings.Join(again, ", ")})
		if !ok || strings.Join(got, "\x00") != strings.Join(protos, "\x00") {
			t.Fatalf("%q is %q, and that %q, %v", text, protos, got, ok)
		}
	})
}
