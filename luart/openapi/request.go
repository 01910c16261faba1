package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddy-rover/rover/luart/schema"
)

// bearer is the name of the scheme of tokens.
const bearer = "bearer"

// Components that all documents may have.
const (
	errorName      = "Error"
	validationName = "ValidationError"
)

const jsonType = "application/json"

// request adds what an operation expects.
func (w *writer) request(to *operation, p path, expects *schema.Request) {
	if expects == nil {
		expects = &schema.Request{}
	}
	for _, param := range p.params {
		out := parameter{Name: param.name, In: "path", Required: true, Schema: map[string]any{"type": "string"}}
		if f := fieldNamed(expects.Params, param.of); f != nil {
			out.Schema = w.schemas.text(f)
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
		to.Parameters = append(to.Parameters, parameter{Name: f.Name, In: "header", Required: f.Required, Schema: w.schemas.text(&f)})
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

// responses adds those that the script names, and those of its rules.
func (w *writer) responses(to *operation, o Operation, doc *Doc) error {
	for _, r := range doc.Responses {
		out := response{Description: r.Description}
		if out.Description == "" {
			out.Description = http.StatusText(r.Status)
		}
		if r.Schema != nil || r.HasExample {
			m := media{}
			if r.Schema != nil {
				m.Schema = w.schemas.field(r.Schema, schema.Keep)
			}
			if r.HasExample {
				var text bytes.Buffer
				e := json.NewEncoder(&text)
				e.SetEscapeHTML(false)
				if err := e.Encode(r.Example); err != nil {
					return fmt.Errorf("the example of %d: %w", r.Status, err)
				}
				raw := json.RawMessage(bytes.TrimSpace(text.Bytes()))
				m.Example = &raw
			}
			out.Content = map[string]media{jsonType: m}
		}
		to.Responses[strconv.Itoa(r.Status)] = out
	}
	if len(doc.Responses) == 0 {
		to.Responses["default"] = response{Description: "What the script answers."}
	}
	add := func(status int, name, description string) {
		key := strconv.Itoa(status)
		if _, said := to.Responses[key]; said {
			return
		}
		w.schemas.common(name)
		to.Responses[key] = response{
			Description: description,
			Content:     map[string]media{jsonType: {Schema: ref(name)}},
		}
	}
	if e := o.Expects; e != nil && (e.Body != nil || e.Query != nil || e.Params != nil || e.Headers != nil) {
		add(http.StatusBadRequest, validationName, "The request is not as expected.")
	}
	if o.Secured {
		add(http.StatusUnauthorized, errorName, "There is no token, or it is not valid.")
		add(http.StatusForbidden, errorName, "The token does not allow this.")
	}
	if o.Limited {
		add(http.StatusTooManyRequests, errorName, "Too many requests: Retry-After says when to come again.")
	}
	if o.Crowded {
		add(http.StatusServiceUnavailable, errorName, "Too many requests at once: Retry-After says when to come again.")
	}
	return nil
}

// components are what the operations refer to.
func (w *writer) components() *components {
	c := &components{Schemas: w.schemas.made}
	if w.security {
		c.SecuritySchemes = map[string]any{bearer: map[string]any{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
	}
	if len(c.Schemas) == 0 && c.SecuritySchemes == nil {
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

// commonSchemas are those of answers that are not the script's.
var commonSchemas = map[string]any{
	errorName: map[string]any{
		"type":       "object",
		"properties": map[string]any{"error": map[string]any{"type": "string"}},
		"required":   []string{"error"},
	},
	validationName: map[string]any{
		"type": "object",
		"properties": map[string]any{
			"error": map[string]any{"type": "string"},
			"errors": map[string]any{
				"type": "array",
				"items": map[string]any{
					"type": "object",
					"properties": map[string]any{
						"field": map[string]any{"type": "string"}, "message": map[string]any{"type": "string"}, "type": map[string]any{"type": "string"},
					},
					"required": []string{"field", "message"},
				},
			},
		},
		"required": []string{"error"},
	},
}
