package luart

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddy-rover/rover/luart/chunk"
)

//go:embed debug_page.html
var debugPageText string

var debugPage = template.Must(template.New("debug").Parse(debugPageText))

// debugReply is what a client gets to see of an error where debug is on: a page for
// browsers, JSON for others. Whoever calls it owns err.
func (x *Exchange) debugReply(err *ScriptError) response {
	e := x.gen.locate(err)
	if wantsHTML(x.r) {
		if page, ok := x.debugHTML(err, e); ok {
			return response{status: err.Status, ctype: typeHTML, body: page}
		}
	}
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
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // people read it
	if encoder.Encode(answer) != nil {
		return errorResponse(err.Status, err.Message)
	}
	return response{status: err.Status, ctype: typeJSON, body: bytes.TrimSpace(body.Bytes())}
}

func (x *Exchange) debugHTML(err *ScriptError, e *chunk.Explanation) (page []byte, ok bool) {
	type pageFrame struct{ Text, Source string }
	data := struct {
		Status                      int
		Reason, Message, At, Hint   string
		Method, URI, Route, Request string
		Function                    string
		Excerpt                     []chunk.ExcerptLine
		Frames                      []pageFrame
	}{
		Status: err.Status, Reason: http.StatusText(err.Status),
		Message: strings.ToValidUTF8(err.Message, "\uFFFD"), At: e.Position(), Hint: e.Hint,
		Method: x.r.Method, URI: strings.ToValidUTF8(x.r.URL.RequestURI(), "\uFFFD"),
		Route: x.Route(), Request: x.requestID(), Excerpt: e.Excerpt(),
	}
	if x.running != nil && x.running.route != data.Route {
		data.Function = x.running.route
	}
	for _, f := range e.Frames {
		data.Frames = append(data.Frames, pageFrame{f.Text, f.Source})
	}
	var b bytes.Buffer
	if debugPage.Execute(&b, data) != nil {
		return nil, false
	}
	return b.Bytes(), true
}

// wantsHTML reports whether a client asks for HTML by name and no less than for JSON, as
// browsers do. A request without a body to show gets none.
func wantsHTML(r *http.Request) bool {
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
