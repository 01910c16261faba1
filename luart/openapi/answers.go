package openapi

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-rover/rover/luart/schema"
)

// Components that all documents may have.
const (
	errorName      = "Error"
	validationName = "ValidationError"
)

// ruleAnswer is what rules answer with a status.
type ruleAnswer struct {
	texts   []string // sentences
	schemas []string // names of commonSchemas
	headers map[string]header
}

// ruleAnswers are those of the rules that cover an operation, by status. Any request may find a server in
// trouble: what it answers then is not among them, unless a rule depends on another server.
type ruleAnswers map[int]*ruleAnswer

// add adds one, whose body is one of the schemas.
func (a ruleAnswers) add(status int, text string, headers map[string]header, schemas ...string) {
	if a[status] == nil {
		a[status] = &ruleAnswer{headers: map[string]header{}}
	}
	to := a[status]
	to.texts = union(to.texts, []string{text})
	to.schemas = union(to.schemas, schemas)
	maps.Copy(to.headers, headers)
}

// The headers of answers.
var (
	seconds    = map[string]any{"type": "integer", "minimum": 0}
	retryAfter = map[string]header{"Retry-After": {"In how many seconds it is worth another try.", seconds}}
	challenge  = map[string]header{"WWW-Authenticate": {"What is wrong with the token.", map[string]any{"type": "string"}}}
	rateLimit  = map[string]header{
		"Retry-After":         retryAfter["Retry-After"],
		"RateLimit-Limit":     {"How many requests may come at once.", map[string]any{"type": "integer", "minimum": 1}},
		"RateLimit-Remaining": {"How many are left.", map[string]any{"type": "integer", "minimum": 0}},
		"RateLimit-Reset":     {"In how many seconds all are there again.", seconds},
	}
)

// answersOf are those of the rules of an operation.
func answersOf(o Operation) ruleAnswers {
	a := ruleAnswers{}
	if e := o.Expects; e != nil && (e.Body != nil || e.Query != nil || e.Params != nil || e.Headers != nil) {
		a.add(http.StatusBadRequest, "The request is not as expected.", nil, errorName, validationName)
		if e.Body != nil {
			a.add(http.StatusRequestEntityTooLarge, "The body is too large.", nil, errorName)
			a.add(http.StatusUnsupportedMediaType, "The body is not sent as JSON.", nil, errorName)
		}
	}
	for _, t := range o.Tokens {
		a.add(http.StatusBadRequest, "There is more than one token.", challenge, errorName)
		if t.Optional {
			a.add(http.StatusUnauthorized, "The token is not valid.", challenge, errorName)
		} else {
			a.add(http.StatusUnauthorized, "There is no token, or it is not valid.", challenge, errorName)
		}
		if t.restricts() {
			a.add(http.StatusForbidden, "The token does not allow this.", challenge, errorName)
		}
		if t.Fetched {
			a.add(http.StatusServiceUnavailable, "Tokens cannot be checked now.", retryAfter, errorName)
		}
	}
	if o.Limited {
		a.add(http.StatusTooManyRequests, "Too many requests.", rateLimit, errorName)
	}
	if o.LimitedByStore {
		a.add(http.StatusServiceUnavailable, "The limit cannot be asked.", retryAfter, errorName)
	}
	if o.Crowded {
		a.add(http.StatusServiceUnavailable, "Too many requests at once.", retryAfter, errorName)
	}
	return a
}

// responses adds those that the script names, and those of its rules.
func (w *writer) responses(to *operation, o Operation, doc *Doc) error {
	for _, r := range doc.Responses {
		out, err := w.said(r)
		if err != nil {
			return err
		}
		to.Responses[strconv.Itoa(r.Status)] = out
	}
	if len(doc.Responses) == 0 {
		to.Responses["default"] = response{Description: "What the script answers."}
	}
	of := answersOf(o)
	for _, status := range sortedKeys(of) {
		key, a := strconv.Itoa(status), of[status]
		out, said := to.Responses[key]
		if !said {
			out.Description = strings.Join(a.texts, " ")
		}
		out.Headers = a.headers
		if m, given := out.Content[jsonType]; !said || given && m.Schema != nil {
			// What a script says of a status with this schema is beside what its rules answer.
			m.Schema = w.anyOf(m.Schema, a.schemas)
			out.Content = map[string]media{jsonType: m}
		}
		to.Responses[key] = out
	}
	return nil
}

// said is a response that the script names.
func (w *writer) said(r Response) (response, error) {
	out := response{Description: r.Description}
	if out.Description == "" {
		out.Description = http.StatusText(r.Status)
	}
	if r.Schema == nil && !r.HasExample {
		return out, nil
	}
	m := media{}
	if r.Schema != nil {
		m.Schema = w.schemas.field(r.Schema, schema.Keep)
	}
	if r.HasExample {
		raw, err := exampleOf(r)
		if err != nil {
			return out, err
		}
		m.Example = raw
	}
	out.Content = map[string]media{jsonType: m}
	return out, nil
}

// anyOf is the schema of what is as first says, if it is one, or as one of the common schemas does.
func (w *writer) anyOf(first any, names []string) any {
	var list []any
	if first != nil {
		list = append(list, first)
	}
	for _, name := range names {
		w.schemas.common(name)
		list = append(list, ref(name))
	}
	if len(list) == 1 {
		return list[0]
	}
	return map[string]any{"anyOf": list}
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
			"errors": map[string]any{
				"type": "array", "minItems": 1,
				"items": map[string]any{
					"type": "object",
					"properties": map[string]any{
						"field": map[string]any{"type": "string"}, "message": map[string]any{"type": "string"}, "type": map[string]any{"type": "string"},
					},
					"required": []string{"field", "message", "type"},
				},
			},
		},
		"required": []string{"errors"},
	},
}

func sortedKeys[K int | string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
