package luaval

import "testing"

// What an unknown option says: where it is, what is meant, or which there are.
func TestUnknownOption(t *testing.T) {
	o := NewOptions("timeout", "headers").Elsewhere(map[string]string{"ca": "it is one of create"})
	for name, want := range map[string]string{
		"timeout": "",
		"timout":  `unknown option "timout": did you mean timeout?`,
		"ca":      `unknown option "ca": it is one of create`,
		"bogus":   `unknown option "bogus": there are timeout, headers`,
	} {
		if got := o.Unknown(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got, want := NewOptions("handle").Unknown("bogus"), `unknown option "bogus": there is handle`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
