package rover

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each command has a section in docs/commands.md, which names every flag of caddy rover run.
func TestCommandsPage(t *testing.T) {
	text, err := os.ReadFile("docs/commands.md")
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
