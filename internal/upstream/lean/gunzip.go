package lean

import (
	"compress/gzip"
	"io"
	"net/http"
)

// gunzip has the body of a response decompressed that the Transport has asked to be compressed.
func gunzip(resp *http.Response) {
	resp.Body = &gunzipped{body: resp.Body}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength, resp.Uncompressed = -1, true
}

type gunzipped struct {
	body io.ReadCloser
	zr   *gzip.Reader
	err  error // sticky
}

// Read implements io.Reader.
func (g *gunzipped) Read(p []byte) (int, error) {
	if g.zr == nil && g.err == nil {
		g.zr, g.err = gzip.NewReader(g.body) // not before: it reads
	}
	if g.err != nil {
		return 0, g.err
	}
	return g.zr.Read(p)
}

// Close implements io.Closer.
func (g *gunzipped) Close() error { return g.body.Close() }
