// Package needs skips tests on a machine that lacks what they need, and fails them where nothing
// may lack.
package needs

import (
	"os"
	"os/exec"
)

// NoSkip is the environment variable that .ci/run sets: what is missing there is a mistake.
const NoSkip = "ROVER_TEST_NO_SKIP"

// T is a test: a testing.TB, or what testscript has in its place.
type T interface {
	Skip(args ...any)
	Fatal(args ...any)
}

// Program skips a test, with its reason, on a machine without programs that Go does not bring
// along.
func Program(t T, names ...string) {
	help(t)
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			Skip(t, "needs "+name+", which is not installed")
		}
	}
}

// Skip skips a test for what the machine lacks, or fails it where NoSkip is set.
func Skip(t T, why string) {
	help(t)
	if os.Getenv(NoSkip) != "" {
		t.Fatal(why + ", and " + NoSkip + " is set")
	}
	t.Skip(why)
}

// help has a message name the line of the test.
func help(t T) {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
}
