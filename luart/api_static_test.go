package luart

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/static"
)

// withFolders gives a script the folders public and other, and a file.
func withFolders(t *testing.T) func(*Script) {
	t.Helper()
	return func(s *Script) {
		dir := filepath.Dir(s.Path)
		s.Files = files.Grants{{Dir: filepath.Join(dir, "public"), ReadOnly: true}, {Dir: filepath.Join(dir, "gone")}, {Dir: dir + "/file"}, {Dir: dir + "/all"}}
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "public", "sub"), 0o755), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		s.CheckMount = func(m *static.Mount) error {
			if m.Cache == "refused" {
				return errors.New("the host refuses it")
			}
			return nil
		}
	}
}

func TestStaticMistakes(t *testing.T) {
	for script, want := range map[string]string{
		`api.assets.static {}`:                                                                `app.lua:2: Missing 'dir' in static mount at '/assets'`,
		`api.static { dir = "" }`:                                                             `app.lua:2: Missing 'dir' in static mount at '/'`,
		`api.assets.static { dir = "public", cache = "" }`:                                    `app.lua:2: Invalid 'cache' in static mount at '/assets': value cannot be empty`,
		`api.assets.static { dir = "public", cache = " " }`:                                   `value cannot be empty`,
		`api.assets.static { dir = "public", cache = "a\nb" }`:                                `a header cannot have it`,
		`api.assets.static { dir = "public", cache = 3 }`:                                     `option 'cache'`,
		`api.assets.static { dir = "public", index = "../x" }`:                                `Invalid 'index'`,
		`api.assets.static { dir = "public", index = "" }`:                                    `Invalid 'index'`,
		`api.assets.static { dir = "public", index = false, spa = true }`:                     `there is no index to answer with`,
		`api.assets.static { dir = "public", spa = 1 }`:                                       `option 'spa'`,
		`api.assets.static { dir = "public", hide = "[" }`:                                    `Invalid 'hide' in static mount at '/assets': '[' is no pattern such as *.map`,
		`api.assets.static { dir = "public", hide = { 1 } }`:                                  `option 'hide'`,
		`api.assets.static { dir = "public", precompressed = "br" }`:                          `option 'precompressed'`,
		`api.assets.static { dir = "public", browse = true }`:                                 `unknown option "browse"`,
		`api.assets.static "public"`:                                                          `table expected, got string`,
		`api.assets.static { dir = "other" }`:                                                 `'other' is in no folder that the script may use: add "allow fs other ro" to the rover block of the Caddyfile`,
		`api.assets.static { dir = "public/../other" }`:                                       `a path without '..' expected`,
		`api.assets.static { dir = "/etc" }`:                                                  `in no folder`,
		`api.assets.static { dir = "gone" }`:                                                  `there is no folder 'gone'`,
		`api.assets.static { dir = "file" }`:                                                  `file`,
		`api.assets.static { dir = "public", cache = "refused" }`:                             `static mount at '/assets': the host refuses it`,
		`api.assets.static { dir = "public" } api.assets.static { dir = "public" }`:           `there is one already (app.lua:2)`,
		`api.files.w_path.static { dir = "public" }`:                                          `a wildcard has no files below it`,
		`api.on_start(function() api.assets.static { dir = "public" } end)` + ` error("end")`: `end`,
	} {
		vm := newVM(t, VMOptions{})
		s := &server{t: t, vm: vm}
		err := s.load("local api = rover.server {}\n"+script+"\nreturn api", withFolders(t))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", script, err, want)
		}
		vm.Close(t.Context())
	}
}

// A folder that has the script in it would show it, and what is beside it.
func TestStaticOfScript(t *testing.T) {
	for _, dir := range []string{".", "./"} {
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		err := s.load(`local api = rover.server {} api.static { dir = "`+dir+`" } return api`, withFolders(t), func(s *Script) {
			s.Files = files.Grants{{Dir: filepath.Dir(filepath.Dir(s.Path))}}
		})
		if err == nil || !strings.Contains(err.Error(), "has the script in it, which everybody could read then") {
			t.Errorf("%s: got %v", dir, err)
		}
		s.vm.Close(t.Context())
	}
}

// A file takes no turn of the VM, unless there is a hook.
func TestStaticWithoutVM(t *testing.T) {
	s := newServer(t, `local api = rover.server {}
		api.assets.static { dir = "public" }
		api.hooked.static { dir = "public/sub" }
		function api.hooked.before.look(ctx) end
		return api`, withFolders(t))
	all := func() uint64 { n := s.vm.Stats().Counters; return n.CallerRuns + n.Drained }
	ask := func(path string) (turns uint64) {
		before := all()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		x := s.gen.Begin(httptest.NewRecorder(), r, s, nil)
		if x == nil {
			t.Fatalf("%s: nobody wants it", path)
		}
		if decision, err := x.Run(); decision != Pass || err != nil {
			t.Errorf("%s: got %v, %v", path, decision, err)
		}
		turns = all() - before
		if f, ok := x.Next().(static.File); !ok || f.Name != "a.txt" || !f.Clear || f.Private != (turns > 0) {
			t.Errorf("%s: got %+v", path, x.Next())
		}
		x.End()
		return turns
	}
	if n := ask("/assets/a.txt"); n != 0 {
		t.Errorf("got %d turns", n)
	}
	if n := ask("/hooked/a.txt"); n != 1 {
		t.Errorf("got %d turns", n)
	}
}
