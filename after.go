package rover

import (
	"errors"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
)

// serveAfter lets onward make the response and runs the after hooks when its head is
// there, before the first byte leaves.
func (h *Handler) serveAfter(w http.ResponseWriter, r *http.Request, x *luart.Exchange, onward caddyhttp.Handler) error {
	hw := &headWriter{
		ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w},
		x:                     x, before: w.Header().Clone(),
	}
	err := onward.ServeHTTP(hw, r)
	if !hw.decided {
		if err != nil {
			return h.errorAfter(w, r, hw, err)
		}
		hw.WriteHeader(http.StatusOK) // what net/http would send
	}
	if !hw.dropped {
		return err
	}
	if err != nil {
		h.logger.Debug("the response was replaced by an after hook", zap.Error(err))
	}
	if hw.refused != nil {
		return h.refuse(w, r, hw.refused)
	}
	return h.answer(w, r, x)
}

// errorAfter runs the after hooks on an error that somebody else will answer (an
// upstream that cannot be reached, for instance): they may change the status, and add
// headers to the error's response.
func (h *Handler) errorAfter(w http.ResponseWriter, r *http.Request, hw *headWriter, err error) error {
	status := http.StatusInternalServerError
	var herr caddyhttp.HandlerError
	if errors.As(err, &herr) && herr.StatusCode != 0 {
		status = herr.StatusCode
	}
	if status == luart.StatusClientClosed {
		return err
	}
	newStatus, replaced, refused := hw.x.After(status, w.Header())
	switch {
	case refused != nil:
		return errors.Join(err, refused)
	case replaced:
		hw.restore()
		return h.answer(w, r, hw.x)
	case newStatus != status && herr.StatusCode != 0:
		herr.StatusCode = newStatus
		return herr
	case newStatus != status:
		return caddyhttp.Error(newStatus, err)
	}
	return err
}

// headWriter runs the after hooks when the head of a response is complete. When they
// put another response in its place, what is written is dropped. It keeps the abilities
// of the ResponseWriter it wraps: flush, hijack, read from, unwrap.
type headWriter struct {
	*caddyhttp.ResponseWriterWrapper
	x       *luart.Exchange
	before  http.Header // as it was before the response was made
	decided bool        // the after hooks have run
	dropped bool        // this response is not to be sent
	refused error       // why the hooks could not run
}

// WriteHeader runs the hooks, and sends the head unless another response is to be sent.
// Informational responses go through.
func (w *headWriter) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriterWrapper.WriteHeader(status)
		return
	}
	if w.decided {
		return
	}
	w.decided = true
	status, replaced, err := w.x.After(status, w.Header())
	if err != nil || replaced {
		w.refused = err
		w.dropped = true
		w.restore()
		return
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

// restore takes the headers of the dropped response away.
func (w *headWriter) restore() {
	h := w.Header()
	clear(h)
	for name, values := range w.before {
		h[name] = values
	}
}

func (w *headWriter) Write(p []byte) (int, error) {
	if !w.decided {
		w.WriteHeader(http.StatusOK)
	}
	if w.dropped {
		return len(p), nil
	}
	return w.ResponseWriterWrapper.Write(p)
}

// ReadFrom keeps the copy inside the kernel where the wrapped writer can do that.
func (w *headWriter) ReadFrom(r io.Reader) (int64, error) {
	if !w.decided {
		w.WriteHeader(http.StatusOK)
	}
	if w.dropped {
		return io.Copy(io.Discard, r)
	}
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError sends what has been written so far, the head at least.
func (w *headWriter) FlushError() error {
	if !w.decided {
		w.WriteHeader(http.StatusOK)
	}
	if w.dropped {
		return nil
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush is FlushError, for those who ask for an http.Flusher.
func (w *headWriter) Flush() { _ = w.FlushError() }

// Interface guards
var (
	_ http.ResponseWriter = (*headWriter)(nil)
	_ http.Flusher        = (*headWriter)(nil)
	_ io.ReaderFrom       = (*headWriter)(nil)
)
