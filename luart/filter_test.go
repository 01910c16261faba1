package luart

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/jsonlua"
)

// filtering has the same hooks for what next answers, and for ctx:next.
const filtering = `
	local api = rover.server {}
	local function upper(res) return res:on_chunk(function(chunk, last) return chunk:upper() .. (last and "." or "") end) end
	local log = rover.channel("log", 1000)
	local re = rover.re.compile([[(\w+)@example\.com]])
	local kinds = {
		upper = upper,
		pieces = function(res)
			return res:on_chunk(function(chunk, last)
				if last then return "]" end
				return "[" .. chunk
			end)
		end,
		hold = function(res)
			local held = {}
			return res:on_chunk(function(chunk, last)
				held[#held + 1] = chunk
				if last then return #held .. ":" .. table.concat(held) end
			end)
		end,
		swallow = function(res) return res:on_chunk(function() end) end,
		wait = function(res) return res:on_chunk(function(chunk) rover.sleep(0.001) return chunk .. "," end) end,
		plain = function(res) return res:replace("secret", "***") end,
		re = function(res) return res:replace(re, "<$1>") end,
		literal = function(res) return res:replace(re, "$1", { literal = true, limit = 1, window = 100 }) end,
		both = function(res) return upper(res:replace("a", "b")):replace("B", "c") end,
		read = function(res) return res:set_body("<" .. res:body():text() .. ">") end,
		upper_read = function(res) return res:set_body(upper(res):body():len() .. "") end,
		upper_reads = function(res) local n = upper(res):body():len() return res:set_header("X-Len", tostring(n)) end,
		reads = function(res) local n = res:body():len() return res:set_header("X-Len", tostring(n)) end,
		read_upper = function(res) local n = res:body():len() return upper(res):set_header("X-Len", tostring(n)) end,
		set_upper = function(res) return upper(res:set_body("mine")) end,
		upper_set = function(res) return upper(res):set_body("mine") end,
		status = function(res) res.status = 201 return upper(res) end,
		fail = function(res) return res:on_chunk(function() error("no") end) end,
		fail_late = function(res) return res:on_chunk(function(chunk, last) if last then error("no") end return chunk end) end,
		refuse = function(res) return res:on_chunk(function() error { status = 403, message = "masked" } end) end,
		number = function(res) return res:on_chunk(function(chunk, last) return last and 1 or 22 end) end,
		wrong = function(res) return res:on_chunk(function() return {} end) end,
		burst = function(res) return res:on_chunk(function() while true do end end) end,
		ctx = function(res, ctx) return res:on_chunk(function(_, last) return last and ctx:query().kind or nil end) end,
	}
	function api.after.filter(ctx, res)
		local kind = ctx:query().kind
		if kind then return kinds[kind](res, ctx) end
	end
	function api.own.any(ctx) return ctx:query().own end
	function api.own.stream.any(ctx)
		local n = 0
		return api.stream(200, "text/plain", function() n = n + 1 return n < 4 and "n" .. n or nil end)
	end
	function api.asked.w_rest.any(ctx)
		local kind = ctx:query().then_
		local res = ctx:next()
		return kinds[kind](res, ctx)
	end
	return api`

// backend is what a test's next handler answers with.
type backend struct {
	status int
	header http.Header
	pieces []string
	asked  []*http.Request
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.asked = append(b.asked, r)
	header, pieces, status := b.header, b.pieces, b.status
	if status == http.StatusPartialContent && r.Header.Get("Range") == "" {
		status = http.StatusOK
		header = header.Clone()
		header.Del("Content-Range")
		pieces = []string{"the whole secret body"}
		header.Set("Content-Length", strconv.Itoa(len(pieces[0])))
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	for _, p := range pieces {
		if _, err := io.WriteString(w, p); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func newFiltering(t *testing.T) (*server, *backend) {
	b := &backend{status: 200, header: http.Header{}}
	s := newServer(t, filtering, func(s *Script) { s.Burst = 200 * time.Millisecond })
	s.next = b
	return s, b
}

func TestFilter(t *testing.T) {
	s, b := newFiltering(t)
	zipped := gzipped("the secret of ann@example.com and bob@example.com")
	for _, c := range []struct {
		kind   string
		pieces []string
		want   string
	}{
		{"upper", []string{"a", "b"}, "200 AB."},
		{"upper", nil, "200 ."},
		{"upper", []string{"\x00\xff\r\n"}, "200 \x00\xff\r\n."},
		{"pieces", []string{"a", "bc"}, "200 [a[bc]"},
		{"hold", []string{"a", "bc"}, "200 3:abc"},
		{"swallow", []string{"a", "bc"}, "200 "},
		{"wait", []string{"a", "bc"}, "200 a,bc,,"},
		{"plain", []string{"a sec", "re", "t sec"}, "200 a *** sec"},
		{"re", []string{"ann@exam", "ple.com bob@example.com"}, "200 <ann> <bob>"},
		{"literal", []string{"ann@exam", "ple.com bob@example.com"}, "200 $1 bob@example.com"},
		{"both", []string{"xay"}, "200 XcY."},
		{"read", []string{"a", "bc"}, "200 <abc>"},
		{"upper_read", []string{"a", "bc"}, "200 4"},
		{"upper_reads", []string{"a", "bc"}, "200 ABC."},
		{"reads", []string{"a", "bc"}, "200 abc"},
		{"read_upper", []string{"a", "bc"}, "200 ABC."},
		{"set_upper", []string{"a", "bc"}, "200 MINE."},
		{"upper_set", []string{"a", "bc"}, "200 mine"},
		{"status", []string{"a"}, "201 A."},
		{"number", []string{"a"}, "200 221"},
		{"ctx", []string{"a"}, "200 ctx"},
		{"plain", []string{zipped}, "200 the *** of ann@example.com and bob@example.com"},
		{"re", strings.Split(zipped, ""), "200 the secret of <ann> and <bob>"},
		{"read", []string{zipped}, "200 <the secret of ann@example.com and bob@example.com>"},
		{"upper_read", []string{zipped}, "200 50"},
	} {
		b.pieces = c.pieces
		b.header = http.Header{"Etag": {`"x"`}, "Accept-Ranges": {"bytes"}, "X-Other": {"kept"}}
		for _, p := range c.pieces {
			if strings.HasPrefix(p, "\x1f") {
				b.header.Set("Content-Encoding", "gzip")
			}
		}
		b.header.Set("Content-Length", strconv.Itoa(len(strings.Join(c.pieces, ""))))
		for _, path := range []string{"/next?kind=" + c.kind, "/asked/x?then_=" + c.kind} {
			if c.kind == "ctx" && strings.HasPrefix(path, "/asked") {
				continue
			}
			t.Run(c.kind+strings.TrimSuffix(path, c.kind), func(t *testing.T) {
				s.t = t
				w := s.do("GET "+path, "")
				got := answer(w)
				if raw := c.kind == "reads" && b.header.Get("Content-Encoding") != ""; !raw && got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
				h := w.Header()
				if c.kind == "reads" { // it is not changed
					if h.Get("Etag") != `"x"` || h.Get("Content-Length") == "" {
						t.Errorf("headers are %v", h)
					}
					return
				}
				if n := h.Get("Content-Length"); n != "" && n != strconv.Itoa(w.Body.Len()) {
					t.Errorf("Content-Length is %s, %d bytes came", n, w.Body.Len())
				}
				if tag := h.Get("Etag"); tag == `"x"` || h.Get("Accept-Ranges") != "" || h.Get("Content-Encoding") != "" || h.Get("X-Other") != "kept" {
					t.Errorf("headers are %v", h)
				}
			})
		}
	}
}

// Lua's own answers and streams go through filters too.
func TestFilterOwn(t *testing.T) {
	s, _ := newFiltering(t)
	s.expect("GET /own?own=abc&kind=upper", "200 ABC.")
	s.expect("GET /own?own=a@example.com&kind=re", "200 <a>")
	s.expect("GET /own?own=abc&kind=read", "200 <abc>")
	s.expect("GET /own?own=abc&kind=upper_read", "200 4")
	s.expect("GET /own/stream?kind=pieces", "200 [n1[n2[n3]")
	s.expect("GET /own/stream?kind=hold", "200 4:n1n2n3")
	s.expect("GET /own?own=abc&kind=fail", `500 {"error":"internal error"}`)
	s.expect("GET /own?own=abc&kind=refuse", `403 {"error":"masked"}`)
	s.expect("GET /own/stream?kind=fail", `500 {"error":"internal error"}`)
	w := s.do("HEAD /own?own=abc&kind=upper", "")
	if w.Body.Len() != 0 || w.Header().Get("Content-Length") != "" {
		t.Errorf("%d %v", w.Body.Len(), w.Header())
	}
}

// A response without a body calls no filter, and gets none.
func TestFilterNoBody(t *testing.T) {
	s, b := newFiltering(t)
	b.header = http.Header{"Etag": {`"x"`}, "Content-Length": {"10"}}
	if w := s.do("HEAD /next?kind=fail", ""); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "" || w.Header().Get("Etag") != `W/"x"` {
		t.Errorf("HEAD: %s %v", answer(w), w.Header())
	}
	for _, status := range []int{204, 304} {
		b.status, b.header = status, http.Header{"Etag": {`"x"`}}
		for _, kind := range []string{"fail", "read", "upper"} {
			if w := s.do("GET /next?kind="+kind, ""); w.Code != status || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "" {
				t.Errorf("%d, %s: %s %v", status, kind, answer(w), w.Header())
			}
		}
	}
}

// loggedError returns the script errors in the log that contain text.
func loggedError(s *server, text string) []observer.LoggedEntry {
	return s.logs.Filter(func(e observer.LoggedEntry) bool {
		return strings.Contains(fmt.Sprint(e.ContextMap()["error"]), text)
	}).All()
}

// aborted runs f, which must panic as a handler whose client is to see that.
func aborted(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			t.Errorf("recovered %v", got)
		}
	}()
	f()
	t.Error("the response looks whole")
}

// A filter that fails before anything was sent is answered as an error; later it cuts the
// response. Nothing of the filtered response's headers is left on the error.
func TestFilterFails(t *testing.T) {
	s, b := newFiltering(t)
	b.pieces = []string{"a", "b"}
	b.header = http.Header{"Content-Length": {"2"}, "X-Up": {"yes"}}
	for _, c := range []struct{ kind, want, logged string }{
		{"fail", `500 {"error":"internal error"}`, "no"},
		{"refuse", `403 {"error":"masked"}`, ""},
		{"wrong", `500 {"error":"internal error"}`, "the function of res:on_chunk returned a table: a string or nil expected"},
		{"burst", `500 {"error":"internal error"}`, "burst"},
	} {
		for _, path := range []string{"/next?kind=", "/asked/x?then_="} {
			w := s.do("GET "+path+c.kind, "")
			if got := answer(w); got != c.want || w.Header().Get("X-Up") != "" || w.Header().Get("Content-Length") == "2" {
				t.Errorf("%s: %q %v", c.kind, got, w.Header())
			}
			if c.logged != "" && len(loggedError(s, c.logged)) == 0 {
				t.Errorf("%s: no log has %q", c.kind, c.logged)
			}
		}
	}
	for _, path := range []string{"/next?kind=", "/asked/x?then_="} {
		aborted(t, func() { s.do("GET "+path+"fail_late", "") })
	}
	aborted(t, func() { s.do("GET /own?own=abc&kind=fail_late", "") })
	aborted(t, func() { s.do("GET /own/stream?kind=fail_late", "") })
	s.expect("GET /own?own=abc&kind=upper", "200 ABC.")
	if n := s.vm.Stats().Waiting; n != 0 {
		t.Errorf("%d wait", n)
	}
}

// A body that is not what its coding says, or breaks off, is no whole body.
func TestFilterBroken(t *testing.T) {
	s, b := newFiltering(t)
	b.header = http.Header{"Content-Encoding": {"gzip"}}
	b.pieces = []string{"no gzip"}
	s.expect("GET /next?kind=upper", `502 {"error":"internal error"}`)
	s.expect("GET /next?kind=read", `500 {"error":"internal error"}`)
	cut := gzipped(strings.Repeat("some text ", 100_000))
	b.pieces = []string{cut[:len(cut)/2]}
	aborted(t, func() { s.do("GET /next?kind=upper", "") })
	b.header = http.Header{"Content-Encoding": {"rot13"}}
	s.expect("GET /next?kind=upper", `500 {"error":"internal error"}`)
	if len(loggedError(s, `"rot13", which cannot be decoded`)) == 0 {
		t.Error("no log names the coding")
	}
	b.header = nil
	s.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	})
	aborted(t, func() { s.do("GET /next?kind=upper", "") })
	aborted(t, func() { s.do("GET /next?kind=hold", "") })
	aborted(t, func() { s.do("GET /next", "") })
	s.expect("GET /next?kind=read", `500 {"error":"internal error"}`)
	if len(loggedError(s, "reading the response: the response broke off")) == 0 {
		t.Error("no log says that it broke off")
	}
}

// A part of a body is asked for whole before it is filtered, and stays a part if it is not.
func TestFilterRange(t *testing.T) {
	s, b := newFiltering(t)
	b.status = http.StatusPartialContent
	b.header = http.Header{"Content-Range": {"bytes 4-8/21"}, "Content-Length": {"5"}, "Etag": {`"x"`}, "Content-Type": {"text/plain"}}
	b.pieces = []string{"whole"}
	for _, c := range []struct{ path, want string }{
		{"/next", "206 whole"},
		{"/next?kind=plain", "200 the whole *** body"},
		{"/next?kind=upper", "200 THE WHOLE SECRET BODY."},
		{"/next?kind=reads", "200 the whole secret body"},
		{"/next?kind=read", "200 <the whole secret body>"},
		{"/next?kind=upper_set", "200 mine"},
		{"/asked/x?then_=plain", "200 the whole *** body"},
		{"/asked/x?then_=reads", "200 the whole secret body"},
	} {
		w := s.do("GET "+c.path, "", "Range: bytes=4-8", "If-Range: \"x\"")
		if got := answer(w); got != c.want {
			t.Errorf("%s: got %q, want %q", c.path, got, c.want)
		}
		if n := w.Header().Get("Content-Length"); n != "" && n != strconv.Itoa(w.Body.Len()) {
			t.Errorf("%s: %v", c.path, w.Header())
		}
		if isPart := w.Code == 206; isPart != (w.Header().Get("Content-Range") != "") {
			t.Errorf("%s: %v", c.path, w.Header())
		}
		if last := b.asked[len(b.asked)-1]; w.Code == 200 && (last.Header.Get("Range") != "" || last.Header.Get("If-Range") != "") {
			t.Errorf("%s: asked with %v", c.path, last.Header)
		}
	}
	if got := answer(s.do("POST /next?kind=plain", "body", "Range: bytes=4-8")); got != `500 {"error":"internal error"}` {
		t.Errorf("POST: %s", got)
	}
	if len(loggedError(s, "the request cannot be made again without its Range")) == 0 {
		t.Error("no log says why")
	}
}

// A GET over HTTP/3 has a body of unknown length, which goes with both requests.
func TestFilterRangeOfUnknownBody(t *testing.T) {
	s, b := newFiltering(t)
	b.status = http.StatusPartialContent
	b.header = http.Header{"Content-Range": {"bytes 4-8/21"}, "Content-Type": {"text/plain"}}
	b.pieces = []string{"whole"}
	var bodies []string
	next := s.next
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		bodies = append(bodies, fmt.Sprintf("%s %v", body, err))
		_ = r.Body.Close()
		next.ServeHTTP(w, r)
	})
	for _, path := range []string{"/next?kind=plain", "/asked/x?then_=plain"} {
		for _, body := range []string{"", "question"} {
			bodies = nil
			r := httptest.NewRequest(http.MethodGet, path, io.MultiReader(strings.NewReader(body)))
			r.Header.Set("Range", "bytes=4-8")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if got := answer(w); got != "200 the whole *** body" {
				t.Errorf("%s: got %q", path, got)
			}
			if want := []string{body + " <nil>", body + " <nil>"}; !slices.Equal(bodies, want) {
				t.Errorf("%s: the bodies were %q", path, bodies)
			}
		}
	}
}

// Only codings that can be decoded are asked for, and the request itself is not changed.
func TestFilterNarrowsAcceptEncoding(t *testing.T) {
	s, b := newFiltering(t)
	for accept, want := range map[string]string{"gzip, br": "gzip, br", "dcb, gzip;q=0.5": "gzip;q=0.5", "exi": "identity"} {
		r := httptest.NewRequest("GET", "/next?kind=upper", nil)
		r.Header.Set("Accept-Encoding", accept)
		s.ServeHTTP(httptest.NewRecorder(), r)
		if got := b.asked[len(b.asked)-1].Header.Get("Accept-Encoding"); got != want {
			t.Errorf("%s was sent as %s, want %s", accept, got, want)
		}
		if got := r.Header.Get("Accept-Encoding"); got != accept {
			t.Errorf("%s is %s for others", accept, got)
		}
	}
}

// Trailers are kept, those about the bytes of the body are not. They may come while no byte
// has left.
func TestFilterTrailers(t *testing.T) {
	s, _ := newFiltering(t)
	s.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum, Content-Digest")
		_, _ = io.WriteString(w, "abc")
		w.Header().Set("X-Sum", "6")
		w.Header().Set("Content-Digest", "sha-256=:x:")
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
	})
	web := httptest.NewServer(s)
	defer web.Close()
	for _, kind := range []string{"upper", "hold", "swallow"} {
		for _, path := range []string{"/next?kind=", "/asked/x?then_="} {
			res, err := http.Get(web.URL + path + kind)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if got := fmt.Sprintf("%v %s %s %q %v", err, res.Trailer.Get("X-Sum"), res.Trailer.Get("X-Late"), res.Header.Get("X-Sum"), res.Trailer["Content-Digest"]); got != `<nil> 6 yes "" []` {
				t.Errorf("%s: %s; body %q, header %v, trailer %v", kind, got, body, res.Header, res.Trailer)
			}
		}
	}
}

// What filters make of a stream comes as it is made, and the producer's pace is the
// client's still.
func TestFilterStreams(t *testing.T) {
	s, _ := newFiltering(t)
	gate := make(chan struct{})
	s.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for range 3 {
			<-gate
			_, _ = io.WriteString(w, "data: x\n\n")
			_ = http.NewResponseController(w).Flush()
		}
	})
	web := httptest.NewServer(s)
	defer web.Close()
	res, err := http.Get(web.URL + "/next?kind=upper") // the head comes before any event
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for range 3 {
		gate <- struct{}{}
		p := make([]byte, len("DATA: X\n\n"))
		if _, err := io.ReadFull(res.Body, p); err != nil || string(p) != "DATA: X\n\n." && string(p) != "DATA: X\n\n" {
			t.Errorf("%q, %v", p, err)
		}
	}
	rest, err := io.ReadAll(res.Body)
	if string(rest) != "." || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// Heartbeats go through filters while the producer waits.
func TestFilterHeartbeats(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local events = rover.channel("events", 10)
		function api.events.get() return api.sse(function() return (events:recv()) end) end
		function api.send.get(ctx) events:send("x") return "sent" end
		function api.close.get(ctx) events:close() return "closed" end
		function api.events.after.upper(_, res)
			res:on_chunk(function(chunk, last) return last and "end" or "<" .. chunk:upper() .. ">" end)
		end
		return api`)
	s.vm.heartbeat, s.vm.headPatience = time.Millisecond, time.Millisecond
	web := httptest.NewServer(s)
	defer web.Close()
	res, err := http.Get(web.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	read := bufio.NewReader(res.Body)
	until := func(want string) {
		t.Helper()
		for {
			line, err := read.ReadString('\n')
			if strings.Contains(line, want) {
				return
			}
			if err != nil {
				t.Fatalf("%q never came: %v, %q", want, err, line)
			}
		}
	}
	for range 3 {
		until("<:")
		s.expect("GET /send", "200 sent")
		until("<DATA: X")
	}
	s.do("GET /close", "")
	rest, err := io.ReadAll(read)
	if !strings.HasSuffix(string(rest), "end") || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// Arguments are checked where they are given.
func TestFilterArguments(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.before.try(ctx)
			local res = api.text("x")
			local function raised(f, ...) return (select(2, pcall(f, ...))) end
			return {
				raised(res.on_chunk, res), raised(res.on_chunk, res, "f"),
				raised(res.replace, res, {}, "x"), raised(res.replace, res, "", "x"), raised(res.replace, res, "x"),
				raised(res.replace, res, "x", "y", { windw = 1 }), raised(res.replace, res, "x", "y", { window = 0 }),
				raised(res.replace, res, "xx", "y", { window = 1 }), raised(res.replace, res, "x", "y", { limit = 1.5 }),
				raised(res.on_chunk, api.pass(), print), raised(res.body, api.proxy("a:1")),
			}
		end
		return api`)
	want := []string{
		"bad argument #2 to (anonymous) (function expected, got no value)",
		"bad argument #2 to (anonymous) (function expected, got string)",
		"bad argument #2 to (anonymous) (string or expression of rover.re.compile expected, got table)",
		"res:replace: the pattern is empty",
		"bad argument #3 to (anonymous) (string expected, got no value)",
		`res:replace: unknown option "windw": did you mean window?`,
		"res:replace: option window: whole bytes from 1 to 1048576 expected, got 0",
		"res:replace: the pattern has 2 bytes, more than the window of 1",
		"res:replace: option limit: a whole number from 1 expected, got 1.5",
		"there is no response yet: wait for it with ctx:next() or ctx:proxy(), or use an after hook",
		"there is no response yet: wait for it with ctx:next() or ctx:proxy(), or use an after hook",
	}
	got := s.do("GET /", "").Body.String()
	for _, w := range want {
		text := string(jsonlua.AppendString(nil, w))
		if !strings.Contains(got, strings.Trim(text, `"`)) {
			t.Errorf("%s is not in\n%s", w, got)
		}
	}
}

// A script that names none of the methods runs its hooks inside the handler's WriteHeader.
// What such a hook replaces is not sent, and its handler ends.
func TestAfterInside(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.after.other(ctx, res)
			if ctx.path == "/hidden" then return res["on_" .. "chunk"](res, print) end
			if ctx.path ~= "/same" then return "mine" end
		end
		return api`)
	ended := make(chan error, 1)
	s.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Up", "yes")
		p := make([]byte, 64<<10)
		for i := range 100 {
			if _, err := w.Write(p); err != nil {
				ended <- fmt.Errorf("write %d: %w", i, err)
				return
			}
		}
		ended <- nil
	})
	w := s.do("GET /other", "")
	if got := answer(w); got != "200 mine" || w.Header().Get("X-Up") != "" {
		t.Errorf("%q %v", got, w.Header())
	}
	if err := <-ended; !errors.Is(err, errDropped) {
		t.Error(err)
	}
	if w := s.do("GET /same", ""); w.Body.Len() != 100*64<<10 || <-ended != nil {
		t.Errorf("%d bytes", w.Body.Len())
	}
	if got := answer(s.do("GET /hidden", "")); got != `500 {"error":"internal error"}` || len(loggedError(s, "must name body, set_body, on_chunk, replace and edit_json")) == 0 {
		t.Errorf("%q", got)
	}
}

// A hook that drops an endless response ends its handler.
func TestAfterDropsEndless(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.after.other(ctx, res) return res:set_body("mine") end
		return api`)
	s.vm.trailerPatience = time.Millisecond
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		<-r.Context().Done()
	})
	s.expect("GET /", "200 mine")
}
