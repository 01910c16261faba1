package luart

import (
	"os"
	"strings"
	"testing"
)

// ctx:var reads no more of the machine than the script has grants for.
func TestVarNeedsGrants(t *testing.T) {
	const script = `
		local api = rover.server {}
		function api.get(ctx)
			local ok, v = pcall(ctx.var, ctx, ctx:query().name)
			return tostring(v)
		end
		return api`
	s := newServer(t, script)
	for _, name := range []string{"env.HOME", "file./etc/hostname", "http.request.host"} {
		s.vars[name] = "told"
	}
	for name, want := range map[string]string{
		"env.HOME":           `add "allow env"`,
		"file./etc/hostname": "scripts read no files",
		"http.request.host":  "told",
		"environment":        "nil",
	} {
		if got := s.do("GET /?name="+name, "").Body.String(); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if err := s.load(script, func(s *Script) { s.AllowEnv, s.Getenv = true, os.LookupEnv }); err != nil {
		t.Fatal(err)
	}
	if got := s.do("GET /?name=env.HOME", "").Body.String(); got != "told" {
		t.Errorf("with allow env: %q", got)
	}
}
