package luart

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/caddy-rover/rover/luart/store"
)

// documented has each kind of rule, alone and together, at places and further out.
const documented = `
local api = rover.server {}
local g = rover.guard
local key = ("k"):rep(32)
function api.token.post(ctx) return rover.auth.create(ctx:body():json(), key) end
api.shop.auth { jwt = key }
api.shop.limit { rate = 100, per = 60, shared = false }
api.shop.orders.auth { scopes = { "orders", "write" } }
api.shop.orders.p_id.expect { put = {
	extra = "error",
	params = { id = g:integer():required():min(1) },
	query = { dry = g:boolean():default(false), sort = g:string():enum { "up", "down" } },
	headers = { ["X-Tenant"] = g:string():required():uuid() },
	body = { item = g:string():required():max(5), mail = g:string():email(), size = g:string():enum { "s", "m" }:default("m") },
} }
api.shop.orders.p_id.doc { put = {
	summary = "Changes an order", description = "Of the shop.",
	responses = { [200] = { schema = { id = "integer" } }, [400] = { description = "Sold out", schema = { reason = "string" } }, [403] = { description = "Not yours" } },
} }
function api.shop.orders.p_id.put(ctx)
	local e = ctx:expected()
	if e.body.item == "none" then return api.json:status(400, { reason = "sold out" }) end
	return { id = e.params.id }
end
api.shop.staff.auth { roles = { "admin", "a` + "`" + `b" } }
function api.shop.staff.get() return "in" end
api.open.auth { jwt = key, optional = true }
function api.open.get() return "in" end
api.open.inner.auth { scopes = "read" }
function api.open.inner.get() return "in" end
api.two.auth { jwt = key, optional = true }
api.two.auth { jwt = key, claims_key = "service", header = "x-service", scopes = "read" }
function api.two.get() return "in" end
api.down.auth { jwt = rover.auth.jwks("JWKS") }
function api.down.get() return "in" end
api.once.limit { rate = 1, per = 3600, shared = false }
function api.once.get() return "in" end
function api.by_lua.get() return "in" end
api.by_lua.limit { rate = 1, per = 3600, shared = false, key = function() return "k" end }
api.stored.limit { rate = 1, on_failure = "closed" }
function api.stored.get() return "in" end
api.full.concurrency { max = 1 }
function api.full.get() return "in" end
function api.free.get() return "in" end
return api`

// newDocumented serves it, where the keys and the store of some of it are out of reach.
func newDocumented(t *testing.T) (*server, *openapi3.T) {
	t.Helper()
	away, err := store.NewRedis(store.RedisOptions{URL: "unix:///nonexistent/redis.sock", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = away.Close() })
	away.AwaitFirst(t.Context())
	login := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(login.Close)
	s := newServer(t, strings.Replace(documented, "JWKS", login.URL, 1), func(s *Script) { s.Store, s.Net = away, policyOf(t, "127.0.0.1") })
	_, doc := openAPIOf(t, s.gen)
	return s, doc
}

// What rules answer is what the document says that they answer: the status, the body, the headers.
func TestAnswersAreAsDocumented(t *testing.T) {
	s, doc := newDocumented(t)
	bearer := func(claims string) string { return "Authorization: Bearer " + s.token(`{`+claims+far+`}`) }
	ann, clerk := bearer(`"sub":"ann",`), bearer(`"scope":"orders write",`)
	const tenant, jsonBody = "X-Tenant: 0188d7c6-93a4-7c0e-8b1d-6b0a6d2c5e11", "Content-Type: application/json"
	leave, err := s.takePlaces(t, "/full")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	s.gen.maxBody = 1000
	const order = "PUT /shop/orders/7"
	for _, c := range []struct {
		request, body string
		headers       []string
		path          string // in the document
		want          int
		has           string // a header
	}{
		{order, `{"item":"cup"}`, []string{clerk, tenant, jsonBody}, "/shop/orders/{id}", 200, ""},
		{order, `{"item":"none"}`, []string{clerk, tenant, jsonBody}, "/shop/orders/{id}", 400, ""},
		{order, `{"item":7,"x":1}`, []string{clerk, tenant, jsonBody}, "/shop/orders/{id}", 400, ""},
		{order, `{"item":`, []string{clerk, tenant, jsonBody}, "/shop/orders/{id}", 400, ""},
		{order + "?sort=side", `{}`, []string{clerk, jsonBody}, "/shop/orders/{id}", 400, ""},
		{order + "?sort=%zz", `{}`, []string{clerk, tenant, jsonBody}, "/shop/orders/{id}", 400, ""},
		{order, `{}`, []string{clerk, clerk, jsonBody}, "/shop/orders/{id}", 400, "WWW-Authenticate"},
		{order, `{}`, []string{tenant, jsonBody}, "/shop/orders/{id}", 401, "WWW-Authenticate"},
		{order, `{}`, []string{ann, tenant, jsonBody}, "/shop/orders/{id}", 403, "WWW-Authenticate"},
		{order, `{"item":"` + strings.Repeat("a", 1000) + `"}`, []string{clerk, tenant, jsonBody}, "/shop/orders/{id}", 413, ""},
		{order, `item=cup`, []string{clerk, tenant, "Content-Type: application/x-www-form-urlencoded"}, "/shop/orders/{id}", 415, ""},
		{"GET /shop/staff", "", nil, "/shop/staff", 401, "WWW-Authenticate"},
		{"GET /shop/staff", "", []string{ann}, "/shop/staff", 403, ""},
		{"GET /open", "", nil, "/open", 200, ""},
		{"GET /open", "", []string{ann + "x"}, "/open", 401, "WWW-Authenticate"},
		{"GET /open", "", []string{ann, ann}, "/open", 400, "WWW-Authenticate"},
		{"GET /open/inner", "", nil, "/open/inner", 401, "WWW-Authenticate"},
		{"GET /open/inner", "", []string{ann}, "/open/inner", 403, "WWW-Authenticate"},
		{"GET /two", "", []string{ann}, "/two", 401, "WWW-Authenticate"},
		{"GET /down", "", []string{"Authorization: Bearer " + signedBy([]byte("k"), `{"alg":"EdDSA"}`, `{"sub":"ann",`+far+`}`)}, "/down", 503, "Retry-After"},
		{"GET /once", "", nil, "/once", 200, ""},
		{"GET /once", "", nil, "/once", 429, "RateLimit-Remaining"},
		{"GET /by_lua", "", nil, "/by_lua", 200, ""},
		{"GET /by_lua", "", nil, "/by_lua", 429, "RateLimit-Remaining"},
		{"GET /stored", "", nil, "/stored", 503, ""},
		{"GET /full", "", nil, "/full", 503, "Retry-After"},
		{"GET /free", "", nil, "/free", 200, ""},
	} {
		w := s.do(c.request, c.body, c.headers...)
		method, _, _ := strings.Cut(c.request, " ")
		what := c.request + " " + c.body + " " + answer(w)
		if w.Code != c.want {
			t.Errorf("%s; want %d", what, c.want)
			continue
		}
		said := doc.Paths.Value(c.path).GetOperation(method).Responses
		response := said.Status(w.Code)
		if response == nil && w.Code == 200 {
			response = said.Default()
		}
		if response == nil {
			t.Errorf("%s: the document does not say that", what)
			continue
		}
		if media := response.Value.Content["application/json"]; media != nil {
			var body any
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Errorf("%s: %v", what, err)
			} else if err := media.Schema.Value.VisitJSON(body, openapi3.EnableJSONSchema2020()); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		} else if w.Code >= 400 && response.Value.Description != nil && *response.Value.Description != "Not yours" {
			t.Errorf("%s: the document does not say what the body is", what)
		}
		if c.has != "" && w.Header().Get(c.has) == "" {
			t.Errorf("%s: there is no %s", what, c.has)
		}
		checkHeaders(t, what, w.Header(), response.Value.Headers)
	}
}

// checkHeaders compares the headers that rules set with those of the document.
func checkHeaders(t *testing.T, what string, got http.Header, said openapi3.Headers) {
	t.Helper()
	for name, h := range said {
		text := got.Get(name)
		if text == "" {
			continue
		}
		var value any = text
		if h.Value.Schema.Value.Type.Is("integer") {
			value = json.Number(text)
		}
		if err := h.Value.Schema.Value.VisitJSON(value); err != nil {
			t.Errorf("%s: %s is %q: %v", what, name, text, err)
		}
	}
	for _, name := range []string{"Retry-After", "WWW-Authenticate"} {
		if got.Get(name) != "" && said[name] == nil {
			t.Errorf("%s: the document does not say that there is %s: %q", what, name, got.Get(name))
		}
	}
}

// What rules ask is in the document of all routes that they cover.
func TestDocOfRules(t *testing.T) {
	_, doc := newDocumented(t)
	type requirements = openapi3.SecurityRequirements
	statuses := func(path, method string) (list []string) {
		for status := range doc.Paths.Value(path).GetOperation(method).Responses.Map() {
			list = append(list, status)
		}
		slices.Sort(list)
		return list
	}
	for _, c := range []struct{ route, security, statuses, description string }{
		{
			"PUT /shop/orders/{id}", `[{"bearer":["orders","write"]}]`, "200 400 401 403 413 415 429",
			"Of the shop.\n\nThe token needs the scopes `orders`, `write`.",
		},
		{"GET /shop/staff", `[{"bearer":[]}]`, "400 401 403 429 default", "The token needs one of the roles `admin`, `` a`b ``."},
		{"GET /open", `[{"bearer":[]},{}]`, "400 401 default", ""},
		{"GET /open/inner", `[{"bearer":["read"]}]`, "400 401 403 default", "The token needs the scope `read`."},
		{"GET /two", `[{"X-Service":["read"],"bearer":[]},{"X-Service":["read"]}]`, "400 401 403 default", "The token in `X-Service` needs the scope `read`."},
		{"GET /down", `[{"bearer":[]}]`, "400 401 503 default", ""},
		{"GET /once", `null`, "429 default", ""},
		{"GET /by_lua", `null`, "429 default", ""},
		{"GET /stored", `null`, "429 503 default", ""},
		{"GET /full", `null`, "503 default", ""},
		{"GET /free", `null`, "default", ""},
	} {
		method, path, _ := strings.Cut(c.route, " ")
		o := doc.Paths.Value(path).GetOperation(method)
		var asked requirements
		if o.Security != nil {
			asked = *o.Security
		}
		security, err := json.Marshal(asked)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(security); got != c.security {
			t.Errorf("%s: the security is %s, want %s", c.route, got, c.security)
		}
		if got := strings.Join(statuses(path, method), " "); got != c.statuses {
			t.Errorf("%s: the statuses are %s, want %s", c.route, got, c.statuses)
		}
		if o.Description != c.description {
			t.Errorf("%s: the description is %q, want %q", c.route, o.Description, c.description)
		}
	}
	schemes := doc.Components.SecuritySchemes
	if b, s := schemes["bearer"].Value, schemes["X-Service"].Value; b.Type != "http" || b.Scheme != "bearer" || s.Type != "apiKey" || s.In != "header" || s.Name != "X-Service" {
		t.Errorf("the schemes are %+v and %+v", b, s)
	}
}

// What is expected of a request is in the document: parameters, headers and body, with defaults, enums and formats.
func TestDocOfExpect(t *testing.T) {
	_, doc := newDocumented(t)
	o := doc.Paths.Value("/shop/orders/{id}").Put
	got := map[string]string{}
	for _, p := range o.Parameters {
		shown, err := json.Marshal(p.Value.Schema.Value)
		if err != nil {
			t.Fatal(err)
		}
		required := ""
		if p.Value.Required {
			required = " required"
		}
		got[p.Value.In+" "+p.Value.Name+required] = string(shown)
	}
	body, err := json.Marshal(o.RequestBody.Value.Content["application/json"].Schema.Value)
	if err != nil {
		t.Fatal(err)
	}
	got["body"] = string(body)
	want := map[string]string{
		"path id required":         `{"minimum":1,"type":"integer"}`,
		"query dry":                `{"default":false,"type":"boolean"}`,
		"query sort":               `{"enum":["up","down"],"type":"string"}`,
		"header X-Tenant required": `{"format":"uuid","type":"string"}`,
		"body": `{"additionalProperties":false,"properties":{` +
			`"item":{"maxLength":5,"type":"string"},` +
			`"mail":{"format":"email","type":["string","null"]},` +
			`"size":{"default":"m","enum":["s","m",null],"type":["string","null"]}},"required":["item"],"type":"object"}`,
	}
	for name, schema := range want {
		if got[name] != schema {
			t.Errorf("%s: %s, want %s", name, got[name], schema)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
}

// What passes to a service behind is in the document, too, where the script says what it brings.
func TestDocOfExpectWithoutRoute(t *testing.T) {
	s := newServer(t, `local api = rover.server {}
		api.orders.expect { post = { body = { item = "string" } }, head = { query = { n = "integer?" } } }
		api.orders.doc { post = { summary = "Order something" } }
		api.all.expect { any = { query = { n = "integer" } } }
		api.both.expect { any = { query = { n = "integer" } } }
		function api.both.get() return "mine" end
		return api`)
	_, doc := openAPIOf(t, s.gen)
	var got []string
	for _, path := range doc.Paths.Map() {
		for _, o := range path.Operations() {
			got = append(got, o.Summary)
		}
	}
	slices.Sort(got)
	want := []string{
		"DELETE /all", "DELETE /both", "GET /all", "GET /both", "HEAD /orders", "Order something", "PATCH /all", "PATCH /both",
		"POST /all", "POST /both", "PUT /all", "PUT /both",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
