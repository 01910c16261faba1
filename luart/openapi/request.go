package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddy-rover/rover/luart/schema"
)

// bearer is the name of the scheme of tokens in Authorization.
const bearer = "bearer"

const jsonType = "application/json"

// request adds what an operation expects.
func (w *writer) request(to *operation, p path, expects *schema.Request) {
	if expects == nil {
		expects = &schema.Request{}
	}
	for _, param := range p.params {
		out := parameter{Name: param.name, In: "path", Required: true, Schema: map[string]any{"type": "string"}}
		if f := fieldNamed(expects.Params, param.of); f != nil {
			out.Schema = w.schemas.one(f)
		}
		if param.rest {
			out.Description = "The rest of the path, with its slashes."
		}
		to.Parameters = append(to.Parameters, out)
	}
	for _, f := range fieldsOf(expects.Query) {
		to.Parameters = append(to.Parameters, parameter{Name: f.Name, In: "query", Required: f.Required, Schema: w.schemas.text(&f)})
	}
	for _, f := range fieldsOf(expects.Headers) {
		switch http.CanonicalHeaderKey(f.Name) {
		case "Accept", "Content-Type", "Authorization": // OpenAPI has other places for them
			continue
		}
		out := parameter{Name: f.Name, In: "header", Required: f.Required, Schema: w.schemas.one(&f)}
		if f.Schema.Kind == schema.Array {
			out.Description = "It may come several times, with one value each."
		}
		to.Parameters = append(to.Parameters, out)
	}
	if f := expects.Body; f != nil {
		to.RequestBody = &requestBody{
			Required: f.Required,
			Content:  map[string]media{jsonType: {Schema: w.schemas.field(f, expects.Extra)}},
		}
	}
}

func fieldsOf(f *schema.Field) []schema.Field {
	if f == nil || f.Schema == nil {
		return nil
	}
	return f.Schema.Fields
}

func fieldNamed(of *schema.Field, name string) *schema.Field {
	for _, f := range fieldsOf(of) {
		if f.Name == name {
			return &f
		}
	}
	return nil
}

// exampleOf is the example of a response as JSON.
func exampleOf(r Response) (*json.RawMessage, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(r.Example); err != nil {
		return nil, fmt.Errorf("the example of %d: %w", r.Status, err)
	}
	raw := json.RawMessage(bytes.TrimSpace(text.Bytes()))
	return &raw, nil
}

// components are what the operations refer to.
func (w *writer) components() *components {
	c := &components{Schemas: w.schemas.made, SecuritySchemes: w.security}
	if len(c.Schemas)+len(c.SecuritySchemes) == 0 {
		return nil
	}
	return c
}

func ref(name string) any {
	return map[string]any{"$ref": "#/components/schemas/" + escapePointer(name)}
}

func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
