package scripttest

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/outbound"
)

// Response is what a client gets.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Ask sends a request to an App that runs no test, and waits for the whole response. The options
// are those of rover.test.request. An error that the error routes of a server would answer is in
// err, beside the response.
func Ask(ctx context.Context, app App, options map[string]any) (resp Response, err error) {
	r, err := newRequest(ctx, nil, options)
	if err != nil {
		return resp, err
	}
	w := newRecorder(r)
	status := 0
	if err = (&env{app: app}).serve(w, r); err != nil {
		status = app.ErrorStatus(err)
	}
	w.finish(err, status)
	return Response{w.status, w.sent, string(w.body)}, err
}

func anys(list []string) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = v
	}
	return all
}

// serve serves a request. A response that breaks off is an error.
func (e *env) serve(w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler: //nolint:errorlint // as net/http compares it
			err = errors.New("the response broke off")
		default:
			panic(p)
		}
	}()
	return e.app.Serve(w, r)
}

// newRequest makes a request of its options. It is as net/http's server makes it. A body with time in
// it is sent by c.
func newRequest(ctx context.Context, c *clock.Clock, o map[string]any) (*http.Request, error) {
	option := func(name, otherwise string) (string, error) {
		switch v := o[name].(type) {
		case nil:
			return otherwise, nil
		case string:
			return v, nil
		}
		return "", fmt.Errorf("option %s: string expected", name)
	}
	var errs []error
	get := func(name, otherwise string) string {
		v, err := option(name, otherwise)
		errs = append(errs, err)
		return v
	}
	method, path := get("method", http.MethodGet), get("path", "/")
	var body string
	pieces, slow := o["body"].([]any)
	if !slow {
		body = get("body", "")
	}
	host, ip, scheme, jsonText := get("host", "example.com"), get("client_ip", "192.0.2.1"), get("scheme", "http"), get("json_text", "")
	header := http.Header{}
	errs = append(errs, setHeaders(header, o["headers"]))
	query, err := values(o["query"])
	errs = append(errs, err)
	form, err := values(o["form"])
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("path %q: it begins with /", path)
	}
	if !httpguts.ValidHostHeader(host) {
		return nil, fmt.Errorf("option host: %q is no host", host)
	}
	if net.ParseIP(ip) == nil {
		return nil, fmt.Errorf("option client_ip: %q is not an IP address", ip)
	}
	set := func(ctype, text string) {
		if header.Get("Content-Type") == "" {
			header.Set("Content-Type", ctype)
		}
		body = text
	}
	if o["json_text"] != nil {
		set("application/json", jsonText)
	}
	if form != nil {
		set("application/x-www-form-urlencoded", form.Encode())
	}
	if query != nil {
		sign := "?"
		if strings.Contains(path, "?") {
			sign = "&"
		}
		path += sign + query.Encode()
	}
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", path, err)
	}
	r, err := http.NewRequestWithContext(ctx, strings.ToUpper(method), u.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body == "" {
		r.Body = http.NoBody
	}
	if slow {
		upload, length, err := newUpload(ctx, c, pieces)
		if err != nil {
			return nil, err
		}
		r.Body, r.ContentLength = upload, length
	}
	r.GetBody = nil
	r.URL, r.RequestURI, r.Header, r.Host = u, path, header, host
	if h := header.Get("Host"); h != "" {
		r.Host = h
		header.Del("Host")
	}
	r.RemoteAddr = net.JoinHostPort(ip, "40000")
	if scheme == "https" {
		r.TLS = tlsState(r.Host)
	}
	return r, nil
}

// setHeaders adds a table of headers: a value is a string, a number or an array of them.
func setHeaders(h http.Header, table any) error {
	if list, ok := table.([]any); ok && len(list) == 0 {
		return nil
	}
	m, ok := table.(map[string]any)
	if !ok && table != nil {
		return errors.New("headers: a table of strings expected")
	}
	for name, v := range m {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("%q is no name of a header", name)
		}
		values, err := valuesOf(v)
		if err != nil {
			return fmt.Errorf("header %q: %w", name, err)
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return fmt.Errorf("header %s: %q is no value of one", name, value)
			}
			h.Add(name, value)
		}
	}
	return nil
}

// valuesOf returns a string, a number, or an array of them.
func valuesOf(v any) (list []string, err error) {
	all, ok := v.([]any)
	if !ok {
		all = []any{v}
	}
	for _, v := range all {
		switch v.(type) {
		case string, float64:
			list = append(list, text(v))
		default:
			return nil, errors.New("a string, a number or an array of them expected")
		}
	}
	return list, nil
}

// text returns a string, a number or a boolean as Lua writes it.
func text(v any) string {
	if n, ok := v.(float64); ok && n == math.Trunc(n) && math.Abs(n) < 1e15 {
		return strconv.FormatInt(int64(n), 10)
	}
	return fmt.Sprint(v)
}

// values returns a query or a form; nil if there is none.
func values(table any) (url.Values, error) {
	if table == nil {
		return nil, nil
	}
	m, ok := table.(map[string]any)
	if !ok {
		return nil, errors.New("query or form: a table of strings expected")
	}
	v := url.Values{}
	for name, value := range m {
		list, err := valuesOf(value)
		if err != nil {
			return nil, fmt.Errorf("%q in query or form: %w", name, err)
		}
		v[name] = list
	}
	return v, nil
}

// upstream has a fake of the file of tests answer.
func (e *env) upstream(r *http.Request, u Upstream) (*http.Response, error) {
	if on, ok := r.Context().Value(wayKey{}).(*way); ok && u.Kind < Copied {
		on.mu.Lock()
		on.upstream, on.upstreams = u.Names[0], u.Others
		on.mu.Unlock()
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	headers := make(map[string]any, len(r.Header))
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = anys(values)
	}
	request := map[string]any{
		"method": r.Method, "path": r.URL.Path, "query": r.URL.RawQuery, "uri": r.URL.RequestURI(),
		"headers": headers, "body": string(body), "host": r.Host, "upstream": u.Names[0],
	}
	if r.Host == "" {
		request["host"] = r.URL.Host
	}
	if u.Others != nil {
		request["upstreams"] = anys(u.Others)
	}
	results, err := e.gen.Call(r.Context(), "upstream", anys(u.Names), request)
	if err != nil {
		if r.Context().Err() == nil {
			e.fail(err)
		}
		return nil, err
	}
	answer, _ := results[0].(map[string]any)
	if answer["unknown"] == true {
		// The client may have got no more than a 502, or a 404: a report of the test says why.
		zap.New(e.output.core(zap.WarnLevel)).Warn("no fake upstream", zap.String("upstream", u.Names[0]),
			zap.String("remedy", fmt.Sprintf("rover.test.upstream(%q, …)", u.Names[0])))
		if u.Kind == Behind {
			return newResponse(r, map[string]any{"status": 404.0, "body": ""})
		}
		return nil, Refused(u, fmt.Errorf(`no fake upstream %q: the test needs rover.test.upstream("%[1]s", …)`, u.Names[0]))
	}
	if text, ok := answer["error"].(string); ok {
		return nil, Refused(u, errors.New(text))
	}
	resp, err := newResponse(r, answer)
	if err != nil {
		err = fmt.Errorf("fake upstream %q: %w", u.Names[0], err)
		e.fail(err)
	}
	return resp, err
}

// fail has the test fail, however the script takes it.
func (e *env) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		e.failed = err
	}
}

// Refused is the error of a connection to an upstream that is not made.
func Refused(u Upstream, err error) error {
	if u.Kind == Called {
		return &outbound.Error{Step: outbound.StepConnect, Err: err}
	}
	return &RefusedError{u.Names[0], err}
}

// RefusedError says that an upstream takes no connection.
type RefusedError struct {
	Upstream string
	Err      error
}

func (e *RefusedError) Error() string { return "connecting to " + e.Upstream + ": " + e.Err.Error() }

func (e *RefusedError) Unwrap() error { return e.Err }

// newResponse makes a response of what a fake has answered.
func newResponse(r *http.Request, answer map[string]any) (*http.Response, error) {
	status, ok := answer["status"].(float64)
	if !ok || (status < 200 && status != http.StatusSwitchingProtocols) || status > 999 || status != float64(int(status)) {
		return nil, fmt.Errorf("status %v: 101, or a number from 200 to 999, expected", answer["status"])
	}
	body, ok := answer["body"].(string)
	if !ok {
		return nil, errors.New("body: string expected")
	}
	h := http.Header{}
	if err := setHeaders(h, answer["headers"]); err != nil {
		return nil, err
	}
	if ctype, ok := answer["content_type"].(string); ok && h.Get("Content-Type") == "" {
		h.Set("Content-Type", ctype)
	}
	resp := &http.Response{
		StatusCode: int(status), Status: fmt.Sprintf("%d %s", int(status), http.StatusText(int(status))),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body)), Request: r,
	}
	if status == http.StatusSwitchingProtocols {
		switchProtocols(resp, r)
	} else if r.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified {
		resp.Body = http.NoBody
	} else if h.Get("Content-Length") == "" {
		h.Set("Content-Length", fmt.Sprint(len(body)))
	}
	return resp, nil
}

// switchProtocols makes resp the head of a connection on which the upstream says nothing. It agrees to
// the upgrade that r asks for, unless its own headers say otherwise.
func switchProtocols(resp *http.Response, r *http.Request) {
	for name, v := range map[string]string{
		"Connection": "Upgrade", "Upgrade": r.Header.Get("Upgrade"), "Sec-Websocket-Accept": websocketAccept(r),
	} {
		if v != "" && resp.Header.Get(name) == "" {
			resp.Header.Set(name, v)
		}
	}
	_, end := net.Pipe()
	resp.Body, resp.ContentLength = silentConn{end}, -1
}

// websocketAccept is what a server proves with that it has read the key of a client: RFC 6455,
// section 4.2.2. It is empty where there is no key.
func websocketAccept(r *http.Request) string {
	for name, values := range r.Header { // the proxy writes WebSocket, not Websocket
		if strings.EqualFold(name, "Sec-WebSocket-Key") && len(values) > 0 {
			sum := sha1.Sum([]byte(values[0] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
			return base64.StdEncoding.EncodeToString(sum[:])
		}
	}
	return ""
}
