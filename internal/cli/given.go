package cli

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/handler"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/outbound"
)

// unknownValue is an option of a Caddyfile with a placeholder that has no value here.
type unknownValue struct {
	option, why string
}

// expand replaces the placeholders of values and folders. What has none here stays as it is written,
// unless over has another value.
func (b *beside) expand(over beside) (unknown []unknownValue) {
	repl := caddy.NewReplacer()
	expand := func(option, text string) string {
		out, err := repl.ReplaceOrErr(text, true, true)
		if err != nil {
			unknown = append(unknown, unknownValue{option, err.Error()})
			return text
		}
		return out
	}
	for _, key := range slices.Sorted(maps.Keys(b.Set)) {
		if _, ok := over.Set[key]; !ok {
			b.Set[key] = expand("set "+key, b.Set[key])
		}
	}
	for i := range b.AllowFS {
		b.AllowFS[i].Dir = expand("allow fs", b.AllowFS[i].Dir)
	}
	return unknown
}

// grant has a script get what the Caddyfile gives it where it runs, and no more: so it is refused
// what it would be refused there. What the command line has given s says what there is here: without
// it the environment is empty, and there is no network. unknown is what expand has said.
func (b *beside) grant(s *luart.Script, unknown []unknownValue) (err error) {
	here := *s
	s.Granted = true
	s.AllowEnv = slices.Contains(b.Allow, rovercaddyfile.AllowEnv)
	if s.EnvPolicy, err = environ.ParsePolicy(b.AllowEnv); err != nil {
		return err
	}
	isHere := func(name string) bool { return here.AllowEnv && here.EnvPolicy.Allows(name) }
	s.Getenv = func(name string) (string, bool) {
		if !isHere(name) {
			return "", false
		}
		return os.LookupEnv(name)
	}
	s.Environ = func() []string {
		return slices.DeleteFunc(os.Environ(), func(variable string) bool {
			name, _, _ := strings.Cut(variable, "=")
			return !isHere(name)
		})
	}
	switch {
	case !slices.Contains(b.Allow, rovercaddyfile.AllowNet):
		s.Net = nil
	case here.Net == nil:
		s.FakeNetwork = luart.NoNetwork
		if s.Net, err = outbound.ParsePolicy(b.AllowNet); err != nil {
			return err
		}
	}
	s.CheckMount = handler.CheckMount
	if slices.ContainsFunc(unknown, func(u unknownValue) bool { return u.option == "allow fs" }) {
		s.CheckMount = nil // a mount may be in that folder
	}
	for _, folder := range b.AllowFS {
		dir, err := filepath.Abs(folder.Dir)
		if err != nil {
			return err
		}
		s.Files = append(s.Files, files.Folder{Dir: dir, ReadOnly: folder.ReadOnly})
	}
	return nil
}
