package integration_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/internal/needs"
)

// Who types what an example's README shows gets what it says: the commands are run in a shell, with
// another port. Those that sleep are left out, as are those of more than one Caddy.
func TestExampleReadmes(t *testing.T) {
	needs.Program(t, "sh", "curl", "openssl")
	files, _ := filepath.Glob("../examples/*/README.md")
	binary := filepath.Join(t.TempDir(), "caddy")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/caddy")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building cmd/caddy: %v\n%s", err, out)
	}
	ran := 0
	for _, file := range files {
		dir := filepath.Dir(file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		config := "examples/" + filepath.Base(dir) + "/Caddyfile"
		sessions := shellSessions(string(text))
		start := "go run ./cmd/caddy run --config " + config
		if len(sessions) == 0 || !strings.Contains(string(text), start) {
			continue // see TestClusterExample, TestLibraryExample
		}
		ran++
		t.Run(filepath.Base(dir), func(t *testing.T) {
			port, home := freePort(), t.TempDir()
			settings := append([]string{
				"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_DATA_HOME=" + home,
				"PORT=" + port, "ADMIN=127.0.0.1:" + freePort(),
			}, servicePorts(t, dir)...)
			startCommand(t, "..", "env "+strings.Join(settings, " ")+" "+binary+" run --config "+config)
			for _, s := range sessions {
				s.check(t, port)
			}
		})
	}
	if ran < 10 {
		t.Errorf("%d READMEs have commands", ran)
	}
}

// shellSession is commands that a README shows one below the other, and what it says of their
// answers, in order.
type shellSession struct {
	commands string
	answers  []string
}

var (
	aCommand = regexp.MustCompile(`^    (curl |id=|sign=)`)
	anAnswer = regexp.MustCompile("The answers? (?:is|are)\\b((?:`[^`]+`|[^`.])*)")
	aSpan    = regexp.MustCompile("`([^`]+)`")
)

// shellSessions reads a README: lines of commands, and behind them the code in a sentence that begins
// with "The answer is", and lines of output.
func shellSessions(readme string) (list []shellSession) {
	for paragraph := range strings.SplitSeq(readme, "\n\n") {
		last := len(list) - 1
		switch {
		case strings.Contains(paragraph, "sleep "):
		case strings.Contains(paragraph, "localhost:8080/") && hasCommand(paragraph):
			s := shellSession{}
			for line := range strings.Lines(paragraph) {
				if aCommand.MatchString(line) {
					s.commands += line
				}
			}
			list = append(list, s)
		case last < 0:
		case strings.HasPrefix(paragraph, "    ") && !strings.HasPrefix(paragraph, "    go run "):
			for line := range strings.Lines(paragraph) {
				list[last].answers = append(list[last].answers, strings.TrimSpace(line))
			}
		default:
			for _, sentence := range anAnswer.FindAllStringSubmatch(paragraph, -1) {
				for _, m := range aSpan.FindAllStringSubmatch(sentence[1], -1) {
					list[last].answers = append(list[last].answers, m[1])
				}
			}
		}
	}
	return list
}

func hasCommand(paragraph string) bool {
	for line := range strings.Lines(paragraph) {
		if aCommand.MatchString(line) {
			return true
		}
	}
	return false
}

// check runs the commands, and looks for the answers in what they print.
func (s shellSession) check(t *testing.T, port string) {
	if len(s.answers) == 0 {
		t.Errorf("the README does not say \"The answer is\" behind\n%s", s.commands)
		return
	}
	commands := strings.ReplaceAll(s.commands, "localhost:8080/", "localhost:"+port+"/")
	run := exec.CommandContext(t.Context(), "sh", "-c", commands)
	var out bytes.Buffer
	run.Stdout = &out
	if err := run.Run(); err != nil {
		t.Errorf("%v\n%s", err, s.commands)
	}
	rest := out.String()
	for _, answer := range s.answers {
		_, after, ok := strings.Cut(rest, answer)
		if !ok {
			t.Errorf("%s\nprints\n%s\nand not, in this place, %s", s.commands, out.String(), answer)
			return
		}
		rest = after
	}
}
