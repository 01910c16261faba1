package http

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/lib"
	liburl "github.com/caddy-rover/rover/luart/lib/url"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/urltext"
)

const (
	DefaultRedirects = 10 // as of browsers and net/http
	MaxRedirects     = 100

	// maxTimeout is far beyond any use, and far from where a time.Duration ends.
	maxTimeout = 24 * time.Hour

	// DefaultBodyLimit bytes of a response are read unasked. Each lies in memory as
	// long as the script keeps it.
	DefaultBodyLimit = 10 << 20
	LargestBodyLimit = 1 << 30
)

// options is the table of options of one request while it is read, and what it
// makes of the request.
type options struct {
	outbound.Request
	stream    bool
	bodyLimit int64 // of res.body, or of what is left for res:read()

	client *client
	L      *lua.LState
	at     int  // the argument it is, for errors
	whole  bool // method and url are in it
	method string
	bodyOf string // the option that gave the body
	query  string
	ctype  string
	limit  timeLimit
}

func newOptions(c *client, L *lua.LState, at int) *options {
	o := &options{client: c, L: L, at: at}
	o.Header = c.header.Clone()
	if o.Header == nil {
		o.Header = http.Header{}
	}
	o.Timeout, o.Redirects, o.MaxBody = c.timeout, c.redirects, c.maxBody
	o.Retry, o.Breaker = c.retry, c.breaker
	return o
}

// fail raises a bad argument.
func (o *options) fail(format string, args ...any) {
	luaval.ArgError(o.L, o.at, fmt.Sprintf(format, args...))
}

// read reads the table. Only the holder may call it.
func (o *options) read(t *lua.LTable) {
	if t != nil {
		known := ofRequest
		if o.whole {
			known = ofWhole
		}
		known.Each(o.L, t, o.at, o.set)
	}
	if o.URL == nil {
		o.fail("option url is missing")
	}
	if o.query != "" {
		if o.URL.RawQuery != "" {
			o.query = o.URL.RawQuery + "&" + o.query
		}
		o.URL.RawQuery = o.query
	}
	if o.ctype != "" && o.Header["Content-Type"] == nil {
		o.Header["Content-Type"] = []string{o.ctype}
	}
}

func (o *options) set(key string, v lua.LValue) {
	switch key {
	case "params":
		o.query = o.encoded(key, v)
	case "form":
		o.setBody("option form", o.encoded(key, v), "application/x-www-form-urlencoded")
	case "json":
		o.setJSON("option json", v)
	case "body":
		s, ok := luaval.StringValue(v)
		if !ok {
			o.fail("option body: string expected, got %s", luaval.TypeName(v))
		}
		o.setBody("option body", s, "")
	case "stream":
		b, ok := v.(lua.LBool)
		if !ok {
			o.fail("option stream: boolean expected, got %s", luaval.TypeName(v))
		}
		o.stream = bool(b)
	case "headers":
		for name, values := range readHeaders(o.L, o.at, v) {
			o.Header[name] = values
		}
	case "timeout", "timeout_ms":
		o.Timeout = o.limit.read(o.L, o.at, key, v)
	case "redirects":
		o.Redirects = int(readCount(o.L, o.at, key, v, 0, MaxRedirects))
	case "max_body":
		o.MaxBody = readCount(o.L, o.at, key, v, 1, LargestBodyLimit)
	case "retry", "breaker":
		readFailing(o.L, o.at, key, v, &o.Retry, &o.Breaker)
	case "method":
		s, _ := v.(lua.LString)
		o.method = strings.ToUpper(string(s))
		if !httpguts.ValidHeaderFieldName(o.method) || o.method == http.MethodConnect {
			o.fail("option method: %q cannot be sent", v.String())
		}
	case "url":
		s, ok := v.(lua.LString)
		if !ok {
			o.fail("option url: string expected, got %s", luaval.TypeName(v))
		}
		o.setURL(o.at, string(s))
	}
}

// setJSON makes v the body, as JSON.
func (o *options) setJSON(what string, v lua.LValue) {
	b, err := jsonlua.Append(luaval.BudgetOf(o.L), nil, v)
	if err != nil {
		o.fail("%s: %v", what, err)
	}
	o.setBody(what, string(b), "application/json")
}

func (o *options) encoded(key string, v lua.LValue) string {
	t, ok := v.(*lua.LTable)
	if !ok {
		o.fail("option %s: table expected, got %s", key, luaval.TypeName(v))
	}
	s, err := liburl.EncodeForm(o.L, t)
	if err != nil {
		o.fail("option %s: %v", key, err)
	}
	return s
}

// setBody makes b the body, which what (an option, or an argument) says.
func (o *options) setBody(what, b, ctype string) {
	if o.bodyOf != "" {
		o.fail("%s and %s: a request has one body", o.bodyOf, what)
	}
	o.bodyOf, o.Body, o.ctype = what, b, ctype
}

// setURL makes text, argument n or a field of it, the URL.
func (o *options) setURL(n int, text string) {
	u, err := o.client.url(text)
	var elsewhere *elsewhereError
	switch {
	case errors.As(err, &elsewhere):
		luaval.RaiseStatus(o.L, http.StatusBadRequest, "rover.http: "+err.Error())
	case err != nil:
		luaval.ArgError(o.L, n, err.Error())
	}
	o.URL = u
}

// finish adds what follows from the call that runs. Only the holder may call it.
func (o *options) finish(c lib.Caller) {
	o.Method = o.method
	if o.Method == "" {
		o.Method = http.MethodGet
	}
	o.bodyLimit = o.MaxBody
	if o.bodyLimit == 0 {
		o.bodyLimit = DefaultBodyLimit
	}
	if !o.stream {
		o.MaxBody = o.bodyLimit
	}
	if o.Timeout == 0 {
		o.Timeout = c.PatienceElsewhere()
	}
	if id, header, ok := c.Request(); ok {
		carryOn(o.Header, id, header)
	}
	if o.Header["User-Agent"] == nil {
		o.Header["User-Agent"] = []string{"rover"}
	}
}

var hasScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// url returns the URL that a script means with text. With a base_url text can only be
// what comes behind it: a path that somebody else chose must not lead elsewhere.
func (c *client) url(text string) (*url.URL, error) {
	if c.base != "" {
		switch {
		case hasScheme.MatchString(text):
			return nil, fmt.Errorf("path expected, got the URL %q: the client has the base_url %s", text, c.base)
		case text == "", text[0] == '/', text[0] == '?':
			text = c.base + text
		default:
			text = c.base + "/" + text
		}
	}
	return parseURL(text)
}

// parseURL reads the URL of a request.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	var bad *url.Error
	switch {
	case errors.As(err, &bad):
		return nil, fmt.Errorf("invalid URL: %w", bad.Err)
	case err != nil:
		return nil, err
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, fmt.Errorf("URL beginning with http:// or https:// and a host expected, got %q", text)
	}
	u.Fragment, u.RawFragment = "", ""
	if why := urltext.LeadsElsewhere(u.Path); why != "" {
		return nil, &elsewhereError{urltext.PathError(u.EscapedPath(), why)}
	}
	if u.RawPath != "" {
		u.RawPath = urltext.EscapeUnsendable(u.RawPath)
	}
	return u, nil
}

// elsewhereError says that a URL can be resolved to another one than it seems to be.
type elsewhereError struct{ error }

// readHeaders returns v, argument n or a field of it, as headers.
func readHeaders(L *lua.LState, n int, v lua.LValue) http.Header {
	t, ok := v.(*lua.LTable)
	if !ok {
		luaval.ArgError(L, n, "option headers: table expected, got "+luaval.TypeName(v))
	}
	return luaval.CheckRequestHeaders(L, t, func(why string) { luaval.ArgError(L, n, why) })
}

// readCount returns v, an option in argument n, a whole number in a range.
func readCount(L *lua.LState, n int, key string, v lua.LValue, low, high int64) int64 {
	f, ok := v.(lua.LNumber)
	if i := int64(f); ok && lua.LNumber(i) == f && low <= i && i <= high {
		return i
	}
	luaval.ArgError(L, n, fmt.Sprintf("option %s: whole number from %d to %d expected, got %s", key, low, high, luaval.Show(v)))
	return 0
}
