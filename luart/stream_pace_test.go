package luart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// paceScript has producers that go on without end. /count says how often they were called.
const paceScript = `
	local api = rover.server {}
	local n = 0
	local closed = rover.channel("closed", 1)
	closed:close()
	local function events(f) return function() n = 0 return api.sse(function() n = n + 1 return f(n) end) end end
	local function bytes(f) return function() n = 0 return api.stream(200, "text/plain", function() n = n + 1 return f(n) end) end end
	function api.count.get() return n end

	api.comments.get = events(function() return {} end)
	api.closed.get = events(function() return closed:recv(20) or {} end)
	api.words.get = events(function() return closed:recv(20) or "nothing" end)
	api.same.get = events(function(n) return n % 2 == 0 and { event = "x", data = { 1 } } or {} end)
	api.ids.get = events(function(n) return { id = tostring(n) } end)
	api.empty.get = bytes(function() return "" end)
	api.yields.get = events(function() rover.sleep(0.001) return {} end)
	api.polls.get = events(function() rover.sleep(0.2) return {} end)
	api.news.get = events(function(n) return "n" .. n end)
	api.rows.get = bytes(function(n) return n % 50 == 0 and "row" or "" end)
	api.zeros.get = bytes(function() return "0000" end)
	return api`

// leavesAfter is a client that leaves when it has got so many pieces.
type leavesAfter struct {
	*httptest.ResponseRecorder
	pieces int
}

func (w *leavesAfter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

func (w *leavesAfter) Write(p []byte) (int, error) {
	if w.pieces--; w.pieces < 0 {
		return 0, errors.New("gone")
	}
	return len(p), nil
}

// A producer that says nothing without end is called less often, whatever it is that keeps it from
// waiting. One that waits, or has something to say, is not kept waiting.
func TestProducerThatSaysNothing(t *testing.T) {
	// In a minute: those that are free, one after which it waits, one a second, and one to clean up.
	const idle = freeQuiet + 1 + 60 + 1
	for _, tt := range []struct {
		path string
		want int // calls in a minute; 0: as many as the client takes
	}{
		{"/comments", idle},
		{"/closed", idle},
		{"/words", idle + 1}, // the first is new
		{"/same", idle + 2},
		{"/ids", idle},
		{"/empty", idle},
		{"/yields", freeQuiet + 10*60}, // its last call is cut short
		{"/polls", 5*60 + 1},
		{"/news", 0},
		{"/rows", 0},
		{"/zeros", 0},
	} {
		t.Run(tt.path[1:], func(t *testing.T) {
			s, c := frozen(t, paceScript)
			ctx, leave := context.WithCancel(context.Background())
			defer leave()
			if tt.want > 0 {
				c.AfterFunc(time.Minute+time.Millisecond/2, leave)
			}
			began := c.Now()
			func() {
				defer func() {
					if v := recover(); v != http.ErrAbortHandler {
						t.Errorf("ended with %v", v)
					}
				}()
				s.ServeHTTP(&leavesAfter{httptest.NewRecorder(), 20_000}, httptest.NewRequest("GET", tt.path, nil).WithContext(ctx))
			}()
			took := c.Since(began)
			got := answer(s.do("GET /count", ""))
			if tt.want == 0 {
				if took != 0 {
					t.Errorf("it was kept waiting, for %v in %s", took, got)
				}
				return
			}
			if want := fmt.Sprintf("200 %d", tt.want); got != want {
				t.Errorf("calls in %v: got %s, want %s", took, got, want)
			}
			warned := s.logged("a producer returns nothing new over and over, and is called less often")
			if want := tt.path != "/polls"; (len(warned) == 1) != want {
				t.Errorf("warnings: %v", warned)
			} else if want && (warned[0].ContextMap()["route"] != "GET "+tt.path || !strings.HasPrefix(warned[0].ContextMap()["producer"].(string), "app.lua:")) {
				t.Errorf("the warning is about %v", warned[0].ContextMap())
			}
		})
	}
}
