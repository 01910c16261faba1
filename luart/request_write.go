package luart

import (
	"net/http"
	"strconv"

	"github.com/caddy-rover/rover/luart/bodyfilter"
)

// Write sends the reply to w. A stream is sent as it is made, until it ends; Write panics
// with http.ErrAbortHandler when that, or a body that is filtered, cannot come to its end.
// It returns the error of the next handler, or of proxying, when the script returned a
// response that is none, and panics as they did; ErrReplaced means that nothing was sent.
func (x *Exchange) Write(w http.ResponseWriter) error {
	x.outcome.reply.origin.adopt()
	x.last.isOurs(&x.outcome.reply)
	x.closeRefused()
	x.checkPreconditions()
	if r := &x.outcome.reply; r.from == nil && r.trailing == nil && r.Stream == nil && r.filters == nil {
		// Over HTTP/1 nothing can be sent while somebody reads the body, and when that is ended
		// nothing can wait any more.
		x.letUploadGo()
	}
	if x.outcome.reply.filters != nil && !x.outcome.reply.isTunnel() && !x.outcome.reply.cameBodyless() &&
		bodyfilter.HasBody(x.filteredMethod(), x.outcome.reply.Status) {
		return x.writeFiltered(w)
	}
	err := x.write(w)
	if err == nil && x.outcome.reply.filters != nil && x.r.Method == http.MethodHead {
		// Nobody knows the length. Over HTTP/3 a head that leaves at the end says that it is 0.
		_ = http.NewResponseController(w).Flush()
	}
	return err
}

func (x *Exchange) write(w http.ResponseWriter) error {
	if x.stream != nil {
		return x.stream.write(w)
	}
	if h := x.outcome.reply.from; h != nil {
		return h.send(w, x.outcome.reply.Status, x.outcome.reply.HeaderMap(), x.r.Method == http.MethodHead)
	}
	return x.outcome.reply.write(w, x.r.Method == http.MethodHead, x.trailers())
}

// SetHeaders adds the headers of Lua's answer to h, for an error that somebody else
// answers.
func (x *Exchange) SetHeaders(h http.Header) {
	x.last.isOurs(&x.outcome.reply)
	x.closeRefused()
	x.outcome.reply.setHeaders(h)
	delete(h, "Content-Type")
}

func (r *reply) setHeaders(h http.Header) {
	for name, values := range r.Header {
		if name == "Set-Cookie" { // those of other handlers stay
			h[name] = append(h[name][:len(h[name]):len(h[name])], values...)
			continue
		}
		h[name] = append([]string(nil), values...)
	}
	if r.Header == nil && r.Type != "" {
		h["Content-Type"] = []string{r.Type}
	}
}

func (r *reply) write(w http.ResponseWriter, head bool, trailers http.Header) error {
	h := w.Header()
	r.setHeaders(h)
	if len(trailers) == 0 {
		delete(h, "Trailer") // of those that were announced none has come
	}
	bodyless := bodyfilter.Bodyless(r.Status)
	// net/http counts a small body itself, unless there is none to be sent. Nobody knows the length
	// of a stream, or of what a filter makes. Over HTTP/1.1 there is none before trailers.
	if !bodyless && len(trailers) == 0 && r.Stream == nil && r.filters == nil && (head || len(r.Body) > 2048) {
		h["Content-Length"] = []string{strconv.Itoa(len(r.Body))}
	}
	w.WriteHeader(r.Status)
	var err error
	if !bodyless && !head && len(r.Body) > 0 {
		_, err = w.Write(r.Body)
	}
	sendTrailers(w, trailers)
	return err
}
