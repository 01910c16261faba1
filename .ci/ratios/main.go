// Command ratios prints what things cost beside what they are measured by, as ratios of benchmarks. The
// two sides run in turns, so that a busy machine is as busy for both. It judges nothing: it ends with an
// error only when a benchmark does, or is not there any more.
//
//	go run ./.ci/ratios
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// suite is benchmarks of a package, and which are compared.
type suite struct {
	folder, bench string
	pairs         []pair
}

// pair is two benchmarks by their names without "Benchmark".
type pair struct{ what, ours, base string }

var suites = []suite{
	{"internal/handler", "^BenchmarkShare$", []pair{
		{"hello in Lua beside respond", "Share/hello", "Share/respond"},
		{"a path without a route beside no directive", "Share/untouched", "Share/respond"},
		{"a Lua decision to pass on beside respond", "Share/decide", "Share/respond"},
		{"a Lua decision and api.proxy beside reverse_proxy, without an upstream", "Share/proxy", "Share/reverse_proxy"},
		{"the same with an upstream, which is in the process too", "Share/proxy_tcp", "Share/reverse_proxy_tcp"},
	}},
	{"internal/upstream/lean", "^BenchmarkRoundTrip$", []pair{
		{"a round trip over lean connections beside http.Transport", "RoundTrip/lean", "RoundTrip/http"},
	}},
	{"luart", "^BenchmarkAuthRule$/^(HS256|ES256)$", []pair{
		{"the rule auth beside the signature alone, HS256", "AuthRule/HS256/rule", "AuthRule/HS256/signature"},
		{"the rule auth beside the signature alone, ES256", "AuthRule/ES256/rule", "AuthRule/ES256/signature"},
	}},
	{"eventloop", "^BenchmarkDo$/^(loop|mutex|chan)$/^p=(1|64)$", []pair{
		{"the dispatcher alone beside a mutex", "Do/loop/p=1", "Do/mutex/p=1"},
		{"the dispatcher, 64 producers, beside channels", "Do/loop/p=64", "Do/chan/p=64"},
	}},
}

func main() {
	log.SetFlags(0)
	rounds := flag.Int("n", 5, "rounds")
	length := flag.Duration("d", 100*time.Millisecond, "how long a benchmark runs in each")
	flag.Parse()
	if *rounds < 1 || *length <= 0 {
		log.Fatal("-n and -d must be above zero")
	}
	dir, err := os.MkdirTemp("", "ratios")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(dir, *rounds, *length); err != nil {
		os.RemoveAll(dir)
		log.Fatal(err)
	}
}

func run(dir string, rounds int, length time.Duration) error {
	for i, s := range suites {
		if out, err := exec.Command("go", "test", "-c", "-o", binary(dir, i), "./"+s.folder).CombinedOutput(); err != nil {
			return fmt.Errorf("building the tests of %s: %w\n%s", s.folder, err, out)
		}
	}
	for i, s := range suites {
		costs := make([]map[string]cost, rounds)
		for round := range costs {
			cmd := exec.Command(binary(dir, i), "-test.run", "^$", "-test.bench", s.bench, "-test.benchtime", length.String(), "-test.benchmem")
			cmd.Dir = s.folder
			out, err := cmd.Output()
			if err != nil {
				return fmt.Errorf("%s in %s: %w\n%s", s.bench, s.folder, err, out)
			}
			costs[round] = parse(out)
		}
		for _, p := range s.pairs {
			if err := p.print(costs); err != nil {
				return err
			}
		}
	}
	return nil
}

func binary(dir string, i int) string { return filepath.Join(dir, strconv.Itoa(i)+".test") }

// cost is what one run of a benchmark took.
type cost struct {
	ns     float64 // CPU time where the benchmark says that, else the time that has passed
	allocs float64
}

// parse reads the output of benchmarks.
func parse(out []byte) map[string]cost {
	all := map[string]cost{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if at := strings.LastIndexByte(name, '-'); at >= 0 { // the number of processors, where it is not 1
			name = name[:at]
		}
		c, isCPU := cost{}, false
		for i := 2; i+1 < len(fields); i += 2 {
			n, err := strconv.ParseFloat(fields[i], 64)
			switch unit := fields[i+1]; {
			case err != nil:
			case unit == "cpu-ns/op":
				c.ns, isCPU = n, true
			case unit == "ns/op" && !isCPU:
				c.ns = n
			case unit == "allocs/op":
				c.allocs = n
			}
		}
		all[name] = c
	}
	return all
}

// print prints the ratio of the fastest rounds of both sides, and that of each round from the
// lowest to the highest.
func (p pair) print(rounds []map[string]cost) error {
	var ours, base, ratios []float64
	var allocs [2]float64
	for _, costs := range rounds {
		o, ok1 := costs[p.ours]
		b, ok2 := costs[p.base]
		if !ok1 || !ok2 || b.ns == 0 {
			return fmt.Errorf("there is no benchmark %s or %s", p.ours, p.base)
		}
		ours, base, ratios = append(ours, o.ns), append(base, b.ns), append(ratios, o.ns/b.ns)
		allocs = [2]float64{o.allocs, b.allocs}
	}
	o, b := slices.Min(ours), slices.Min(base)
	fmt.Printf("%s\n\t%.2f (%.2f to %.2f)   %+.2fµs: %.2f beside %.2fµs   %+.0f allocations: %.0f beside %.0f\n", p.what,
		o/b, slices.Min(ratios), slices.Max(ratios), (o-b)/1000, o/1000, b/1000, allocs[0]-allocs[1], allocs[0], allocs[1])
	return nil
}
