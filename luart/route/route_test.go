package route

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// site has a route, or a hook, for each kind of place.
func site() *Tree[string] {
	get := func(h string) (list [MethodCount]string) { list[Get] = h; return list }
	return New(&Place[string]{
		Pattern: "/", Handlers: get("home"), Before: []string{"everywhere"},
		Children: []*Place[string]{
			{
				Kind: Static, Name: "users", Pattern: "/users", Children: []*Place[string]{
					{Kind: Parameter, Name: "id", Pattern: "/users/:id", Handlers: get("user"), Before: []string{"owner"}},
					{Kind: Static, Name: "me", Pattern: "/users/me", Handlers: get("me"), After: []string{"mask"}},
				},
			},
			{Kind: Static, Name: "admin", Pattern: "/admin", Before: []string{"admin"}},
			{Kind: Wildcard, Name: "rest", Pattern: "/*rest", Handlers: get("file")},
		},
	})
}

func TestFind(t *testing.T) {
	tree := site()
	var m Match[string]
	for request, want := range map[string]string{
		"GET /":             "home [] before everywhere after ",
		"HEAD /":            "home [] before everywhere after ",
		"GET /users/me":     "me [] before everywhere after mask",
		"GET /users/7":      "user [{id 7}] before everywhere,owner after ",
		"GET /users/a%2Fb":  "user [{id a/b}] before everywhere,owner after ",
		"GET /users/7/x":    "file [{rest users/7/x} {id 7}] before everywhere,owner after ",
		"GET /x//admin":     "file [{rest x//admin}] before everywhere after ",
		"GET /%61dmin":      "file [{rest admin}] before everywhere,admin after ",
		"GET /x/../ADMIN/y": "file [{rest x/../ADMIN/y}] before everywhere,admin after ",
		"POST /users/me":    " [{id me}] before everywhere,owner after mask",
	} {
		method, target, _ := strings.Cut(request, " ")
		m.Reset()
		tree.Find(httptest.NewRequest(method, target, nil), &m)
		got := fmt.Sprint(m.Handler, " ", m.Params, " before ", strings.Join(m.Before, ","), " after ", strings.Join(m.After, ","))
		if got != want || m.Unclear || !m.Wanted() {
			t.Errorf("%s: got %q, want %q", request, got, want)
		}
	}
	m.Reset()
	tree.Find(httptest.NewRequest(http.MethodPost, "/users/me", nil), &m)
	if got := Allow(m.Known); got != "GET, HEAD, OPTIONS" {
		t.Errorf("allowed: %s", got)
	}
}
