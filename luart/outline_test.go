package luart

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/route"
)

// An outline has what a script has defined, and where, also when it has failed further down.
func TestOutline(t *testing.T) {
	const script = `
		local api = rover.server {}
		function api.users.p_id.get(ctx) return ctx:param("id") end
		function api.users.before.auth(ctx) end
		function api.users.p_id.get(ctx) return "again" end
		api:at("/get").post = function() end
		rover.sleep(3600)
		print(rover.http.get("http://127.0.0.1:1/"))
	`
	for name, tt := range map[string]struct{ more, fails string }{
		"loaded": {"return api", ""},
		"failed": {"error('no')", "app.lua:9: no"},
	} {
		t.Run(name, func(t *testing.T) {
			var nodes, overrides []string
			var see func(n *api.Node)
			see = func(n *api.Node) {
				text := fmt.Sprintf("%s %q", n.Lua(), n.Path())
				for m, d := range n.Handlers {
					if d.Where != "" {
						file, line := d.Source()
						text += fmt.Sprintf(" %s %s %s:%d", route.MethodNames[m], d.Where, file, line)
					}
				}
				for _, d := range n.Before.List {
					text += fmt.Sprintf(" before.%s %s", d.Name, d.Where)
				}
				nodes = append(nodes, text)
				for _, child := range n.Children {
					if child.Parent != n {
						t.Errorf("%s is not below %s", child.Lua(), n.Lua())
					}
					see(child)
				}
			}
			failed := ""
			err := DryRun(context.Background(), Script{
				Libraries: all.Libraries(), Path: "app.lua", Source: []byte(script + tt.more),
			}, func(o *Outline, loading error) {
				see(o.API)
				for _, over := range o.Overrides {
					overrides = append(overrides, over.Name+" "+over.Was+" "+over.At)
				}
				if loading != nil {
					failed = loading.Error()
				}
				if o.API.ChildLua("put") != `api:at("/put")` || !slices.Contains(o.Names.Libraries, "string") || o.Name != "app.lua" {
					t.Errorf("%s, %v, %s", o.API.ChildLua("put"), o.Names.Libraries, o.Name)
				}
			})
			if err != nil || !strings.Contains(failed, tt.fails) || failed != "" && tt.fails == "" {
				t.Errorf("%v, %q", err, failed)
			}
			want := []string{
				`api ""`,
				`api.users "/users" before.auth app.lua:4`,
				`api.users.p_id "/users/:id" get app.lua:5 app.lua:5`,
				`api:at("/get") "/get" post app.lua:6 app.lua:6`,
			}
			if !slices.Equal(nodes, want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(nodes, "\n"), strings.Join(want, "\n"))
			}
			if !slices.Equal(overrides, []string{"api.users.p_id.get app.lua:3 app.lua:5"}) {
				t.Errorf("overrides: %q", overrides)
			}
		})
	}
}
