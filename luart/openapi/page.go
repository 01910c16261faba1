package openapi

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // of the page
	"encoding/base64"
	"encoding/json"
	"html/template"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

//go:embed page.css
var styleText string

// policy lets the page have its own style and nothing else: no script, nothing from elsewhere.
var policy = func() string {
	sum := sha256.Sum256([]byte(styleText))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// pageOperation is an operation as people see it.
type pageOperation struct {
	Method, Path string
	operation
	Body      string // its schema
	Answers   []pageResponse
	Protected bool // it needs a token: the last way in, which has no optional ones, is not without
}

type pageResponse struct {
	Status string
	response
	Body string
}

// html makes a page of a document. All that the document says is text there.
func html(text []byte) ([]byte, error) {
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	page := struct {
		Style      template.CSS
		Info       documentInfo
		Operations []pageOperation
		Components string
	}{Style: template.CSS(styleText), Info: doc.Info, Components: indented(doc.Components)}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			p := pageOperation{Method: strings.ToUpper(method), Path: path, operation: o, Protected: len(o.Security) > 0 && len(o.Security[len(o.Security)-1]) > 0}
			if o.RequestBody != nil {
				p.Body = indented(o.RequestBody.Content[jsonType].Schema)
			}
			for status, r := range o.Responses {
				p.Answers = append(p.Answers, pageResponse{status, r, bodyOf(r)})
			}
			slices.SortFunc(p.Answers, func(a, b pageResponse) int { return strings.Compare(a.Status, b.Status) })
			page.Operations = append(page.Operations, p)
		}
	}
	slices.SortFunc(page.Operations, func(a, b pageOperation) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, page)
	return out.Bytes(), err
}

// bodyOf shows the example of a response, or else its schema.
func bodyOf(r response) string {
	m := r.Content[jsonType]
	if m.Example != nil {
		return indented(m.Example)
	}
	return indented(m.Schema)
}

// indented is a value as JSON, "" for none.
func indented(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil || out.String() == "null\n" {
		return ""
	}
	return strings.TrimSpace(out.String())
}
