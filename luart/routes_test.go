package luart

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Routes come in the order in which they are tried, each with the hooks on its way in the
// order in which these run.
func TestRoutes(t *testing.T) {
	s := newServer(t, `local api = rover.server {}
function api.before.first() end
function api.before.second() end
function api.after.brand() end
function api.get() end
function api.any() end
function api.users.p_id.get() end
function api.users.p_id.delete() end
function api.users.w_rest.any() end
function api.users.me.get() end
function api.users.before.auth() end
function api.users.after.mask() end
function api.users.after.count() end
function api.admin.before.guard() end
api["well-known"].x.get = function() end
return api`)
	var got []string
	for _, r := range s.gen.Routes() {
		line := fmt.Sprintf("%s at %s:", r.Name(), r.At)
		for _, h := range append(r.Before, r.After...) {
			line += " " + h.Kind + " " + h.Name
		}
		got = append(got, line)
	}
	want := []string{
		"GET / at app.lua:5: before first before second after brand",
		"ANY / at app.lua:6: before first before second after brand",
		"GET /users/me at app.lua:10: before first before second before auth after count after mask after brand",
		"GET /users/:id at app.lua:7: before first before second before auth after count after mask after brand",
		"DELETE /users/:id at app.lua:8: before first before second before auth after count after mask after brand",
		"ANY /users/*rest at app.lua:9: before first before second before auth after count after mask after brand",
		"GET /well-known/x at app.lua:15: before first before second after brand",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	got = nil
	for _, h := range s.gen.Hooks() {
		got = append(got, fmt.Sprintf("%s %s on %s at %s", h.Kind, h.Name, h.Pattern, h.At))
	}
	want = []string{
		"before first on / at app.lua:2", "before second on / at app.lua:3", "after brand on / at app.lua:4",
		"before guard on /admin at app.lua:14",
		"before auth on /users at app.lua:11", "after mask on /users at app.lua:12", "after count on /users at app.lua:13",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What tools read: lists are never null.
func TestRoutesJSON(t *testing.T) {
	s := newServer(t, "local api = rover.server {}\nfunction api.get() end return api")
	got, err := json.Marshal(s.gen.Routes())
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"method":"GET","pattern":"/","at":"app.lua:2","before":[],"after":[],"done":[]}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s = newServer(t, "return rover.server {}")
	for _, list := range []any{s.gen.Routes(), s.gen.Hooks()} {
		if got, _ := json.Marshal(list); string(got) != "[]" {
			t.Errorf("a script without routes has %s", got)
		}
	}
}
