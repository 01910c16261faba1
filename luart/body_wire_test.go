package luart

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"testing"
	"time"
)

// What a client sees on the wire while it sends a body.
func TestBodyOnTheWire(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.unread.post(ctx) return "unread" end
		function api.len.post(ctx) return ctx:body():len() end
		function api.parts.post(ctx) return #ctx:multipart() end
		function api.passed.post(ctx) return api.pass() end
		function api.again.get(ctx) return "again" end
		function api.after.mark(ctx, res) res:set_header("X-Status", tostring(res.status)) end
		return api`, func(s *Script) { s.MaxBody, s.MaxUpload = 100_000, 100_000 })
	srv := httptest.NewServer(s)
	defer srv.Close()
	const form = "Content-Type: multipart/form-data; boundary=B\r\n"
	tooLong := strings.Repeat("x", 300_000)
	chunked := func(data string) string {
		var out strings.Builder
		w := httputil.NewChunkedWriter(&out)
		for len(data) > 0 {
			n := min(len(data), 4000)
			_, _ = io.WriteString(w, data[:n])
			data = data[n:]
		}
		_ = w.Close()
		return out.String() + "\r\n"
	}
	for name, c := range map[string]struct {
		path, header, early string // early is sent at once
		answers             string // status lines until the final one
		late                string // sent after a 100
		body                string
		closes              bool
	}{
		"answered without reading":  {"/unread", "Expect: 100-continue\r\nContent-Length: 5\r\n", "", "200", "", "unread", true},
		"read by Lua":               {"/len", "Expect: 100-continue\r\nContent-Length: 5\r\n", "", "100 200", "12345", "5", false},
		"read by the next":          {"/passed", "Expect: 100-continue\r\nContent-Length: 5\r\n", "", "100 200", "12345", "POST /passed 12345", false},
		"refused by its length":     {"/len", "Expect: 100-continue\r\nContent-Length: 100001\r\n", "", "413", "", "larger than 100000", true},
		"refused form":              {"/parts", form + "Expect: 100-continue\r\nContent-Length: 100001\r\n", "", "413", "", "larger than 100000", true},
		"refused type":              {"/parts", "Expect: 100-continue\r\nContent-Length: 5\r\n", "", "415", "", "is not a multipart form", true},
		"no Expect, length":         {"/len", "Content-Length: 1000000000\r\n", "", "413", "", "larger than 100000", true},
		"chunked, just fits":        {"/len", "Transfer-Encoding: chunked\r\n", chunked(tooLong[:100_000]), "200", "", "100000", false},
		"chunked, too long":         {"/len", "Transfer-Encoding: chunked\r\n", chunked(tooLong[:100_001]), "413", "", "larger than 100000", false},
		"chunked, never ends":       {"/len", "Transfer-Encoding: chunked\r\n", "fffffff\r\n" + tooLong + tooLong, "413", "", "larger than 100000", true},
		"chunked form, never ends":  {"/parts", form + "Transfer-Encoding: chunked\r\n", "fffffff\r\n--B\r\nContent-Disposition: form-data; name=a\r\n\r\n" + tooLong + tooLong, "413", "", "larger than 100000", true},
		"malformed form, more left": {"/parts", form + "Transfer-Encoding: chunked\r\n", "fffffff\r\n--B\r\nno header\r\n\r\n" + tooLong + tooLong, "400", "", "the header of part 1", true},
		"chunked, empty":            {"/len", "Transfer-Encoding: chunked\r\n", chunked(""), "200", "", "0", false},
		"empty":                     {"/len", "Content-Length: 0\r\n", "", "200", "", "0", false},
		"broken chunks":             {"/len", "Transfer-Encoding: chunked\r\n", "zz\r\n", "400", "", "reading the request body", true},
		"compressed":                {"/len", "Content-Encoding: gzip\r\nContent-Length: 5\r\n", "12345", "200", "", "5", false},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			if _, err := io.WriteString(conn, "POST "+c.path+" HTTP/1.1\r\nHost: h\r\n"+c.header+"\r\n"+c.early); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			for _, status := range strings.Fields(c.answers) {
				resp, err := http.ReadResponse(r, &http.Request{Method: "POST"})
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(resp.Status, status) {
					t.Fatalf("got %s, want %s", resp.Status, status)
				}
				if status == "100" {
					if _, err := io.WriteString(conn, c.late); err != nil {
						t.Fatal(err)
					}
					continue
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || !strings.Contains(string(body), c.body) || resp.Close != c.closes || resp.Header.Get("X-Status") != status {
					t.Errorf("got %q %v, close %v, header %v", body, err, resp.Close, resp.Header)
				}
			}
			if c.closes {
				return
			}
			// The connection serves the next request.
			if _, err := io.WriteString(conn, "GET /again HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatal(resp, err)
			}
			if body, _ := io.ReadAll(resp.Body); string(body) != "again" {
				t.Errorf("got %q", body)
			}
		})
	}
}

// A client that leaves while it uploads ends the handler's wait.
func TestBodyClientLeaves(t *testing.T) {
	for _, read := range []string{"ctx:body()", "ctx:multipart()"} {
		s := newUploads(t)
		if err := s.load(`
			local api = rover.server {}
			function api.up.post(ctx)
				rover.log.info("reading")
				local ok, err = pcall(function() return ` + read + ` end)
				rover.log.info(tostring(err))
				error(err, 0)
			end
			return api`); err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewServer(s)
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn, "POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 90000\r\n\r\n"+filePart("f", 80_000))
		if err != nil {
			t.Fatal(err)
		}
		s.awaitLine("reading")
		_ = conn.Close()
		s.awaitLine("app.lua:5: the client closed the request")
		srv.Close()
	}
}
