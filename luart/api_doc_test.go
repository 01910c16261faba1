package luart

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/caddy-rover/rover/luart/openapi"
)

// openAPIOf is the document of a script, which is one of OpenAPI.
func openAPIOf(t *testing.T, g *Generation) (text string, doc *openapi3.T) {
	t.Helper()
	data, err := g.OpenAPI(openapi.Info{Title: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	if doc, err = openapi3.NewLoader().LoadFromData(data); err == nil {
		err = doc.Validate(t.Context())
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, data)
	}
	return string(data), doc
}

// What a script says of its routes is in its document, with what its rules answer.
func TestDoc(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		api.users.limit { rate = 10 }
		api.reports.concurrency { max = 2 }
		api.users.p_id.doc {
			get = { summary = "One user", tags = { "users", "people" }, responses = {
				[404] = { description = "Nobody has the id" },
				[200] = { example = { id = 7, name = "ann" }, schema = { id = "integer", name = "string?" } },
			} },
			delete = { hidden = true },
		}
		api.doc { get = { description = "The page that one sees first", deprecated = true, operation_id = "home" } }
		function api.get() end
		function api.users.p_id.get() end
		function api.users.p_id.delete() end
		function api.reports.get() end
		api.proxy_all.doc { post = { summary = "Only this" }, any = { summary = "All others" } }
		function api.proxy_all.any() end
		function api.doc.get() return "a place called doc" end
		return api`)
	text, doc := openAPIOf(t, s.gen)
	user := doc.Paths.Value("/users/{id}")
	if user == nil || user.Delete != nil || user.Get == nil {
		t.Fatalf("got:\n%s", text)
	}
	got, err := json.Marshal(user.Get)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"summary":"One user"`, `"tags":["users","people"]`, `"404":{"description":"Nobody has the id"}`, `"example":{"id":7,"name":"ann"}`, `"required":["id"]`, `"name":{"type":["string","null"]}`, `"429":`,
	} {
		if !strings.Contains(string(got), part) {
			t.Errorf("no %s in %s", part, got)
		}
	}
	if home := doc.Paths.Value("/").Get; home.OperationID != "home" || !home.Deprecated || home.Responses.Value("429") != nil {
		t.Errorf("the home page: %+v", home)
	}
	if doc.Paths.Value("/reports").Get.Responses.Value("503") == nil {
		t.Error("the reports may not be too many at once")
	}
	all := doc.Paths.Value("/proxy_all")
	if all.Post.Summary != "Only this" || all.Get.Summary != "All others" || all.Head != nil {
		t.Errorf("got:\n%s", text)
	}
	if got := answer(s.do("GET /doc", "")); got != "200 a place called doc" {
		t.Errorf("got %s", got)
	}
	for _, h := range s.gen.Hooks() {
		if h.Kind == "doc" {
			t.Errorf("a description is no rule: %+v", h)
		}
	}
}

func TestDocMistakes(t *testing.T) {
	for code, want := range map[string]string{
		`api.a.doc()`:                                                         "bad argument #1 to doc (table expected, got no value)",
		`api.a.doc { gett = {} }`:                                             `unknown option "gett": did you mean get?`,
		`api.a.doc { get = "A" }`:                                             "api.a.doc.get must be a table, not a string",
		`api.a.doc { get = { summry = "A" } }`:                                `api.a.doc.get: unknown option "summry": did you mean summary?`,
		`api.a.doc { get = { summary = 1 } }`:                                 "api.a.doc.get.summary must be a text of 1 to 256 bytes",
		`api.a.doc { get = { summary = "" } }`:                                "api.a.doc.get.summary must be a text of 1 to 256 bytes",
		`api.a.doc { get = { hidden = 1 } }`:                                  "api.a.doc.get.hidden must be a boolean, not a number",
		`api.a.doc { get = { tags = "a" } }`:                                  "api.a.doc.get.tags must be a list of texts, not a string",
		`api.a.doc { get = { tags = { 1 } } }`:                                "api.a.doc.get.tags[1] must be a text",
		`api.a.doc { get = { responses = { ok = {} } } }`:                     "api.a.doc.get.responses: ok is no status",
		`api.a.doc { get = { responses = { [99] = {} } } }`:                   "99 is no status: a number from 100 to 599 expected",
		`api.a.doc { get = { responses = { [200] = "" } } }`:                  "api.a.doc.get.responses[200] must be a table, not a string",
		`api.a.doc { get = { responses = { [200] = { example = print } } } }`: "api.a.doc.get.responses[200].example: ",
		`api.a.doc { get = {} } api.a.doc { get = {} }`:                       "api.a.doc.get is given twice; first at app.lua:2",
		`api.a.doc { post = {} }`:                                             "app.lua:2: api.a.doc.post: the script has no route POST /a that this could be about",
		`api.doc { get = {} }`:                                                "api.doc.get: the script has no route GET / that",
	} {
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		err := s.load("local api = rover.server {}\n" + code + "\nfunction api.a.get() end\nreturn api")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", code, err, want)
		}
		s.vm.Close(t.Context())
	}
}
