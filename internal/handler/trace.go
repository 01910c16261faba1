package handler

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/loglimit"
	"github.com/caddy-rover/rover/luart/trace"
)

// TraceHeader asks for the trace of a request, and brings it back: see Config.Explain. The
// question is "<unix time>:<signature>", valid until then: the HMAC-SHA256, in hexadecimal, of
// what explainText makes.
const TraceHeader = "Rover-Explain"

const (
	// MinExplainKey bytes cannot be guessed, if they are random.
	MinExplainKey = 16

	// A signature is no longer valid than maxExplain, whatever it says.
	maxExplain = time.Hour

	// maxTraceHeader bytes of a trace fit into a header that every proxy takes.
	maxTraceHeader = 6 << 10

	// maxTraceLog bytes of a trace are logged.
	maxTraceLog = 32 << 10
)

// explainText is what is signed: the request, and how long it may be explained.
func explainText(method, host, uri string, until int64) string {
	return strings.Join([]string{"rover-explain", method, host, uri, strconv.FormatInt(until, 10)}, "\n")
}

// SignTrace returns the header of a request that asks for its trace.
func SignTrace(key, method, host, uri string, until time.Time) string {
	mac := hmac.New(sha256.New, []byte(key))
	io.WriteString(mac, explainText(method, host, uri, until.Unix())) //nolint:errcheck // a hash takes all
	return fmt.Sprintf("%d:%s", until.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

// newExplainKey returns the key of the option explain, "" if it is not given.
func (h *Handler) newExplainKey(repl *caddy.Replacer) (string, error) {
	if h.Explain == "" {
		return "", nil
	}
	key := repl.ReplaceAll(h.Explain, "")
	if len(key) < MinExplainKey {
		return "", fmt.Errorf("explain: the key has %d bytes, at least %d are needed, at random: openssl rand -hex 16", len(key), MinExplainKey)
	}
	return key, nil
}

// explainVar is where the question of a request is kept, once it is taken out of its headers.
const explainVar = "rover.explain"

// wantsTrace reports whether a request asks for its trace and may have it. The question
// then goes no further than to other rover directives of the site: it is valid for everybody
// who sees it.
func (h *Handler) wantsTrace(r *http.Request) bool {
	header := r.Header.Get(TraceHeader)
	if header == "" {
		header, _ = caddyhttp.GetVar(r.Context(), explainVar).(string)
	}
	if !h.signed(r, header) {
		return false
	}
	r.Header.Del(TraceHeader)
	caddyhttp.SetVar(r.Context(), explainVar, header)
	return true
}

// signed reports whether header is a question that is signed for r, and still valid.
func (h *Handler) signed(r *http.Request, header string) bool {
	if header == "" {
		return false
	}
	expires, _, _ := strings.Cut(header, ":")
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return false
	}
	until := time.Unix(seconds, 0)
	if left := time.Until(until); left < 0 || left > maxExplain {
		return false
	}
	method, uri := r.Method, r.RequestURI
	if was, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok { // what the client has signed
		method, uri = was.Method, was.RequestURI
	}
	return hmac.Equal([]byte(header), []byte(SignTrace(h.explainKey, method, r.Host, uri, until)))
}

// tracer is the response writer of a request whose trace is sent along. The request's goroutine
// uses it.
type tracer struct {
	*caddyhttp.ResponseWriterWrapper
	h        *Handler
	record   *trace.Trace
	observer *observer // nil: the script had nothing to do with the request
	sent     bool      // the header is
}

// serveTraced is serve for a request that asks for its trace. It gets it in a header of
// the response, also of an error's, as far as it is known when the response begins; the
// log gets it all.
func (h *Handler) serveTraced(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	t, r := h.newTracer(w, r)
	defer func() {
		loglimit.Bound(h.logger).Info("request explained",
			zap.String("method", r.Method), zap.String("uri", r.URL.RequestURI()), zap.Any("story", t.trace().fit(maxTraceLog)))
	}()
	err := h.serve(t, r, next, t)
	if err != nil {
		t.record.Record("error", err.Error())
		t.sendHeader()
	}
	return err
}

// newTracer returns the writer of a traced request, and the request.
func (h *Handler) newTracer(w http.ResponseWriter, r *http.Request) (*tracer, *http.Request) {
	t := &tracer{
		ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w},
		h:                     h, record: trace.New(),
	}
	return t, r.WithContext(httptrace.WithClientTrace(r.Context(), t.connections()))
}

// connections notes what becomes of connections to upstreams, those of rover.http included.
func (t *tracer) connections() *httptrace.ClientTrace {
	result := func(err error) string {
		if err != nil {
			return err.Error()
		}
		return "done"
	}
	return &httptrace.ClientTrace{
		ConnectDone: func(_, addr string, err error) { t.record.Record("connect to "+addr, result(err)) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			t.record.Record("TLS handshake", result(err))
		},
		GotConn: func(c httptrace.GotConnInfo) {
			how := "a new connection"
			if c.Reused {
				how = "a connection that was open"
			}
			t.record.Record("request to "+c.Conn.RemoteAddr().String(), how)
		},
		GotFirstResponseByte: func() { t.record.Record("first byte of the response", "") },
	}
}

// Trace is what has become of one request, as JSON. The log and the documentation call it the
// story of the request.
type Trace struct {
	VM        string      `json:"vm"`
	Script    string      `json:"script"`
	Version   int         `json:"version,omitempty"`
	Route     string      `json:"route,omitempty"`
	Outcome   string      `json:"outcome"`
	LuaMS     float64     `json:"lua_ms"`
	WaitMS    float64     `json:"wait_ms"`
	QueueMS   float64     `json:"queue_ms"`
	TotalMS   float64     `json:"total_ms"`
	Steps     []TraceStep `json:"steps"`
	Truncated bool        `json:"truncated,omitempty"` // there were more steps than fit
}

// TraceStep is one of the things that happened.
type TraceStep struct {
	AtMS   float64 `json:"at_ms"`
	TookMS float64 `json:"took_ms,omitempty"`
	What   string  `json:"what"`
	Result string  `json:"result,omitempty"`
}

// trace returns what has happened so far.
func (t *tracer) trace() *Trace {
	steps, total := t.record.Steps()
	trace := &Trace{
		VM: t.h.vm.Name, Script: t.h.script.Path(), Outcome: "untouched",
		TotalMS: inMilliseconds(total), Steps: []TraceStep{},
	}
	if o := t.observer; o != nil {
		trace.Version, trace.Route, trace.Outcome = o.gen.Version(), o.Route, o.Outcome
		trace.LuaMS, trace.WaitMS, trace.QueueMS = inMilliseconds(o.Lua), inMilliseconds(o.Wait), inMilliseconds(o.Queue)
	}
	for _, st := range steps {
		trace.Steps = append(trace.Steps, TraceStep{inMilliseconds(st.At), inMilliseconds(st.Took), st.What, st.Result})
	}
	return trace
}

// untouched records that the script has nothing to do with the request. t may be nil.
func (t *tracer) untouched() {
	if t != nil {
		t.record.Record("no route, no hook", "untouched")
	}
}

// probe records that the request asks for the health of the script. t may be nil.
func (t *tracer) probe() {
	if t != nil {
		t.record.Record("health of rover.server", "answered")
	}
}

// page records that the request asks for the document of the script. t may be nil.
func (t *tracer) page() {
	if t != nil {
		t.record.Record("docs of rover.server", "answered")
	}
}

// header returns the trace in ASCII, with as many steps as fit.
func (t *Trace) header() string { return t.fit(maxTraceHeader).ascii() }

// fit returns the trace with as many steps as fit into so many bytes.
func (t *Trace) fit(limit int) *Trace {
	for len(t.Steps) > 0 && len(t.ascii()) > limit {
		t.Steps, t.Truncated = t.Steps[:len(t.Steps)*3/4], true
	}
	return t
}

func (t *Trace) ascii() string {
	text, err := json.Marshal(t)
	if err != nil {
		return "{}" // there is nothing in it that JSON has not
	}
	return escapeNonASCII(text)
}

// escapeNonASCII makes JSON a header value: what is not printable ASCII stands in strings
// only, where it may be escaped.
func escapeNonASCII(text []byte) string {
	var b strings.Builder
	for _, r := range string(text) {
		switch {
		case r < 0x7f:
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// sendHeader puts the trace into the response's header, once.
func (t *tracer) sendHeader() {
	if !t.sent {
		t.sent = true
		t.Header().Add(TraceHeader, t.trace().header())
	}
}

// WriteHeader implements http.ResponseWriter.
func (t *tracer) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		t.sendHeader()
	}
	t.ResponseWriterWrapper.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (t *tracer) Write(p []byte) (int, error) {
	t.sendHeader()
	return t.ResponseWriterWrapper.Write(p)
}

// ReadFrom implements io.ReaderFrom.
func (t *tracer) ReadFrom(r io.Reader) (int64, error) {
	t.sendHeader()
	return t.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError is for http.ResponseController.
func (t *tracer) FlushError() error {
	t.sendHeader()
	return http.NewResponseController(t.ResponseWriter).Flush()
}
