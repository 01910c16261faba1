package integration_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// noSkip is the environment variable that .ci/run sets: a program that is missing there is
// a mistake, and fails the test that needs it.
const noSkip = "ROVER_TEST_NO_SKIP"

// skipper is a *testing.T, or what testscript has in its place.
type skipper interface {
	Skip(args ...any)
	Fatal(args ...any)
}

// needs skips a test, with its reason, on a machine without a program that Go does not
// bring along.
func needs(t skipper, programs ...string) {
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			skipWithout(t, "needs "+name+", which is not installed")
		}
	}
}

// skipWithout skips a test for what the machine lacks, or fails it where nothing may lack.
func skipWithout(t skipper, why string) {
	if os.Getenv(noSkip) != "" {
		t.Fatal(why + ", and " + noSkip + " is set")
	}
	t.Skip(why)
}

// cmdNeeds is needs for a script: needs PROGRAM …. It comes before what starts processes.
func cmdNeeds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: needs PROGRAM ...")
	}
	needs(ts.Value("T").(testscript.T), args...)
}

// verdict is a skipper that says what became of the test.
type verdict struct{ said string }

func (v *verdict) Skip(args ...any)  { v.end("skipped: ", args) }
func (v *verdict) Fatal(args ...any) { v.end("failed: ", args) }

func (v *verdict) end(how string, args []any) {
	v.said = how + args[0].(string)
	panic(v)
}

func TestNeeds(t *testing.T) {
	for _, c := range []struct{ set, program, want string }{
		{"", "go", ""},
		{"1", "go", ""},
		{"", "no-such-program", "skipped: needs no-such-program, which is not installed"},
		{"1", "no-such-program", "failed: needs no-such-program, which is not installed, and ROVER_TEST_NO_SKIP is set"},
	} {
		t.Setenv(noSkip, c.set)
		v := new(verdict)
		func() {
			defer func() { _ = recover() }()
			needs(v, "go", c.program)
		}()
		if v.said != c.want {
			t.Errorf("%s=%q, %s: %q, want %q", noSkip, c.set, c.program, v.said, c.want)
		}
	}
}
