package luart

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/mirror"
	"github.com/caddy-rover/rover/luart/proxy"
)

// shadow is where copies of requests arrive.
type shadow struct {
	got  chan string   // what came
	gate chan struct{} // closed: answers may be given; nil: at once
}

func newMirroring(t testing.TB, source string, change ...func(*Script)) (*server, *shadow) {
	s := newServer(t, source, change...)
	sh := &shadow{got: make(chan string, 1000)}
	s.proxied = func(to *proxy.To, w http.ResponseWriter, r *http.Request) error {
		if !to.Mirror {
			return errors.New("not a copy")
		}
		body, _ := io.ReadAll(r.Body)
		sh.got <- r.Method + " " + r.RequestURI + " " + r.Header.Get("X-A") + " " + string(body)
		if sh.gate != nil {
			select {
			case <-sh.gate:
			case <-r.Context().Done():
				return r.Context().Err()
			}
		}
		if to.Upstreams[0] == "dead" {
			return errors.New("refused")
		}
		_, err := w.Write([]byte("nobody sees this"))
		return err
	}
	return s, sh
}

const mirroring = `
	local api = rover.server {}
	function api.plain.any(ctx)
		local sent = ctx:mirror("up")
		ctx:set_header("X-A", "late")
		if not sent then return "not sent" end
		return api.pass()
	end
	function api.read.any(ctx) ctx:body() ctx:mirror("up") return "read" end
	function api.later.any(ctx) ctx:mirror("up") return ctx:body():text() end
	function api.unread.any(ctx) ctx:mirror("up") return "unread" end
	function api.next.any(ctx) ctx:mirror("up") return ctx:next() end
	function api.small.any(ctx) ctx:mirror("up", { max_body = 3 }) return api.pass() end
	function api.never.any(ctx) return tostring(ctx:mirror("up", { sample = 0 })) end
	function api.dead.any(ctx) ctx:mirror("dead") return "on" end
	function api.brief.any(ctx) ctx:mirror("up", { timeout = 0.02 }) return "on" end
	function api.late.any(ctx)
		local res = ctx:next()
		local _, err = pcall(ctx.mirror, ctx, "up")
		return err
	end
	function api.wrong.get(ctx)
		local all = {}
		for i, o in ipairs { { sample = 2 }, { sample = "x" }, { timeout = 0 }, { max_body = -1 }, { path = "x" }, { tries = 1 } } do
			all[i] = select(2, pcall(ctx.mirror, ctx, "up", o)):gsub("^.-: ", "")
		end
		all[#all + 1] = select(2, pcall(ctx.mirror, ctx, { "up" }))
		return table.concat(all, "\n")
	end
	return api`

func TestMirror(t *testing.T) {
	s, sh := newMirroring(t, mirroring)
	for _, c := range []struct{ request, body, want, copy string }{
		{"GET /plain?q=1", "", "200 GET /plain?q=1 ", "GET /plain?q=1 in "},
		{"POST /plain", "body", "200 POST /plain body", "POST /plain in body"},
		{"POST /read", "body", "200 read", "POST /read in body"},
		{"POST /later", "body", "200 body", "POST /later in body"},
		{"POST /next", "body", "200 POST /next body", "POST /next in body"},
		{"POST /small", "abc", "200 POST /small abc", "POST /small in abc"},
		{"POST /unread", "body", "200 unread", ""},
		{"POST /small", "abcd", "200 POST /small abcd", ""},
		{"POST /plain", strings.Repeat("x", 1<<20+1), "200 POST /plain " + strings.Repeat("x", 1<<20+1), ""},
		{"GET /never", "", "200 false", ""},
	} {
		before := s.vm.Counters().MirrorsDropped
		got := answer(s.do(c.request, c.body, "X-A: in"))
		if c.request == "POST /plain" && c.copy == "" {
			c.want = "200 not sent"
		}
		if got != c.want {
			t.Errorf("%s: %.80q, want %.80q", c.request, got, c.want)
		}
		if c.copy != "" {
			if copied := <-sh.got; copied != c.copy {
				t.Errorf("%s: copy %q, want %q", c.request, copied, c.copy)
			}
		} else if n := s.vm.Counters().MirrorsDropped - before; n != 1 && c.request != "GET /never" || len(sh.got) > 0 {
			t.Errorf("%s: %d dropped, %d copies", c.request, n, len(sh.got))
		}
	}
	if got := answer(s.do("POST /late", "body")); !strings.Contains(got, "the request body has gone on") {
		t.Errorf("late: %s", got)
	}
	got := answer(s.do("GET /wrong", ""))
	for _, want := range []string{
		"option sample: a share from 0 to 1 expected, got 2", "option sample: a share from 0 to 1 expected, got ", "option timeout: seconds above 0, up to 3600 expected, got 0",
		"option max_body: whole bytes, 0 or more expected, got -1", "option path: a path that begins with / expected, got ", `ctx:mirror: unknown option "tries": there are sample`, "string expected, got table",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("wrong: %s, want %s", got, want)
		}
	}
}

// Copies that hang hold nobody up, are bounded in number, and end with the VM.
func TestMirrorBound(t *testing.T) {
	s, sh := newMirroring(t, mirroring)
	sh.gate = make(chan struct{})
	for range mirror.MaxCopies {
		s.do("GET /plain", "")
	}
	if got := answer(s.do("GET /plain", "")); got != "200 not sent" {
		t.Errorf("one more: %s", got)
	}
	if len(s.logged("copies of requests are dropped (ctx:mirror)")) != 1 {
		t.Error("no log line, or more than one")
	}
	s.vm.Close(context.Background())
	c := s.vm.Counters()
	if c.MirrorsFailed != mirror.MaxCopies || c.MirrorsDropped != 1 || c.MirrorsAnswered != 0 {
		t.Errorf("got %+v", c)
	}
}

// A place is given back, whatever ends a copy.
func TestMirrorGivesBack(t *testing.T) {
	s, sh := newMirroring(t, mirroring)
	for i := range 2 * mirror.MaxCopies {
		path := []string{"POST /dead", "POST /plain", "POST /unread", "POST /small"}[i%4]
		s.do(path, "some body")
	}
	s.vm.mirrors.Wait()
	sh.gate = make(chan struct{})
	s.do("GET /brief", "")
	s.vm.mirrors.Wait()
	if open, bytes := s.vm.mirrors.Kept(); open != 0 || bytes != 0 {
		t.Errorf("%d copies and %d bytes are left", open, bytes)
	}
	if c := s.vm.Counters(); c.MirrorsFailed != 1 || c.MirrorsAnswered == 0 || c.MirrorsDropped == 0 {
		t.Errorf("got %+v", c)
	}
}

// A copy goes on when the client has left.
func TestMirrorClientLeaves(t *testing.T) {
	s, sh := newMirroring(t, mirroring)
	sh.gate = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/plain", nil).WithContext(ctx))
	<-sh.got
	cancel()
	close(sh.gate)
	s.vm.mirrors.Wait()
	if c := s.vm.Counters(); c.MirrorsAnswered != 1 {
		t.Errorf("got %+v", c)
	}
}
