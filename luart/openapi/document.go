package openapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-rover/rover/luart/schema"
)

// Info is what a document says of itself.
type Info struct {
	Title   string   // "": DefaultTitle
	Version string   // of the API; "": DefaultVersion
	Servers []string // URLs; none: where the document was found
}

// What a document is called that says nothing else.
const (
	DefaultTitle   = "API"
	DefaultVersion = "1.0.0"
)

// Operation is a route of a script.
type Operation struct {
	Method  string // "GET"; "ANY": all that no other operation of the pattern has
	Pattern string // "/users/:id", "/files/*rest"

	Doc     *Doc            // what the script says of it; nil: nothing
	Expects *schema.Request // what it expects of requests; nil: anything

	Tokens         []Token // what rules ask of tokens, those further out first
	Limited        bool    // it may come too often
	LimitedByStore bool    // likewise, as a store says that may not answer
	Crowded        bool    // too many may be under way at once
}

// Doc is what a script says of an operation.
type Doc struct {
	Summary, Description, OperationID string
	Tags                              []string
	Deprecated, Hidden                bool
	Responses                         []Response // in the order of their statuses
}

// Response is one that an operation may have.
type Response struct {
	Status      int
	Description string
	Schema      *schema.Field // of its body, which is JSON; nil: it is not said
	Example     any           // of JSON
	HasExample  bool
}

// The bounds of what a script may say of an operation.
const (
	MaxSummary     = 256       // bytes, also of a tag and of an operation id
	MaxDescription = 16 * 1024 // bytes
	MaxTags        = 20
	MaxResponses   = 50
)

// anyMethods are those that an operation for any method is shown with. HEAD and OPTIONS are of HTTP, not
// of an API.
var anyMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// The document, as far as it has a fixed form; what is left are maps, whose keys are sorted.
type (
	document struct {
		OpenAPI    string                          `json:"openapi"`
		Info       documentInfo                    `json:"info"`
		Servers    []server                        `json:"servers,omitempty"`
		Paths      map[string]map[string]operation `json:"paths"`
		Components *components                     `json:"components,omitempty"`
		LeftOut    []string                        `json:"x-rover-left-out,omitempty"`
	}
	documentInfo struct {
		Title   string `json:"title"`
		Version string `json:"version"`
	}
	server struct {
		URL string `json:"url"`
	}
	components struct {
		Schemas         map[string]any `json:"schemas,omitempty"`
		SecuritySchemes map[string]any `json:"securitySchemes,omitempty"`
	}
	operation struct {
		OperationID string                `json:"operationId"`
		Summary     string                `json:"summary"`
		Description string                `json:"description,omitempty"`
		Tags        []string              `json:"tags,omitempty"`
		Deprecated  bool                  `json:"deprecated,omitempty"`
		Security    []map[string][]string `json:"security,omitempty"`
		Parameters  []parameter           `json:"parameters,omitempty"`
		RequestBody *requestBody          `json:"requestBody,omitempty"`
		Responses   map[string]response   `json:"responses"`
	}
	parameter struct {
		Name        string `json:"name"`
		In          string `json:"in"`
		Description string `json:"description,omitempty"`
		Required    bool   `json:"required,omitempty"`
		Schema      any    `json:"schema"`
	}
	requestBody struct {
		Required bool             `json:"required,omitempty"`
		Content  map[string]media `json:"content"`
	}
	response struct {
		Description string            `json:"description"`
		Headers     map[string]header `json:"headers,omitempty"`
		Content     map[string]media  `json:"content,omitempty"`
	}
	header struct {
		Description string `json:"description"`
		Schema      any    `json:"schema"`
	}
	media struct {
		Schema  any              `json:"schema,omitempty"`
		Example *json.RawMessage `json:"example,omitempty"`
	}
)

// writer makes one document.
type writer struct {
	document
	schemas  *schemas
	ids      map[string]bool
	security map[string]any    // the schemes of tokens, by name
	schemes  map[string]string // their names, by header
}

// Write returns the document of operations, whose order does not matter. An error says what of it JSON
// cannot have.
func Write(info Info, operations []Operation) ([]byte, error) {
	w := &writer{
		ids: map[string]bool{}, schemas: newSchemas(operations),
		security: map[string]any{}, schemes: map[string]string{},
	}
	w.OpenAPI = "3.1.0"
	w.Info = documentInfo{cmp.Or(info.Title, DefaultTitle), cmp.Or(info.Version, DefaultVersion)}
	for _, url := range info.Servers {
		w.Servers = append(w.Servers, server{url})
	}
	w.Paths = map[string]map[string]operation{}
	for _, o := range sorted(operations) {
		if err := w.add(o); err != nil {
			return nil, err
		}
	}
	w.Components = w.components()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(w.document); err != nil {
		return nil, fmt.Errorf("writing the document: %w", err)
	}
	return out.Bytes(), nil
}

// sorted returns the operations that are shown: those for any method are made into those of each, and
// wildcards come last, so that they give way to parameters.
func sorted(operations []Operation) []Operation {
	has := map[[2]string]bool{}
	for _, o := range operations {
		has[[2]string{o.Pattern, o.Method}] = true
	}
	var list []Operation
	for _, o := range operations {
		switch {
		case o.Doc != nil && o.Doc.Hidden:
		case o.Method != "ANY":
			list = append(list, o)
		default:
			for _, method := range anyMethods {
				if !has[[2]string{o.Pattern, method}] {
					o.Method = method
					list = append(list, o)
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b Operation) int {
		return cmp.Or(
			cmp.Compare(strings.Count(a.Pattern, "*"), strings.Count(b.Pattern, "*")),
			strings.Compare(a.Pattern, b.Pattern), strings.Compare(a.Method, b.Method))
	})
	return list
}

// add adds an operation, unless one has its path that OpenAPI takes for the same.
func (w *writer) add(o Operation) error {
	p := parsePath(o.Pattern)
	for path := range w.Paths {
		if path != p.text && parsePath(pattern(path)).shape == p.shape {
			w.LeftOut = append(w.LeftOut, o.Method+" "+o.Pattern)
			return nil
		}
	}
	doc := o.Doc
	if doc == nil {
		doc = &Doc{}
	}
	out := operation{
		OperationID: w.id(cmp.Or(doc.OperationID, strings.ToLower(o.Method)+idOf(p.text))),
		Summary:     cmp.Or(doc.Summary, o.Method+" "+p.text),
		Description: doc.Description, Tags: doc.Tags, Deprecated: doc.Deprecated,
		Responses: map[string]response{},
	}
	w.secure(&out, o.Tokens)
	w.request(&out, p, o.Expects)
	if err := w.responses(&out, o, doc); err != nil {
		return fmt.Errorf("%s %s: %w", o.Method, o.Pattern, err)
	}
	if w.Paths[p.text] == nil {
		w.Paths[p.text] = map[string]operation{}
	}
	w.Paths[p.text][strings.ToLower(o.Method)] = out
	return nil
}

// id returns an id that no other operation has.
func (w *writer) id(id string) string {
	unique := id
	for n := 2; w.ids[unique]; n++ {
		unique = id + "_" + strconv.Itoa(n)
	}
	w.ids[unique] = true
	return unique
}

// idOf makes a path a part of an id: letters, digits and _.
func idOf(path string) string {
	var id strings.Builder
	for word := range strings.FieldsFuncSeq(path, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	}) {
		id.WriteString("_" + word)
	}
	return id.String()
}
