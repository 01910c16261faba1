package luart

import (
	"net/http"
	"slices"

	"go.uber.org/zap"
)

// forwarding is a request's way to others: the next handler, and upstreams.
type forwarding struct {
	handovers  []*handover // ctx:next, ctx:proxy and PassOn
	client     *clientHead // nil: the request was not handed over
	clientLeft bool        // in the middle of its upload, which a handover has seen
	sent       bool        // the request went on to somebody, who may be reading its body
	upstreams  []string    // ctx:upstream
	picker     *picker     // of the reply, when it is to proxy
	lasting    bool        // what is handed over goes on when the client leaves
	decided    []string    // headers that the script has set or removed; of a request with trailers

	// Spare allocations: what most requests that are handed over need.
	passed      handover // PassOn's
	inline      inline
	oneHandover [1]*handover
	clientHead  clientHead
}

// dropUnsent ends what is not the reply. Only the holder may call it, and after the VM the
// goroutine that serves the request.
func (f *forwarding) dropUnsent(reply *reply) {
	for _, h := range f.handovers {
		if reply.from != h && reply.trailing != h {
			h.drop()
		}
	}
}

// dropAll drops what was not sent, and waits for all. The goroutine that serves the request
// calls it, without the hold.
func (f *forwarding) dropAll(reply *reply, logger *zap.Logger) {
	for _, h := range f.handovers {
		h.drop()
	}
	for _, h := range f.handovers {
		h.wait()
		if h.panicked != nil && h.panicked != http.ErrAbortHandler && reply.from != h { //nolint:errorlint // as net/http compares it
			logger.Error("panic in a handler whose response was dropped",
				zap.Any("panic", h.panicked), zap.ByteString("stack", h.stack))
		}
	}
}

// letUploadGo has handlers whose responses were dropped end, though they wait for a client that does
// not send its body: nobody else wants that any more. The goroutine that serves the request calls
// it, of one that is answered.
func (x *Exchange) letUploadGo() {
	if slices.ContainsFunc(x.forward.handovers, func(h *handover) bool { return !h.hasReturned() }) {
		x.upload.sender.LetGo()
	}
}

// hasTunnel reports whether a response was the head of a tunnel.
func (f *forwarding) hasTunnel() bool {
	return slices.ContainsFunc(f.handovers, func(h *handover) bool { return h.tunnel })
}
