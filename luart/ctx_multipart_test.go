package luart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/reqbody"
)

const multipartApp = `
	local api = rover.server {}
	local function show(form)
		local out = {}
		for _, p in ipairs(form) do
			out[#out + 1] = p.name .. "=" .. tostring(p.filename) .. "," .. tostring(p.content_type) .. "," .. p.size .. "," .. #p:text()
		end
		return table.concat(out, " ")
	end
	function api.upload.post(ctx) return show(ctx:multipart()) end
	function api.body.post(ctx) return show(ctx:body():multipart()) end
	function api.access.p_how.post(ctx)
		local form = ctx:param("how") == "body" and ctx:body() or ctx:multipart()
		local f, files = form:form(), form:files("pic")
		local first = form:file("pic")
		return f.a .. "|" .. table.concat(f:all("a"), ",") .. "|" .. tostring(f.pic) .. "|" .. #files .. "|" .. files[2]:text()
			.. "|" .. first.filename .. "|" .. first.headers["CONTENT-type"] .. "|" .. tostring(form:file("none")) .. "|" .. #form:files("a")
	end
	function api.tables.p_how.post(ctx)
		local form = ctx:param("how") == "body" and ctx:body():multipart() or ctx:multipart()
		local pic = form.files.pic
		local names = {}
		for name, list in pairs(form.files) do names[#names + 1] = name .. #list end
		return { #pic, pic[2].data, form.file.pic.filename, form.file.pic.type, form.file.pic.name, form.files.a == nil, form.file.none == nil,
			form.fields.a, form.fields:all("a"), #form:files("pic"), form:file("pic"):text(), form.files(form, "pic")[2]:text(), form:form().a, names,
			form.nothing == nil, form[99] == nil,
			select(2, pcall(function() form:files() end)), select(2, pcall(function() form.file(form, {}) end)) }
	end
	function api.big_fields.post(ctx) return #ctx:multipart().files.big .. " " .. #ctx:multipart().file.big.data end
	function api.chunks.post(ctx)
		local out = {}
		for c in ctx:multipart():file("big"):chunks(30000) do out[#out + 1] = #c end
		return table.concat(out, " ")
	end
	function api.on.post(ctx) ctx:multipart() return api.pass() end
	function api.caught.post(ctx)
		local ok, err = pcall(ctx.multipart, ctx)
		ctx:set_header("X-Err", tostring(type(err) == "table" and err.message or err))
		local ok2, err2 = pcall(ctx.multipart, ctx)
		if tostring(err) ~= tostring(err2) and err.message ~= err2.message then error("another error") end
		return api.pass()
	end
	function api.both.post(ctx)
		local n = #ctx:multipart()
		return n .. " " .. ctx:body():len() .. " " .. #ctx:multipart() .. " " .. #ctx:body():multipart()
	end
	function api.bothways.post(ctx) return ctx:body():len() .. " " .. #ctx:multipart() end
	function api.set.post(ctx)
		ctx:set_body("--B\r\nContent-Disposition: form-data; name=s\r\n\r\nnew\r\n--B--")
		return ctx:multipart():form().s .. ctx:body():form().s
	end
	function api.next.post(ctx)
		ctx:multipart()
		local a, b = ctx:next():body():text(), ctx:next():body():text()
		if a ~= b then error("the second time it differs") end
		return api.pass()
	end
	function api.fail.post(ctx) ctx:multipart() error("oh") end
	function api.panic.post(ctx) ctx:multipart() ctx:var("panic") end
	function api.changed.post(ctx) ctx:multipart() ctx:set_body("changed") error("oh") end
	local kept
	function api.keep.post(ctx) kept = ctx:multipart() kept.next = kept[1]:chunks() kept.part = kept[1] return "kept" end
	function api.kept.get()
		local out = {}
		for _, f in ipairs{kept.next, function() return kept.part:text() end, function() return kept.part.name end, function() return kept:form() end} do
			local ok, err = pcall(f)
			if ok or not tostring(err):find("the request is over") then error("not over: " .. tostring(err)) end
		end
		return "over"
	end
	function api.parallel.post(ctx)
		local a, b, c = rover.parallel{
			function() return #ctx:multipart() end,
			function() return #ctx:multipart() end,
			function() return ctx:body():len() end }
		return a .. " " .. b .. " " .. c
	end
	function api.spawn.post(ctx)
		local done = rover.channel("done", 1)
		rover.spawn(function() done:send(tostring(select(2, pcall(ctx.multipart, ctx)))) end)
		return (done:recv(10))
	end
	return api`

// newUploads returns a server with little max_body, and fails the test if anything is left
// behind in the folder for temporary files.
func newUploads(t *testing.T, change ...func(*Script)) *server {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := newServer(t, multipartApp, append([]func(*Script){func(s *Script) { s.MaxBody, s.MaxUpload = 100_000, 1_000_000 }}, change...)...)
	t.Cleanup(func() {
		if n := s.vm.spools.Load(); n != 0 {
			t.Errorf("%d files are open", n)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
	return s
}

// multipartTables is what /tables makes of two files pic and two fields a.
const multipartTables = `200 [2,"xx","x.bin","application/x","pic",true,true,"1",["1","2"],2,"xxx","xx","1",["pic2"],true,true,` +
	`"app.lua:27: bad argument #1 to files (string expected, got no value)","app.lua:27: bad argument #2 to file (string expected, got table)"]`

func filePart(name string, size int) string {
	return formLines("--B", `Content-Disposition: form-data; name="`+name+`"; filename="x.bin"`, "Content-Type: application/x", "", strings.Repeat("x", size), "")
}

const formHeader = `Content-Type: multipart/form-data; boundary="B"`

func TestMultipart(t *testing.T) {
	s := newUploads(t)
	small := formField("a", "1") + filePart("pic", 3) + formField("a", "2") + filePart("pic", 2) + "--B--\r\n"
	big := formField("a", "1") + filePart("big", 70_000) + "--B--\r\n"
	huge := filePart("big", 200_000) + formField("a", "1") + "--B--\r\n"
	const ctype = "Content-Type: "
	for _, c := range []struct{ request, body, header, want string }{
		{"POST /upload", small, "", "200 a=nil,nil,1,1 pic=x.bin,application/x,3,3 a=nil,nil,1,1 pic=x.bin,application/x,2,2"},
		{"POST /body", small, "", "200 a=nil,nil,1,1 pic=x.bin,application/x,3,3 a=nil,nil,1,1 pic=x.bin,application/x,2,2"},
		{"POST /upload", big, "", "200 a=nil,nil,1,1 big=x.bin,application/x,70000,70000"},
		{"POST /body", big, "", "200 a=nil,nil,1,1 big=x.bin,application/x,70000,70000"},
		{"POST /access/upload", small, "", "200 1|1,2|nil|2|xx|x.bin|application/x|nil|0"},
		{"POST /access/body", small, "", "200 1|1,2|nil|2|xx|x.bin|application/x|nil|0"},
		{"POST /tables/upload", small, "", multipartTables},
		{"POST /tables/body", small, "", multipartTables},
		{"POST /big_fields", big, "", "200 1 70000"},
		{"POST /big_fields", huge, "", `413 {"error":"the request body is larger than 100000 bytes"}`},
		{"POST /chunks", huge, "", "200 30000 30000 30000 30000 30000 30000 20000"},
		{"POST /chunks", big, "", "200 30000 30000 10000"},
		{"POST /on", small, "", "200 POST /on " + small},
		{"POST /on", huge, "", "200 POST /on " + huge},
		{"POST /on", huge + strings.Repeat(" \r\n", 10_000), "", "200 POST /on " + huge + strings.Repeat(" \r\n", 10_000)},
		{"POST /on", huge + strings.Repeat("epilogue", 10_000), "", `400 {"error":"the multipart body can be read in several ways: something follows the closing boundary"}`},
		{"POST /caught", huge + "epilogue", "", "200 POST /caught " + huge + "epilogue"},
		{"POST /next", big, "", "200 POST /next " + big},
		{"POST /both", big, "", fmt.Sprintf("200 2 %d 2 2", len(big))},
		{"POST /both", huge, "", `413 {"error":"the request body is larger than 100000 bytes"}`},
		{"POST /bothways", big, "", fmt.Sprintf("200 %d 2", len(big))},
		{"POST /set", big, "", "200 newnew"},
		{"POST /keep", huge, "", "200 kept"},
		{"GET /kept", "", "", "200 over"},
		{"POST /parallel", big, "", fmt.Sprintf("200 2 2 %d", len(big))},
		{"POST /spawn", big, "", "200 app.lua:80: the request body must be read by the request's own functions: read it before rover.spawn"},

		{"POST /upload", huge, "", `413 {"error":"the request body is larger than 100000 bytes"}`}, // text() of the file
		{"POST /on", filePart("big", 1_000_000) + "--B--", "", `413 {"error":"the request body is larger than 1000000 bytes"}`},
		{"POST /caught", filePart("big", 1_000_000) + "--B--", "", "200 POST /caught " + filePart("big", 1_000_000) + "--B--"},
		{"POST /on", filePart("big", 70_000), "", `400 {"error":"the multipart body is malformed: it ends without the closing boundary"}`},
		{"POST /caught", huge[100_000:], "", "200 POST /caught " + huge[100_000:]},
		{"POST /on", "", "", `400 {"error":"the multipart body is malformed: it does not begin with the boundary that Content-Type names"}`},
		{"POST /on", small, ctype + "text/plain", `415 {"error":"request body: \"text/plain\" is not a multipart form"}`},
		{"POST /body", small, ctype + "text/plain", `415 {"error":"request body: \"text/plain\" is not a multipart form"}`},
		{"POST /access/body", small, ctype + "text/plain", `415 {"error":"request body: \"text/plain\" is not a form"}`},
		{"POST /on", small, ctype + "multipart/form-data", `400 {"error":"request body: the multipart boundary of \"multipart/form-data\" is not allowed: 1 to 70 bytes"}`},
		{"POST /on", small, ctype + "multipart/form-data; boundary=" + strings.Repeat("B", 71), `400 {"error":"request body: the multipart boundary of`},
		{"POST /on", small, ctype + "multipart/form-data; xboundary=y; boundary=B", `400 {"error":"request body: the multipart boundary of`},
		{"POST /body", small, ctype + "multipart/form-data; boundary=B; charset=utf-16", `415 {"error":"request body: the charset \"utf-16\": it is read as UTF-8"}`},
		{"POST /on", small, ctype + "multipart/form-data; boundary", `415 {"error":"request body: Content-Type`},

		{"POST /fail", huge, "", `500 {"error":"internal error"}`},
	} {
		for _, chunked := range []bool{false, true} {
			method, target, _ := strings.Cut(c.request, " ")
			r := httptest.NewRequest(method, target, strings.NewReader(c.body))
			if chunked {
				r.ContentLength = -1
			}
			name, value, _ := strings.Cut(formHeader, ": ")
			if c.header != "" {
				_, value, _ = strings.Cut(c.header, ": ")
			}
			r.Header.Set(name, value)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if got := answer(w); !strings.HasPrefix(got, c.want) || strings.HasPrefix(c.want, "200") && got != c.want {
				t.Errorf("%s, chunked %v: got %.200q, want %.200q", c.request, chunked, got, c.want)
			}
			if n := s.vm.spools.Load(); n != 0 {
				t.Fatalf("%s: %d files are open", c.request, n)
			}
		}
	}
}

// With on_failure pass a body in a file goes on, as it came.
func TestMultipartOnFailurePass(t *testing.T) {
	s := newUploads(t, func(s *Script) { s.OnFailure = FailPass })
	huge := filePart("big", 200_000) + formField("a", "1") + "--B--\r\n"
	for _, path := range []string{"/fail", "/changed"} {
		if got := answer(s.do("POST "+path, huge, formHeader)); got != "200 POST "+path+" "+huge {
			t.Errorf("%s: %.100q", path, got)
		}
	}
	if got := answer(s.do("POST /fail", huge[:1000], formHeader)); !strings.HasPrefix(got, "400 ") {
		t.Errorf("malformed: %.100q", got)
	}
}

// badHost panics in the VM.
type badHost struct{ *server }

func (badHost) Var(*http.Request, string) (any, bool) { panic("a bug of ours") }

func TestMultipartFilesAreClosed(t *testing.T) {
	s := newUploads(t)
	huge := filePart("big", 200_000) + "--B--\r\n"
	begin := func(r *http.Request, h Host) *Exchange {
		r.Header.Set("Content-Type", `multipart/form-data; boundary="B"`)
		return s.gen.Begin(httptest.NewRecorder(), r, h, nil)
	}
	t.Run("panic", func(t *testing.T) {
		x := begin(httptest.NewRequest("POST", "/panic", strings.NewReader(huge)), badHost{s})
		decision, err := x.Run()
		if decision != Answer || err != nil || x.Err() == nil || !x.KeepsBody() || s.vm.spools.Load() != 1 {
			t.Error(decision, err, x.Err(), x.KeepsBody(), s.vm.spools.Load())
		}
		x.End()
	})
	t.Run("client gone", func(t *testing.T) {
		ctx, leave := context.WithCancel(context.Background())
		body := &leaving{rest: huge[:150_000], leave: leave, ctx: ctx}
		x := begin(httptest.NewRequestWithContext(ctx, "POST", "/on", body), s)
		decision, err := x.Run()
		if decision != Answer || err != nil || x.Err() == nil || x.Err().Status != StatusClientClosed {
			t.Error(decision, err, x.Err())
		}
		x.End()
	})
	t.Run("passed on", func(t *testing.T) {
		x := begin(httptest.NewRequest("POST", "/on", strings.NewReader(huge)), s)
		r := x.r
		if decision, err := x.Run(); decision != Pass || err != nil || !x.KeepsBody() {
			t.Error(decision, err, x.KeepsBody())
		}
		again := r.Body.(reqbody.Rereadable).NewReader()
		first := make([]byte, 10)
		if _, err := io.ReadFull(r.Body, first); err != nil {
			t.Error(err)
		}
		for range 2 {
			got, err := io.ReadAll(again)
			if err != nil || !bytes.Equal(got, []byte(huge)) {
				t.Errorf("again: %d bytes, %v", len(got), err)
			}
			again = again.(reqbody.Rereadable).NewReader()
		}
		if err := r.Body.Close(); err != nil {
			t.Error(err)
		}
		if _, err := r.Body.Read(first); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("reading after close: %v", err)
		}
		x.End()
		if _, err := again.Read(first); !errors.Is(err, os.ErrClosed) {
			t.Errorf("reading after the end: %v", err)
		}
	})
	if n := s.vm.spools.Load(); n != 0 {
		t.Errorf("%d files are open", n)
	}
}

// leaving is the body of a client that leaves in the middle.
type leaving struct {
	rest  string
	leave func()
	ctx   context.Context
}

func (l *leaving) Read(p []byte) (int, error) {
	if l.rest == "" {
		l.leave()
		return 0, l.ctx.Err()
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// Where there is no room for the file it is the server's fault, and the piece that is left
// of the body does not pass for the whole.
func TestMultipartWithoutDisk(t *testing.T) {
	s := newUploads(t)
	t.Setenv("TMPDIR", "/nowhere")
	huge := filePart("big", 200_000) + "--B--\r\n"
	if got := answer(s.do("POST /on", huge, formHeader)); got != `500 {"error":"internal error"}` {
		t.Errorf("got %.100q", got)
	}
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, r.Header.Get("X-Err")+" / "+err.Error())
	})
	got := answer(s.do("POST /caught", huge, formHeader))
	if strings.Count(got, "keeping the request body: open /nowhere") != 2 {
		t.Errorf("got %.200q", got)
	}
}

// A body that is too slow is the timeout's, wherever it is kept.
func TestMultipartTimeout(t *testing.T) {
	s := newUploads(t, func(s *Script) { s.Timeout = 100 * time.Millisecond; s.Burst = time.Minute })
	srv := httptest.NewServer(s)
	defer srv.Close()
	pr, pw := io.Pipe()
	defer pw.Close()
	go func() { _, _ = io.WriteString(pw, filePart("big", 100_000)) }()
	r, _ := http.NewRequest("POST", srv.URL+"/on", pr)
	r.Header.Set("Content-Type", `multipart/form-data; boundary="B"`)
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusGatewayTimeout {
		t.Error(resp.Status)
	}
}

func formLines(l ...string) string { return strings.Join(l, "\r\n") }

func formField(name, value string) string {
	return formLines("--B", `Content-Disposition: form-data; name="`+name+`"`, "", value, "")
}
