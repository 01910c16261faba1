package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/caddy-rover/rover/luart/schema"
)

// write returns the document of operations, which must be one of OpenAPI 3.1.
func write(t *testing.T, info Info, operations ...Operation) []byte {
	t.Helper()
	text, err := Write(info, operations)
	if err != nil {
		t.Fatal(err)
	}
	validate(t, text)
	return text
}

func validate(t *testing.T, text []byte) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err == nil {
		err = doc.Validate(t.Context())
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	if !doc.IsOpenAPI31OrLater() {
		t.Errorf("the version is %s", doc.OpenAPI)
	}
}

func text(kind schema.Kind) *schema.Schema { return &schema.Schema{Kind: kind} }

func object(fields ...schema.Field) *schema.Field {
	return &schema.Field{Name: "request body", Required: true, Schema: &schema.Schema{Kind: schema.Object, Fields: fields}}
}

func number(n float64) *float64 { return &n }

// The whole of a document, as it is written.
func TestWrite(t *testing.T) {
	got := write(t, Info{Title: "Shop <b>", Version: "2.1", Servers: []string{"https://shop.example"}}, Operation{
		Method: "POST", Pattern: "/users/:id/notes", Tokens: []Token{{Header: "Authorization", Scopes: []string{"notes"}}}, Limited: true,
		Doc: &Doc{Summary: "Adds a note", Description: "Of a *user*.", OperationID: "addNote", Tags: []string{"notes"}, Deprecated: true, Responses: []Response{
			{Status: 201, Schema: object(schema.Field{Name: "id", Required: true, Schema: text(schema.Integer)}), Example: map[string]any{"id": 7.0}, HasExample: true},
			{Status: 409, Description: "It is there"},
		}},
		Expects: &schema.Request{
			Extra:  schema.Refuse,
			Body:   object(schema.Field{Name: "text", Required: true, Schema: &schema.Schema{Kind: schema.String, Min: number(1), Max: number(80)}}),
			Params: object(schema.Field{Name: "id", Required: true, Schema: &schema.Schema{Kind: schema.Integer, Min: number(1)}}),
			Query:  object(schema.Field{Name: "dry", Schema: text(schema.Boolean)}),
			Headers: object(schema.Field{Name: "X-Tenant", Required: true, Schema: &schema.Schema{Kind: schema.String, Format: schema.UUID}},
				schema.Field{Name: "authorization", Required: true, Schema: text(schema.String)}),
		},
	})
	const want = `{
  "openapi": "3.1.0",
  "info": {
    "title": "Shop <b>",
    "version": "2.1"
  },
  "servers": [
    {
      "url": "https://shop.example"
    }
  ],
  "paths": {
    "/users/{id}/notes": {
      "post": {
        "operationId": "addNote",
        "summary": "Adds a note",
        "description": "Of a *user*.\n\nThe token needs the scope ` + "`notes`" + `.",
        "tags": [
          "notes"
        ],
        "deprecated": true,
        "security": [
          {
            "bearer": [
              "notes"
            ]
          }
        ],
        "parameters": [
          {
            "name": "id",
            "in": "path",
            "required": true,
            "schema": {
              "minimum": 1,
              "type": "integer"
            }
          },
          {
            "name": "dry",
            "in": "query",
            "schema": {
              "type": "boolean"
            }
          },
          {
            "name": "X-Tenant",
            "in": "header",
            "required": true,
            "schema": {
              "format": "uuid",
              "type": "string"
            }
          }
        ],
        "requestBody": {
          "required": true,
          "content": {
            "application/json": {
              "schema": {
                "additionalProperties": false,
                "properties": {
                  "text": {
                    "maxLength": 80,
                    "minLength": 1,
                    "type": "string"
                  }
                },
                "required": [
                  "text"
                ],
                "type": "object"
              }
            }
          }
        },
        "responses": {
          "201": {
            "description": "Created",
            "content": {
              "application/json": {
                "schema": {
                  "properties": {
                    "id": {
                      "type": "integer"
                    }
                  },
                  "required": [
                    "id"
                  ],
                  "type": "object"
                },
                "example": {
                  "id": 7
                }
              }
            }
          },
          "400": {`
	if !strings.HasPrefix(string(got), want) {
		t.Errorf("got:\n%s\nwant it to begin:\n%s", got, want)
	}
	for _, part := range []string{
		`"401": {`, `"403": {`, `"409": {` + "\n" + `            "description": "It is there"` + "\n", `"429": {`,
		`"$ref": "#/components/schemas/ValidationError"`, `"bearerFormat": "JWT"`, `"RateLimit-Remaining": {`,
	} {
		if !strings.Contains(string(got), part) {
			t.Errorf("no %s in:\n%s", part, got)
		}
	}
}

// Paths, ids and methods of routes.
func TestRoutes(t *testing.T) {
	var operations []Operation
	for _, route := range []string{
		"GET /", "GET /users", "POST /users", "GET /users/:id", "ANY /users/:id", "GET /files/*rest", "GET /files/:name",
		"GET /a b/%3Ax/{y}", "GET /x-y", "GET /x_y", "GET /:id/:id", "GET /wild/*rest", "GET /ü",
	} {
		method, pattern, _ := strings.Cut(route, " ")
		operations = append(operations, Operation{Method: method, Pattern: pattern})
	}
	operations = append(operations, Operation{Method: "GET", Pattern: "/hidden", Doc: &Doc{Hidden: true}})
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			Parameters  []struct{ Name, Description string }
		}
		LeftOut []string `json:"x-rover-left-out"`
	}
	if err := json.Unmarshal(write(t, Info{}, operations...), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for path, methods := range doc.Paths {
		for method, o := range methods {
			line := method + " " + path + " " + o.OperationID
			for _, p := range o.Parameters {
				line += " " + p.Name + p.Description
			}
			got = append(got, line)
		}
	}
	slices.Sort(got)
	want := []string{
		"delete /users/{id} delete_users_id id",
		"get / get",
		"get /%C3%BC get_C3_BC",
		"get /a%20b/:x/%7By%7D get_a_20b_x_7By_7D",
		"get /files/{name} get_files_name name",
		"get /users get_users",
		"get /users/{id} get_users_id id",
		"get /wild/{rest} get_wild_rest restThe rest of the path, with its slashes.",
		"get /x-y get_x_y",
		"get /x_y get_x_y_2",
		"get /{id}/{id_2} get_id_id_2 id id_2",
		"patch /users/{id} patch_users_id id",
		"post /users post_users",
		"post /users/{id} post_users_id id",
		"put /users/{id} put_users_id id",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !slices.Equal(doc.LeftOut, []string{"GET /files/*rest"}) {
		t.Errorf("left out: %q", doc.LeftOut)
	}
}

// The order in which routes are defined is none of the document.
func TestWriteOrder(t *testing.T) {
	shared := object(schema.Field{Name: "a", Schema: text(schema.String)})
	var operations []Operation
	for i := range 20 {
		operations = append(operations, Operation{
			Method: "POST", Pattern: fmt.Sprintf("/p%d/:id", i%10), Doc: &Doc{OperationID: "same"},
			Expects: &schema.Request{Body: object(schema.Field{Name: "x", Required: true, Schema: shared.Schema})},
		})
		if i >= 10 {
			operations[i].Method = "PUT"
		}
	}
	want := write(t, Info{}, operations...)
	for range 10 {
		rand.Shuffle(len(operations), func(i, j int) { operations[i], operations[j] = operations[j], operations[i] })
		if got := write(t, Info{}, operations...); !bytes.Equal(got, want) {
			t.Fatalf("got:\n%s\nwant:\n%s", got, want)
		}
	}
}

// A schema that holds itself, and one that holds another many times over, have an end.
func TestSchemaWithoutEnd(t *testing.T) {
	tree := &schema.Schema{Kind: schema.Object}
	tree.Fields = []schema.Field{{Name: "left", Schema: tree}, {Name: "right", Required: true, Schema: tree}}
	list := text(schema.String)
	for range 60 {
		list = &schema.Schema{Kind: schema.Object, Fields: []schema.Field{{Name: "a", Required: true, Schema: list}, {Name: "b", Required: true, Schema: list}}}
	}
	got := write(t, Info{}, Operation{Method: "POST", Pattern: "/", Expects: &schema.Request{
		Body: object(schema.Field{Name: "tree", Required: true, Schema: tree}, schema.Field{Name: "list", Required: true, Schema: list}),
	}})
	if len(got) > 40_000 || !strings.Contains(string(got), `"$ref": "#/components/schemas/Schema1"`) {
		t.Errorf("%d bytes:\n%.2000s", len(got), got)
	}
}

// What cannot be in JSON is an error that says where.
func TestWriteMistake(t *testing.T) {
	_, err := Write(Info{}, []Operation{{Method: "GET", Pattern: "/", Doc: &Doc{Responses: []Response{{Status: 200, Example: func() {}, HasExample: true}}}}})
	if err == nil || !strings.HasPrefix(err.Error(), "GET /: the example of 200: ") {
		t.Errorf("got %v", err)
	}
}

// randomSchema is one as scripts may have it.
func randomSchema(r *rand.Rand, depth int) *schema.Schema {
	s := &schema.Schema{Kind: schema.Kind(r.IntN(int(schema.Table) + 1)), Nullable: r.IntN(4) == 0}
	if depth == 0 && (s.Kind == schema.Array || s.Kind == schema.Object) {
		s.Kind = schema.Integer
	}
	if r.IntN(2) == 0 && s.Kind != schema.Any && s.Kind != schema.Boolean && s.Kind != schema.Object && s.Kind != schema.Table {
		s.Min, s.Max = number(float64(r.IntN(3))), number(float64(3+r.IntN(3)))
	}
	switch s.Kind {
	case schema.String:
		if r.IntN(3) == 0 {
			s.Pattern = expression{regexp.MustCompile("^[a-c]+$")}
		}
		if r.IntN(5) == 0 {
			s.Enum = []schema.Value{"a", "bc"}
		}
	case schema.Array:
		s.Element = &schema.Field{Required: true, Schema: randomSchema(r, depth-1)}
	case schema.Object:
		for _, name := range []string{"a", "b", "c~/d"}[:r.IntN(4)] {
			s.Fields = append(s.Fields, schema.Field{Name: name, Required: r.IntN(2) == 0, Schema: randomSchema(r, depth-1)})
		}
	}
	return s
}

// Whatever a script expects is a document of OpenAPI.
func TestWriteAny(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		extra := schema.Extra(r.IntN(3))
		expects := &schema.Request{Extra: extra, Body: &schema.Field{Required: true, Schema: randomSchema(r, 3)}}
		if q := randomSchema(r, 1); q.Kind == schema.Object {
			expects.Query = &schema.Field{Schema: q}
		}
		write(t, Info{}, Operation{Method: "POST", Pattern: "/", Expects: expects})
	}
}
