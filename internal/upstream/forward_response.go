package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/quic-go/quic-go/http3"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-rover/rover/internal/upstream/lean"
)

// answer sends the response of an upstream to the client. One that breaks off there ends the client's,
// too, with a panic that net/http knows.
func (x *forwarding) answer(resp *http.Response, to *Target, start time.Time) {
	h := x.w.Header()
	delete(h, "Server") // that of the upstream counts
	h["Via"] = append(h["Via"], via(resp.ProtoMajor, resp.ProtoMinor))
	incremental := caddyhttp.IsIncremental(resp.Header)
	if header := x.changed(resp); header != nil {
		resp.Header = header // placeholders have the one that came
	}
	copyHeader(h, resp.Header)
	announced := len(resp.Trailer)
	if announced > 0 {
		names := make([]string, 0, announced)
		for name := range resp.Trailer {
			names = append(names, name)
		}
		h.Add("Trailer", strings.Join(names, ", "))
	}
	typed := h["Content-Type"] != nil
	x.w.WriteHeader(resp.StatusCode)
	h = x.w.Header() // that of what comes behind the head may be another
	if resp.Body != http.NoBody {
		err := x.copy(resp.Body, incremental || flushes(resp), typed)
		_ = resp.Body.Close() // trailers come with it
		if err != nil {
			x.breakOff(err, to)
		}
	}
	if len(resp.Trailer) > 0 { // with a length there would be none
		_ = http.NewResponseController(x.w).Flush()
	}
	to.told.setSent(time.Since(start))
	prefix := ""
	if len(resp.Trailer) != announced {
		prefix = http.TrailerPrefix
	}
	for name, values := range resp.Trailer {
		for _, value := range values {
			h.Add(prefix+name, value)
		}
	}
}

// changed returns the headers of a response that the block changes, or that names some for its connection
// only; nil if copyHeader can do without.
func (x *forwarding) changed(resp *http.Response) http.Header {
	ops := x.f.headers
	if ops != nil && (ops.Response == nil || ops.Response.Require != nil && !ops.Response.Require.Match(resp.StatusCode, withoutHopByHop(resp.Header))) {
		ops = nil
	}
	if ops == nil && usualConnection(resp.Header) {
		return nil
	}
	header := withoutHopByHop(resp.Header)
	if ops != nil {
		repl := x.req.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer) //nolint:forcetypeassert // Caddy's
		ops.Response.ApplyTo(header, repl)
	}
	return header
}

// usualConnection reports whether the header Connection names no others.
func usualConnection(h http.Header) bool {
	for _, option := range h["Connection"] {
		if !strings.EqualFold(option, "keep-alive") && !strings.EqualFold(option, "close") || h["Close"] != nil {
			return false
		}
	}
	return true
}

func withoutHopByHop(h http.Header) http.Header {
	h = h.Clone()
	stripHopByHop(h)
	return h
}

// stripHopByHop removes headers that are for one connection only.
func stripHopByHop(h http.Header) {
	for _, names := range h["Connection"] {
		for name := range strings.SplitSeq(names, ",") {
			if name = textproto.TrimString(name); name != "" {
				h.Del(name)
			}
		}
	}
	for name := range h {
		if hopByHop(name) {
			delete(h, name)
		}
	}
}

// copyHeader adds headers, but those that are for one connection only. The names are canonical.
func copyHeader(to, from http.Header) {
	for name, values := range from {
		if hopByHop(name) || len(values) == 0 {
			continue
		}
		if had := to[name]; had != nil {
			to[name] = append(had, values...)
		} else {
			to[name] = slices.Clip(values)
		}
	}
}

// flushes reports whether the client is to get each piece of a response at once.
func flushes(resp *http.Response) bool {
	if resp.ContentLength < 0 {
		return true
	}
	contentType := resp.Header.Get("Content-Type")
	if kind, _, _ := strings.Cut(contentType, ";"); !strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") {
		return caddyhttp.IsIncremental(resp.Header)
	}
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "text/event-stream" || caddyhttp.IsIncremental(resp.Header)
}

// pieces are buffers of responses, as large as the reverse proxy's.
var pieces = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// errWriting is of the client, not of the upstream.
var errWriting = errors.New("writing")

// copy sends a body to the client. Where it has no type and is flushed, its head goes before: the server
// would guess one from the first piece.
func (x *forwarding) copy(body io.Reader, flush, typed bool) error {
	buf := pieces.Get().(*[]byte) //nolint:forcetypeassert // ours
	defer pieces.Put(buf)
	rc := http.NewResponseController(x.w)
	flushed := false
	if flush && (!typed || !lean.Ready(body)) {
		_ = rc.Flush() // the head does not wait for what comes when it likes
		flushed = true
	}
	for {
		n, err := body.Read(*buf)
		if n > 0 {
			written, failed := x.w.Write((*buf)[:n])
			if flush {
				_ = rc.Flush()
				flushed = true
			}
			if failed != nil {
				return fmt.Errorf("%w: %w", errWriting, failed)
			}
			if written != n {
				return io.ErrShortWrite
			}
		}
		switch err {
		case nil:
		case io.EOF:
			if flush && !flushed { // nobody says afterwards that it has a length
				_ = rc.Flush()
			}
			return nil
		default:
			return fmt.Errorf("reading: %w", err)
		}
	}
}

// dropper is a writer that is told when nobody wants the response any more that is written to it.
type dropper interface {
	// Dropped reports whether that is so. Only the handler may call it that writes.
	Dropped() bool
}

// breakOff ends a response that cannot be sent whole.
func (x *forwarding) breakOff(err error, to *Target) {
	level := zapcore.WarnLevel
	if canceled, ok := errors.AsType[*http3.Error](err); ok && errors.Is(err, errWriting) && canceled.Remote && canceled.ErrorCode == http3.ErrCodeRequestCanceled {
		level = zapcore.DebugLevel // the client does not want it any more
	}
	if d, ok := x.w.(dropper); ok && d.Dropped() {
		level = zapcore.DebugLevel // the script does not want it
	}
	if c := x.f.logger.Check(level, "aborting with incomplete response"); c != nil {
		c.Write(
			zap.String("upstream", x.at.info.Upstream.String()),
			zap.Duration("duration", to.told.latencyOf()),
			zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: &x.req, ShouldLogCredentials: logsCredentials(x.req.Context())}),
			zap.Error(err),
		)
	}
	_ = http.NewResponseController(x.w).Flush() // what has come, the client gets
	panic(http.ErrAbortHandler)
}

func logsCredentials(ctx context.Context) bool {
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return server != nil && server.Logs != nil && server.Logs.ShouldLogCredentials
}
