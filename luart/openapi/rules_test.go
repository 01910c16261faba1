package openapi

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/schema"
)

// expression is a pattern as rules ask it.
type expression struct{ *regexp.Regexp }

// Matches implements expect.Pattern.
func (e expression) Matches(_ *lua.LState, text string) bool { return e.MatchString(text) }

// randomValue is a value of JSON, often one of what a schema says.
func randomValue(r *rand.Rand, of *schema.Schema, depth int) any {
	kind := of.Kind
	if r.IntN(8) == 0 {
		kind = schema.Kind(r.IntN(int(schema.Table) + 1))
	}
	if r.IntN(10) == 0 {
		return nil
	}
	switch kind {
	case schema.String:
		return strings.Repeat(string("abcxä"[r.IntN(4)]), r.IntN(7))
	case schema.Number:
		return float64(r.IntN(14)) / 2
	case schema.Integer:
		return float64(r.IntN(7))
	case schema.Boolean:
		return r.IntN(2) == 0
	case schema.Array:
		list := []any{}
		for range r.IntN(7) {
			item := &schema.Schema{}
			if of.Element != nil {
				item = of.Element.Schema
			}
			if depth > 0 {
				list = append(list, randomValue(r, item, depth-1))
			}
		}
		return list
	case schema.Object:
		t := map[string]any{}
		for _, f := range of.Fields {
			if r.IntN(5) > 0 && depth > 0 {
				t[f.Name] = randomValue(r, f.Schema, depth-1)
			}
		}
		if r.IntN(3) == 0 {
			t["extra"] = 1.0
		}
		return t
	}
	return []any{"x", 1.0, map[string]any{}, []any{}, true}[r.IntN(5)]
}

// The schema in a document takes what the rule takes, and refuses what the rule refuses.
func TestSchemasAreRules(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer L.Close()
	var taken, refused int
	for range 400 {
		body := &schema.Field{Required: true, Schema: randomSchema(r, 2)}
		extra := schema.Extra(r.IntN(3))
		text := write(t, Info{}, Operation{Method: "POST", Pattern: "/", Expects: &schema.Request{Extra: extra, Body: body}})
		doc, err := openapi3.NewLoader().LoadFromData(text)
		if err != nil {
			t.Fatal(err)
		}
		said := doc.Paths.Value("/").Post.RequestBody.Value.Content["application/json"].Schema.Value
		for range 20 {
			value := randomValue(r, body.Schema, 3)
			encoded, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			v, err := jsonlua.DecodeWith(L, encoded, jsonlua.Options{Null: true, Strict: true})
			if err != nil {
				t.Fatal(err)
			}
			_, faults := expect.Check(L, "x", body, v, expect.Options{JSON: true, Extra: extra})
			wrong := said.VisitJSON(value, openapi3.EnableJSONSchema2020())
			if (faults == nil) != (wrong == nil) {
				shown, _ := json.Marshal(said)
				t.Fatalf("%s against %s: the rule says %v, the schema %v", encoded, shown, faults, wrong)
			}
			if faults == nil {
				taken++
			} else {
				refused++
			}
		}
	}
	if taken < 500 || refused < 500 {
		t.Errorf("%d taken and %d refused: the values show little", taken, refused)
	}
}

// randomText is a schema of a parameter as scripts may have it.
func randomText(r *rand.Rand, depth int) *schema.Schema {
	kinds := []schema.Kind{schema.Any, schema.String, schema.Number, schema.Integer, schema.Boolean, schema.Array}
	s := &schema.Schema{Kind: kinds[r.IntN(len(kinds)-1+depth)], Nullable: r.IntN(6) == 0}
	if r.IntN(2) == 0 && s.Kind != schema.Any && s.Kind != schema.Boolean {
		s.Min, s.Max = number(float64(r.IntN(3))), number(float64(2+r.IntN(4)))
	}
	if r.IntN(4) == 0 {
		switch s.Kind {
		case schema.String:
			s.Enum = []schema.Value{"abc", "2", "true"}
		case schema.Number, schema.Integer:
			s.Enum = []schema.Value{2.0, 3.0, -4.0}
		case schema.Boolean:
			s.Enum = []schema.Value{true}
		}
	}
	if s.Kind == schema.Array && r.IntN(5) > 0 {
		s.Element = &schema.Field{Required: r.IntN(2) == 0, Schema: randomText(r, depth-1)}
	}
	if s.Kind == schema.String && r.IntN(4) == 0 {
		s.Pattern = expression{regexp.MustCompile("^[a-c]+$")}
	}
	return s
}

// valueOf reads a text as clients write values of a schema, which are the value itself. What is none of
// the schema's type stays a text. Only texts that are written in the usual way may be given.
func valueOf(said *openapi3.Schema, text string) any {
	var v any
	switch {
	case said.Type.Is("boolean") && (text == "true" || text == "false"):
		return text == "true"
	case said.Type.Includes("integer") || said.Type.Includes("number"):
		if json.Unmarshal([]byte(text), &v) == nil {
			if n, ok := v.(float64); ok {
				return n
			}
		}
	}
	return text
}

// A parameter is taken by its schema in the document if, and only if, the rule takes it: in the path, the
// query and headers.
func TestParametersAreRules(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer L.Close()
	texts := []string{"", "abc", "ab", "x", "ä", "0", "1", "2", "3", "-4", "2.5", "12345678", "true", "false", "null", "NaN", "a,b", "1,2"}
	taken, refused := map[string]int{}, map[string]int{}
	for range 600 {
		in := []string{"path", "query", "header"}[r.IntN(3)]
		f := schema.Field{Name: "x", Required: r.IntN(2) == 0, Schema: randomText(r, 1)}
		fields := &schema.Field{Required: true, Schema: &schema.Schema{Kind: schema.Object, Fields: []schema.Field{f}}}
		o := Operation{Method: "GET", Pattern: "/:x", Expects: &schema.Request{}}
		switch in {
		case "path":
			o.Expects.Params = fields
		case "query":
			o.Expects.Query = fields
		default:
			o.Expects.Headers = fields
		}
		doc, err := openapi3.NewLoader().LoadFromData(write(t, Info{}, o))
		if err != nil {
			t.Fatal(err)
		}
		said := doc.Paths.Value("/{x}").Get.Parameters.GetByInAndName(in, "x")
		isArray := said.Schema.Value.Type.Is("array")
		for range 20 {
			values := []string{texts[r.IntN(len(texts))]}
			for isArray && r.IntN(2) == 0 {
				values = append(values, texts[r.IntN(len(texts))])
			}
			if in != "path" && r.IntN(8) == 0 {
				values = nil
			}
			if in != "query" && f.Schema.Kind == schema.Array && f.Schema.Min != nil && *f.Schema.Min > 1 {
				continue // the document cannot say that it has to come several times
			}
			got := func(string) []string { return values }
			_, faults := expect.CheckTexts(L, fields, expect.Texts{What: in, Values: got}, expect.Options{})
			if wrong := visit(said, values); (faults == nil) != (wrong == nil) {
				shown, _ := json.Marshal(said)
				t.Fatalf("%q against %s: the rule says %v, the document %v", values, shown, faults, wrong)
			}
			if faults == nil {
				taken[in]++
			} else {
				refused[in]++
			}
		}
	}
	for _, in := range []string{"path", "query", "header"} {
		if taken[in] < 500 || refused[in] < 500 {
			t.Errorf("%s: %d taken and %d refused: the values show little", in, taken[in], refused[in])
		}
	}
}

// visit says why values are not as a parameter of a document is.
func visit(p *openapi3.Parameter, values []string) error {
	s := p.Schema.Value
	switch {
	case len(values) == 0 && p.Required:
		return errors.New("required")
	case len(values) == 0:
		return nil
	case !s.Type.Is("array"):
		return s.VisitJSON(valueOf(s, values[0]), openapi3.EnableJSONSchema2020())
	}
	list := []any{}
	for _, text := range values {
		v := any(text)
		if s.Items != nil {
			v = valueOf(s.Items.Value, text)
		}
		list = append(list, v)
	}
	return s.VisitJSON(list, openapi3.EnableJSONSchema2020())
}
