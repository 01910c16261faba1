package luart

import (
	"bytes"
	"context"
	_ "embed"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/internal/needs"
)

var (
	diffPrograms = flag.Int("programs", 1000, "how many random programs TestDiffLua runs")
	diffSeed     = flag.Uint64("seed", 1, "where the random programs of TestDiffLua begin; 0: at the time")
	diffFor      = flag.Duration("difftime", 0, "how long TestDiffLua goes on, whatever -programs says")
)

var (
	//go:embed testdata/difflua/prelude.lua
	diffPrelude string
	//go:embed testdata/difflua/serialize.lua
	diffSerialize string
)

// diffRunner is the expression of what a file of testdata/difflua returns, which gets that of
// serialize.lua.
func diffRunner(file string) string {
	return "(function(...) " + file + "\nend)((function() " + diffSerialize + "\nend)())"
}

// What stands between programs, and between what they say.
const (
	diffNext   = "\n\x01\n"
	diffAnswer = "\x02\n"
)

// TestDiffLua runs random programs as scripts and in lua5.1, and compares what they compute. To see
// one again: go test ./luart -run TestDiffLua -seed N -programs 1. Programs keep clear of what is
// meant to differ, and right; one in some 20,000 comes upon it nevertheless. So the first seed is
// the same each time, unless -seed says another:
//
//   - Zero has no sign once it is computed: the VM keeps the numbers 0 to 255 once each. lua5.1 mixes up
//     0 and -0 itself, where both are constants of one function.
//   - pairs goes by order of insertion; in lua5.1 the order is any.
//   - The VM's errors have other words; their line is compared.
//   - The length of a list with holes is any of its borders.
//   - A list with something in it that is not a number (0/0) has no order; sort makes any of it.
//   - Calls may be some thousand deep, not 200,000; string.format takes any value for %s.
func TestDiffLua(t *testing.T) {
	needs.Program(t, "lua5.1")
	seed := *diffSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1e9
	}
	t.Logf("the first seed is %d", seed)
	s := newDiffServer(t)
	const batch = 100
	ran, differ := 0, 0
	for begun := time.Now(); ran < *diffPrograms || time.Since(begun) < *diffFor; {
		n := batch
		if *diffFor == 0 {
			n = min(batch, *diffPrograms-ran)
		}
		programs := make([]string, n)
		for i := range programs {
			programs[i] = newLuaProgram(rand.New(rand.NewPCG(seed+uint64(ran+i), 1)))
		}
		differ += diffBatch(t, s, programs, func(i int) string { return fmt.Sprintf("seed %d", seed+uint64(ran+i)) })
		ran += n
		if differ > 5 {
			t.Fatalf("and so on: %d of %d programs differ", differ, ran)
		}
	}
	t.Logf("%d programs, seeds %d to %d", ran, seed, seed+uint64(ran)-1)
}

// newDiffServer has a script that runs the programs of a request's body.
func newDiffServer(t *testing.T) *server {
	return newServer(t, `
		local api = rover.server {}
		local run = `+diffRunner(diffPrelude)+`
		function api.post(ctx)
			local said = {}
			for program in (ctx:body():text() .. "`+luaEscape(diffNext)+`"):gmatch("(.-)`+luaEscape(diffNext)+`") do
				said[#said + 1] = run(program)
				rover.sleep(0)
			end
			return table.concat(said, "`+luaEscape(diffAnswer)+`")
		end
		return api`, func(s *Script) { s.Timeout, s.Burst, s.MaxBody = 10*time.Minute, 10*time.Minute, 64<<20 })
}

// luaEscape is s between the quotes of a Lua string.
func luaEscape(s string) string {
	return strings.NewReplacer("\n", `\n`, "\x01", `\1`, "\x02", `\2`).Replace(s)
}

// diffBatch runs programs on both sides and returns how many differ.
func diffBatch(t *testing.T, s *server, programs []string, name func(i int) string) (differ int) {
	t.Helper()
	got, want, ok := diffRun(t, s, programs)
	if !ok {
		t.Fatalf("one of %s and those after it does not end in lua5.1", name(0))
	}
	for i, program := range programs {
		if strings.HasPrefix(want[i], "does not compile") {
			t.Fatalf("%s: lua5.1 says: %s\n%s", name(i), want[i], program)
		}
		if got[i] == want[i] {
			continue
		}
		if differ++; differ > 3 {
			continue
		}
		t.Errorf("%s differs", name(i))
		small := diffShrink(t, s, program)
		got, want, ok := diffRun(t, s, []string{small})
		if !ok {
			continue
		}
		at, g, w := firstDifference(got[0], want[0])
		t.Errorf("%s: output %d is\n%s\nand in lua5.1\n%s\nof this part of the program:\n%s", name(i), at, g, w, small)
	}
	return differ
}

// diffShrink takes lines out of a program as long as it differs.
func diffShrink(t *testing.T, s *server, program string) string {
	lines := strings.Split(strings.TrimSpace(program), "\n")
	for n := len(lines) / 2; n > 0; {
		var shorter []string
		for i := 0; i+n <= len(lines); i++ {
			shorter = append(shorter, strings.Join(append(lines[:i:i], lines[i+n:]...), "\n"))
			shorter = append(shorter, strings.Join(append(append(lines[:i:i], make([]string, n)...), lines[i+n:]...), "\n"))
			for j := i + n + 1; j < len(lines) && n == 1 && len(lines) < 60; j++ { // the two ends of a block
				less := append(append(lines[:i:i], lines[i+1:j]...), lines[j+1:]...)
				shorter = append(shorter, strings.Join(less, "\n"))
			}
		}
		found := false
		for len(shorter) > 0 && !found {
			some := shorter[:min(len(shorter), 100)]
			shorter = shorter[len(some):]
			got, want, ok := diffRun(t, s, some)
			for i := 0; ok && i < len(some) && !found; i++ { // what does not end is not looked at
				if len(strings.TrimSpace(some[i])) < len(strings.TrimSpace(strings.Join(lines, "\n"))) &&
					!strings.HasPrefix(want[i], "does not compile") && got[i] != want[i] {
					lines, found = strings.Split(some[i], "\n"), true
				}
			}
		}
		if n = min(n, len(lines)); !found {
			n /= 2
		}
	}
	return strings.Join(lines, "\n")
}

// diffRun returns what programs say here and in lua5.1, false when that does not end.
func diffRun(t *testing.T, s *server, programs []string) (got, want []string, ok bool) {
	t.Helper()
	body := strings.Join(programs, diffNext)
	if want, ok = diffReference(t, body); !ok {
		return nil, nil, false
	}
	w := s.do("POST /", body)
	if w.Code != 200 {
		t.Fatalf("answer %d: %s", w.Code, w.Body)
	}
	got = strings.Split(w.Body.String(), diffAnswer)
	if len(want) != len(programs) || len(got) != len(programs) {
		t.Fatalf("of %d programs lua5.1 says %d things, we %d", len(programs), len(want), len(got))
	}
	return got, want, true
}

// diffReference returns what programs say in lua5.1.
func diffReference(t *testing.T, programs string) (said []string, ok bool) {
	t.Helper()
	const level = "=========="
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "lua5.1", "-")
	cmd.Stdin = strings.NewReader("local run = " + diffRunner(diffPrelude) + "\n" +
		"local said, all = {}, [" + level + "[\n" + programs + "]" + level + "] .. '" + luaEscape(diffNext) + "'\n" +
		"for program in all:gmatch('(.-)" + luaEscape(diffNext) + "') do said[#said + 1] = run(program) end\n" +
		"io.write(table.concat(said, '" + luaEscape(diffAnswer) + "'))")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, false
	}
	if err != nil {
		t.Fatalf("lua5.1: %v: %s", err, stderr.Bytes())
	}
	return strings.Split(string(out), diffAnswer), true
}

func firstDifference(got, want string) (line int, g, w string) {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		g, w = "(nothing)", "(nothing)"
		if i < len(a) {
			g = a[i]
		}
		if i < len(b) {
			w = b[i]
		}
		if g != w {
			return i + 1, g, w
		}
	}
	return 0, "", ""
}
