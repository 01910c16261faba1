package luart

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-rover/rover/luart/reqbody"
)

// unwanted is a script that answers by itself while the next handler, which it has asked, waits for
// the client's body.
const unwanted = `
	local api = rover.server {}
	local function dropped(ctx) pcall(rover.parallel, { function() ctx:next() end, function() rover.sleep(0.1) error("enough") end }) end
	function api.times.post(ctx) return ctx:next() end
	function api.fails.post(ctx) dropped(ctx) error { status = 418, message = "teapot" } end
	function api.answers.post(ctx) dropped(ctx) return ("x"):rep(3000) end
	function api.drops.post(ctx)
		rover.parallel { function() ctx:next() end, function() rover.sleep(0.1) error { status = 409, message = "enough" } end }
	end
	function api.other.post(ctx)
		local res
		pcall(rover.parallel, { function() ctx:next() end, function() rover.sleep(0.1) res = ctx:proxy("10.0.0.1:80") error("enough") end })
		return res
	end
	function api.done.x(ctx, s) rover.log.info("done " .. ctx.path .. " " .. s.status) end
	return api`

// transport reads the request's body to its end, whatever has become of the request meanwhile, as
// that of net/http does before the head of the response.
func transport(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

// A client that stalls its upload keeps no request from its end: who reads its body for a response
// that was dropped is let go.
func TestStalledUploadOfADroppedResponse(t *testing.T) {
	for path, want := range map[string]struct {
		answer string
		after  time.Duration
	}{
		"/times":   {`504 {"error":"timeout"}`, 31 * time.Second},
		"/fails":   {`418 {"error":"teapot"}`, 1100 * time.Millisecond},
		"/answers": {"200 " + strings.Repeat("x", 3000), 1100 * time.Millisecond},
		"/drops":   {`409 {"error":"enough"}`, 1100 * time.Millisecond},
		"/other":   {"200 the other one", 1100 * time.Millisecond},
	} {
		t.Run(path[1:], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, unwanted) // of any rate
				s.next = http.HandlerFunc(transport)
				s.proxied = func(_ *ProxyTo, w http.ResponseWriter, _ *http.Request) error {
					_, err := io.WriteString(w, "the other one")
					return err
				}
				d, began := drip{pause: time.Millisecond, size: 1, times: 1}.begin(), time.Now()
				s.ServeHTTP(d, httptest.NewRequest(http.MethodPost, path, d))
				if got := answer(d.ResponseRecorder); got != want.answer || time.Since(began).Round(100*time.Millisecond) != want.after {
					t.Errorf("%.100s after %v, want %.100s after %v", got, time.Since(began), want.answer, want.after)
				}
				s.awaitLine("done " + path + want.answer[3:4] + want.answer[:3])
			})
		})
	}
}

// When the server stops, too: the done hook of a request that is cut runs before the VM ends.
func TestStalledUploadAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, unwanted)
		s.next = http.HandlerFunc(transport)
		d, served := drip{}.begin(), make(chan struct{})
		go func() {
			defer close(served)
			s.ServeHTTP(d, httptest.NewRequest(http.MethodPost, "/times", d))
		}()
		synctest.Wait()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		s.vm.Close(ended)
		<-served
		if got := answer(d.ResponseRecorder); got != unavailable {
			t.Error(got)
		}
		s.awaitLine("done /times 503")
		if n := s.vm.DoneLeft(); n != 0 {
			t.Errorf("%d requests are left", n)
		}
	})
}

// Where the client goes on with its upload, or nobody reads it, the connection is left as it is.
func TestUploadOfADroppedResponse(t *testing.T) {
	for name, next := range map[string]http.HandlerFunc{
		"the handler sees that it was dropped when more has come": func(_ http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := r.Body.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
			}
		},
		"the handler does something else": func(_ http.ResponseWriter, r *http.Request) {
			time.Sleep(10 * time.Second)
			if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, reqbody.ErrUnwanted) {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, unwanted)
				s.next = next
				d := drip{pause: 900 * time.Millisecond, size: 1, times: 5}.begin()
				s.ServeHTTP(d, httptest.NewRequest(http.MethodPost, "/answers", d))
				if d.Code != 200 || d.times < 4 {
					t.Errorf("%d after %d bytes", d.Code, 5-d.times)
				}
				time.Sleep(time.Minute)
				select {
				case <-d.deadline:
					t.Error("the reads of the connection have got a deadline")
				default:
				}
			})
		})
	}
}

// What net/http makes of it: the answer comes, also one that does not wait for the handler's end to
// be sent.
func TestStalledUploadOnTheWire(t *testing.T) {
	s := newServer(t, unwanted)
	s.next = http.HandlerFunc(transport)
	srv := httptest.NewUnstartedServer(s)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	plain := httptest.NewServer(s)
	t.Cleanup(plain.Close)
	for path, status := range map[string]int{"/fails": 418, "/answers": 200, "/drops": 409} {
		for proto, url := range map[string]string{"HTTP/1.1": plain.URL, "HTTP/2.0": srv.URL} {
			t.Run(proto+path, func(t *testing.T) {
				t.Parallel()
				body, more := io.Pipe()
				go func() { _, _ = io.WriteString(more, "x") }()
				r, err := http.NewRequest(http.MethodPost, url+path, body)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := srv.Client().Do(r)
				if err != nil {
					more.Close()
					t.Fatal(err)
				}
				defer resp.Body.Close()
				defer more.Close() // the client, too, waits for who reads the body
				if answer, err := io.ReadAll(resp.Body); resp.Proto != proto || resp.StatusCode != status || err != nil || status == 200 && len(answer) != 3000 {
					t.Errorf("%s %d %d bytes %v", resp.Proto, resp.StatusCode, len(answer), err)
				}
			})
		}
	}
}
