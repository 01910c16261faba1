package needs

import "testing"

// verdict is a test that says what became of it.
type verdict struct{ said string }

func (v *verdict) Skip(args ...any)  { v.end("skipped: ", args) }
func (v *verdict) Fatal(args ...any) { v.end("failed: ", args) }

func (v *verdict) end(how string, args []any) {
	v.said = how + args[0].(string)
	panic(v)
}

func TestProgram(t *testing.T) {
	for _, c := range []struct{ set, program, want string }{
		{"", "go", ""},
		{"1", "go", ""},
		{"", "no-such-program", "skipped: needs no-such-program, which is not installed"},
		{"1", "no-such-program", "failed: needs no-such-program, which is not installed, and ROVER_TEST_NO_SKIP is set"},
	} {
		t.Setenv(NoSkip, c.set)
		v := new(verdict)
		func() {
			defer func() { _ = recover() }()
			Program(v, "go", c.program)
		}()
		if v.said != c.want {
			t.Errorf("%s=%q, %s: %q, want %q", NoSkip, c.set, c.program, v.said, c.want)
		}
	}
}
