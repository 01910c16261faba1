package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Each command has a section in docs/commands.md, which names every flag of caddy rover run.
func TestCommandsPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		for _, name := range strings.Split(heading, ", ") {
			sections[name] = body
		}
	}
	for _, make := range commands {
		cmd := make()
		section, ok := sections[cmd.Name()]
		if !ok {
			t.Errorf("docs/commands.md has no section %q", cmd.Name())
		}
		if cmd.Name() != "run" {
			continue
		}
		for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(cmd.LocalFlags().FlagUsages(), -1) {
			if !strings.Contains(section, "`"+flag) {
				t.Errorf("docs/commands.md does not say what %s of %s is", flag, cmd.Name())
			}
		}
	}
}

// While a config is being replaced a reload is asked for again, but not for ever; other refusals
// count at once, and rollback, which could go back twice, is asked for once.
func TestReloadAsksAgain(t *testing.T) {
	for _, tt := range []struct {
		command string
		status  int // of the first answers
		times   int // that they come
		asked   int
		done    bool
	}{
		{"reload", http.StatusServiceUnavailable, 2, 3, true},
		{"reload", http.StatusUnprocessableEntity, 1, 1, false},
		{"rollback", http.StatusServiceUnavailable, 1, 1, false},
	} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked <= tt.times {
				w.WriteHeader(tt.status)
			}
			fmt.Fprint(w, `{"vms": []}`)
		}))
		for _, make := range commands {
			cmd := make()
			if cmd.Name() != tt.command {
				continue
			}
			cmd.SetArgs([]string{"--address", strings.TrimPrefix(server.URL, "http://")})
			cmd.SilenceUsage, cmd.SilenceErrors = true, true
			if err := cmd.Execute(); (err == nil) != tt.done {
				t.Errorf("%s, %d: error %v", tt.command, tt.status, err)
			}
		}
		server.Close()
		if asked != tt.asked {
			t.Errorf("%s, %d: asked %d times, want %d", tt.command, tt.status, asked, tt.asked)
		}
	}

	paused, refused := 0, &adminError{"the configuration has been replaced", http.StatusServiceUnavailable}
	_, err := askAgain(nil, refused, func() ([]byte, error) { return nil, refused }, func() { paused++ })
	if err == nil || paused != replacedTries {
		t.Errorf("error %v after %d pauses", err, paused)
	}
}

// caddy rover help is what caddy help rover is, and names a command as that does.
func TestHelp(t *testing.T) {
	for _, tt := range []struct{ line, want, fails string }{
		{"", "Available Commands:", ""},
		{"help", "Available Commands:", ""},
		{"help top", "q, Ctrl-C", ""},
		{"help tpo", "", `there is no command "tpo": did you mean top?`},
		{"help top shop", "", `there is no command "shop": caddy rover --help lists them`},
		{"aid", "", `there is no command "aid": caddy rover --help lists them`},
	} {
		var out strings.Builder
		rover := &cobra.Command{Use: "rover", RunE: runNone}
		addCommands(rover)
		rover.SetOut(&out)
		fails := ""
		if err := runNone(rover, strings.Fields(tt.line)); err != nil {
			fails = err.Error()
		}
		if !strings.Contains(out.String(), tt.want) || fails != tt.fails {
			t.Errorf("rover %s: error %q, want %q, with %q in\n%s", tt.line, fails, tt.fails, tt.want, out.String())
		}
	}
}

// A command that is given too many or too few arguments says how it is written, as JSON where that
// is asked for; so is a flag that there is not.
func TestUsageOfArguments(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"new", "write rover new <folder>: no argument was given; rover new --help says more"},
		{"run a.lua b.lua", "write rover run <script.lua>: 2 arguments were given; rover run --help says more"},
		{"repl a.lua b.lua", "write rover repl [<script.lua>]: 2 arguments were given; rover repl --help says more"},
		{"status --json all", `write rover status: the argument "all" was given; rover status --help says more`},
		{"status --json --nope", "unknown flag: --nope"},
		{"status --nope", "unknown flag: --nope"},
		{"top shop", `write rover top: the argument "shop" was given; rover top --help says more`},
	} {
		rover := &cobra.Command{Use: "rover", SilenceErrors: true, SilenceUsage: true}
		addCommands(rover)
		rover.SetArgs(strings.Fields(tt.line))
		var out, errs strings.Builder
		rover.SetOut(&out)
		rover.SetErr(&errs)
		want, wantErrs := "", "Error: "+tt.want+"\n"
		if strings.Contains(tt.line, "--json") {
			text, _ := json.Marshal(tt.want)
			want, wantErrs = "{\n  \"error\": "+string(text)+"\n}\n", ""
		}
		if err := rover.Execute(); err == nil || out.String() != want || errs.String() != wantErrs {
			t.Errorf("%s: got %v, %s%s, want %s", tt.line, err, out.String(), errs.String(), tt.want)
		}
	}
}
