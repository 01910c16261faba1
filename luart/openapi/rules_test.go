package openapi

import (
	"encoding/json"
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
