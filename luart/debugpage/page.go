// Package debugpage shows a script error to a client, where the operator wants that: a page for browsers,
// JSON for others.
package debugpage

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/scripterror"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// Request is the request that has failed, as the page tells of it.
type Request struct {
	Method, URI string
	Route       string // "GET /users/:id"; "": none
	Function    string // that has raised the error; "": the route's
	ID          string
}

// JSON shows an error, and where it is. ok is false where there is no JSON of it.
func JSON(err *scripterror.Error, e *chunk.Explanation) (text []byte, ok bool) {
	answer := struct {
		Error     string   `json:"error"`
		At        string   `json:"at,omitempty"`
		Source    []string `json:"source,omitempty"`
		Traceback []string `json:"traceback,omitempty"`
		Hint      string   `json:"hint,omitempty"`
	}{Error: err.Message, At: e.Position(), Source: e.Lines(), Hint: e.Hint}
	for _, f := range e.Frames {
		answer.Traceback = append(answer.Traceback, f.Text)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // people read it
	if encoder.Encode(answer) != nil {
		return nil, false
	}
	return bytes.TrimSpace(b.Bytes()), true
}

// HTML shows an error of a request, and where it is. ok is false where there is no page of it.
func HTML(r Request, err *scripterror.Error, e *chunk.Explanation) (text []byte, ok bool) {
	type frame struct{ Text, Source string }
	data := struct {
		Status                      int
		Reason, Message, At, Hint   string
		Method, URI, Route, Request string
		Function                    string
		Excerpt                     []chunk.ExcerptLine
		Frames                      []frame
	}{
		Status: err.Status, Reason: http.StatusText(err.Status),
		Message: strings.ToValidUTF8(err.Message, "\uFFFD"), At: e.Position(), Hint: e.Hint,
		Method: r.Method, URI: strings.ToValidUTF8(r.URI, "\uFFFD"),
		Route: r.Route, Request: r.ID, Function: r.Function, Excerpt: e.Excerpt(),
	}
	for _, f := range e.Frames {
		data.Frames = append(data.Frames, frame{f.Text, f.Source})
	}
	var b bytes.Buffer
	if page.Execute(&b, data) != nil {
		return nil, false
	}
	return b.Bytes(), true
}

// WantsHTML reports whether a client asks for HTML by name and no less than for JSON, as
// browsers do. A request without a body to show gets none.
func WantsHTML(r *http.Request) bool {
	if r.Method == http.MethodHead {
		return false
	}
	html, other := 0.0, 0.0
	for part := range strings.SplitSeq(strings.Join(r.Header["Accept"], ","), ",") {
		kind, params, _ := strings.Cut(part, ";")
		q := 1.0
		for param := range strings.SplitSeq(params, ";") {
			name, value, _ := strings.Cut(param, "=")
			if strings.EqualFold(strings.TrimSpace(name), "q") {
				n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
				if err != nil || !(n >= 0 && n <= 1) {
					n = 0
				}
				q = n
			}
		}
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "text/html", "application/xhtml+xml":
			html = max(html, q)
		case "application/json":
			other = max(other, q)
		}
	}
	return html > 0 && html >= other
}
