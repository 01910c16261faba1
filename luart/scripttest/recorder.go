package scripttest

import (
	"bytes"
	"net/http"
	"strconv"
)

// recorder keeps a response as a client gets it. Not safe for concurrent use.
type recorder struct {
	head   bool // the request was HEAD
	header http.Header
	status int         // 0: nothing has been sent
	sent   http.Header // as it was then
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status != 0 || status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols {
		return
	}
	w.status, w.sent = status, w.header.Clone()
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case w.status == http.StatusNoContent || w.status == http.StatusNotModified:
		return 0, http.ErrBodyNotAllowed
	case w.head:
		return len(p), nil
	}
	return w.body.Write(p)
}

func (w *recorder) Flush() { w.WriteHeader(http.StatusOK) }

// finish completes the head as net/http does.
func (w *recorder) finish() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.sent.Get("Content-Type") == "" && w.body.Len() > 0 {
		w.sent.Set("Content-Type", http.DetectContentType(w.body.Bytes()))
	}
	if w.sent.Get("Content-Length") == "" && w.body.Len() > 0 {
		w.sent.Set("Content-Length", strconv.Itoa(w.body.Len()))
	}
}
