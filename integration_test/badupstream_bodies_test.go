package integration_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// packed returns body as an encoder writes it.
func packed(body []byte, encoder func(io.Writer) io.WriteCloser) []byte {
	var b bytes.Buffer
	w := encoder(&b)
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}

func gzipped(body []byte) []byte {
	return packed(body, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
}

func deflated(body []byte) []byte {
	return packed(body, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
}

func brotlied(body []byte) []byte {
	return packed(body, func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) })
}

func zstded(body []byte) []byte {
	return packed(body, func(w io.Writer) io.WriteCloser {
		e, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)) // no invalid option
		return e
	})
}

// allBytes has every byte, four times.
func allBytes() []byte {
	body := make([]byte, 1024)
	for i := range body {
		body[i] = byte(i)
	}
	return body
}

// serveFile answers as a file server: ranges (206, 416), validators, conditions (304).
func serveFile(c *badConn) {
	w := httptest.NewRecorder()
	w.Header().Set("Etag", `"v1"`)
	modified := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
	http.ServeContent(w, c.r, "file.txt", modified, strings.NewReader(strings.Repeat("0123456789", 10)))
	resp := w.Result()
	resp.Request = c.r // a HEAD has no body
	resp.Close = true
	_ = resp.Write(c)
}
