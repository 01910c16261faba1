package luart

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A handler whose response is dropped before its head is there is run to its end all the same,
// by one wait, and finds out at its head.
func TestVerdictBeforeTheHead(t *testing.T) {
	for name, start := range map[string]func(*Exchange, *handover){
		"coroutine": func(x *Exchange, h *handover) { asCoroutine(x, h, x.r) },
		"goroutine": func(x *Exchange, h *handover) {
			h.runner = asGoroutine(x, x.r, func() {})
			go h.serve(x.host, x.next, x.r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, `
				local api = rover.server {}
				function api.get(ctx) return api.pass() end
				return api`)
			headSeen, ended := make(chan struct{}), false
			s.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				defer func() { ended = true }()
				<-headSeen
				w.WriteHeader(http.StatusOK)
				if _, err := w.Write(make([]byte, maxDropped)); err == nil {
					t.Error("the body of a response that was dropped is taken whole")
				}
			})
			x := s.gen.Begin(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), s, s.next)
			defer x.End()
			h := &handover{}
			x.handOverAlone(h, nil, x.r)
			start(x, h)
			h.resolve(verdict{})
			close(headSeen)
			h.wait()
			if !ended || !h.wrote || h.status != http.StatusOK {
				t.Errorf("ended %v, head %v, status %d", ended, h.wrote, h.status)
			}
		})
	}
}
