package integration_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// forwardWays are the ways from a client to an upstream. The first is what the others must be like.
var forwardWays = []string{"reverse_proxy", "rover_lean", "off", "lean", "ctx"}

// scriptWays are those where a script says which upstream, in a way that reverse_proxy cannot.
var scriptWays = []string{"off", "lean", "ctx"}

// forwardBlock are options of reverse_proxy and of the proxy block alike.
type forwardBlock struct {
	options    string
	transport  string // options of the transport
	around     string // directives beside
	scriptOnly bool
}

var forwardBlocks = map[string]forwardBlock{
	"":          {},
	"timeout":   {transport: "response_header_timeout 50ms"},
	"patient":   {transport: "response_header_timeout 10m"},
	"reads":     {transport: "read_timeout 2s\nwrite_timeout 10m"}, // http.Transport reads from when it has connected: all that comes before must be in time
	"keepalive": {transport: "keepalive off"},
	"plain":     {transport: "compression off"},
	"small":     {transport: "max_response_header 4KiB\nread_buffer 1KiB\nwrite_buffer 1KiB"},
	"onlyone":   {transport: "max_conns_per_host 1"},
	"flush":     {options: "flush_interval -1"},
	"buffers":   {options: "request_buffers 64KiB\nresponse_buffers 64KiB"},
	"trusting":  {options: "trusted_proxies 127.0.0.1/32"},
	"headers": {options: `header_up X-Added yes
		header_up -X-Removed
		header_up X-Replaced a b
		header_up +X-More more
		header_up X-To {rp.upstream.hostport}
		header_up Host up.example
		header_down -X-Secret
		header_down X-Status {rp.status_code}
		header_down +X-More more`},
	"rewrite": {options: "method PUT\nrewrite /other{uri}"},
	"response": {options: `@bad status 5xx
		handle_response @bad {
			respond "replaced {rp.status_code} {rp.status_text} {rp.header.X-Why}" 503
		}
		@copy status 203
		handle_response @copy {
			header X-Copied {rp.status_code}
			copy_response 200
		}
		@status status 404
		replace_status @status 410`},
	"retry": {options: `lb_retries 2
		lb_retry_match {
			method GET POST
		}`},
	"trace":  {around: "tracing {\n\tspan up\n}"},
	"health": {options: "fail_duration 1h\nmax_fails 1\nunhealthy_status 5xx", scriptOnly: true}, // an address with a placeholder is one upstream to reverse_proxy
	"encode": {around: "encode {\n\tgzip\n\tminimum_length 1\n}"},
	"unix":   {},
	"list":   {scriptOnly: true},
	"pick":   {scriptOnly: true},
	"nobody": {scriptOnly: true},
	"given":  {scriptOnly: true},
	"timed":  {scriptOnly: true},
	"timely": {scriptOnly: true},
}

const forwardScript = `
local api = rover.server {}
local by = {}
function by.list(up) return { "127.0.0.1:1", up } end
function by.pick()
  return nil, { pick = function(ctx, attempt, last)
    if attempt == 1 then return "127.0.0.1:1" end
    return last.upstream == "127.0.0.1:1" and "127.0.0.1:" .. ctx:var("http.vars.up") or nil
  end }
end
function by.nobody() return { "127.0.0.1:1", "127.0.0.1:2" } end
function by.given(up)
  return up, { path = "/given%2Fpath?q=1", host = "given.example", headers = { ["X-Given"] = "yes", ["X-Forwarded-For"] = "192.0.2.1" } }
end
function by.timed(up) return up, { timeout = 1 } end -- which begins before there is a connection
function by.timely(up) return up, { timeout = 600 } end
local function any(ctx)
  local up, block = ctx:var("http.vars.up"), ctx:var("http.vars.block")
  local to, options = (block == "unix" and "unix/" or "127.0.0.1:") .. up, nil
  if by[block] then to, options = by[block](to) end
  return SEND(to, options)
end
api.any, api.w_rest.any = any, any
return api
`

// directive is what forwards at a site, with the options of a block.
func (b forwardBlock) directive(name, way string) string {
	options, transport := b.options+"\n", ""
	if b.transport != "" {
		transport = "transport http {\n" + b.transport + "\n}\n"
	}
	to := "127.0.0.1:{http.vars.up}"
	if name == "unix" {
		to = "unix/{http.vars.up}"
	}
	switch way {
	case "reverse_proxy":
		return fmt.Sprintf("reverse_proxy %s {\n%s%s}\n", to, options, transport)
	case "rover_lean":
		return fmt.Sprintf("reverse_proxy %s {\n%stransport rover_lean {\n%s\n}\n}\n", to, options, b.transport)
	case "off":
		return fmt.Sprintf("rover proxy.lua {\nproxy {\nlean off\n%s%s}\n}\n", options, transport)
	case "lean":
		return fmt.Sprintf("rover proxy.lua {\nproxy {\n%s%s}\n}\n", options, transport)
	default:
		return fmt.Sprintf("rover ctx.lua {\nproxy {\n%s%s}\n}\n", options, transport)
	}
}

// forward is a caddy process with a site for each way.
type forward struct {
	*process
	ports   map[string]string // by way, and what is spoken there
	clients map[string]*forwardClient
	runs    atomic.Int64
	sockets string // the folder of Unix sockets, whose names may not be long
}

// kinds of a way's sites.
const (
	forwardPlain   = "plain"
	forwardTLS     = "tls"
	forwardTrusted = "trusted"
)

func newForward(t *testing.T) *forward {
	f := &forward{ports: map[string]string{}, clients: map[string]*forwardClient{}}
	dir := t.TempDir()
	var err error
	if f.sockets, err = os.MkdirTemp("", "up"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(f.sockets) })
	write(t, filepath.Join(dir, "proxy.lua"), strings.ReplaceAll(forwardScript, "SEND", "api.proxy"))
	write(t, filepath.Join(dir, "ctx.lua"), strings.ReplaceAll(forwardScript, "SEND", "ctx:proxy"))
	used := map[string]bool{}
	var servers, sites strings.Builder
	for _, way := range forwardWays {
		for _, kind := range []string{forwardPlain, forwardTLS, forwardTrusted} {
			port := freePort()
			for used[port] {
				port = freePort()
			}
			used[port] = true
			f.ports[way+kind] = port
			fmt.Fprintf(&servers, "servers :%s {\nname %s-%s\n", port, way, kind)
			address := "http://:" + port
			switch kind {
			case forwardTLS:
				address = "https://localhost:" + port
			case forwardTrusted:
				servers.WriteString("trusted_proxies static 127.0.0.1/32\n")
			}
			servers.WriteString("}\n")
			fmt.Fprintf(&sites, "%s {\nimport site\n", address)
			if kind == forwardTLS {
				sites.WriteString("tls internal\n")
			}
			for name, b := range forwardBlocks {
				if name == "" || kind == forwardTrusted || b.scriptOnly && !strings.Contains(strings.Join(scriptWays, " "), way) {
					continue
				}
				fmt.Fprintf(&sites, "@%[1]s vars block %[1]s\nhandle @%[1]s {\n%[2]s\n%[3]s}\n", name, b.around, b.directive(name, way))
			}
			fmt.Fprintf(&sites, "handle {\n%s}\n}\n", forwardBlocks[""].directive("", way))
		}
		f.clients[way] = newForwardClient()
		t.Cleanup(f.clients[way].close)
	}
	write(t, filepath.Join(dir, "Caddyfile"), fmt.Sprintf(`{
	admin unix/{$WORK}/admin.sock
	auto_https disable_redirects
	skip_install_trust
	storage file_system {$WORK}/storage
	grace_period 10s
	metrics
	log default {
		output file {$WORK}/caddy.log
		level INFO
		exclude http.log.access
	}
	log net_http {
		output file {$WORK}/net_http.log
		level DEBUG
		include http.stdlib
	}
	log access {
		output file {$WORK}/access.log {
			roll_disabled
		}
		include http.log.access
		format json
	}
	%s
}
(site) {
	log
	vars {
		up {http.request.header.X-Up}
		run {http.request.header.X-Run}
		block {http.request.header.X-Block}
	}
	request_header -X-Up
	request_header -X-Block
	request_header -X-Run
	header >X-Rp "{rp.upstream.address} {rp.upstream.host} {rp.upstream.max_requests} {rp.upstream.fails} {rp.status_code} {rp.status_text} {rp.header.X-Why}"
	log_append run {http.vars.run}
	log_append rp_hostport {rp.upstream.hostport}
	log_append rp_port {rp.upstream.port}
	log_append rp_retries {rp.retries}
	log_append rp_status {rp.status_code}
	log_append rp_text {http.reverse_proxy.status_text}
	log_append rp_why {http.reverse_proxy.header.X-Why}
	handle_errors {
		respond "{err.status_code} {err.status_text}: {err.message} {rp.upstream.address}"
	}
}
%s`, servers.String(), sites.String()))
	f.process = startProcess(t, dir, "OTEL_TRACES_EXPORTER=none", "GORACE=exitcode=0") // races are looked at by expectNoOtherFault
	for _, way := range forwardWays {
		for _, kind := range []string{forwardPlain, forwardTLS, forwardTrusted} {
			conn, err := dial(t.Context(), "127.0.0.1:"+f.ports[way+kind])
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
		}
		f.clients[way].untilReady(t, f.ports[way+forwardTLS])
	}
	return f
}

func (f *forward) port(way string, proto int, trusted bool) string {
	switch {
	case trusted:
		return f.ports[way+forwardTrusted]
	case proto == 1:
		return f.ports[way+forwardPlain]
	}
	return f.ports[way+forwardTLS]
}

// forwardClient is a client of a way's site over HTTP/2 and 3.
type forwardClient struct {
	h2 *http.Transport
	h3 *http3.Transport
}

func newForwardClient() *forwardClient {
	trust := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return &forwardClient{
		h2: &http.Transport{
			TLSClientConfig: trust.Clone(), DisableCompression: true, Protocols: protocols,
		},
		h3: &http3.Transport{TLSClientConfig: trust.Clone(), DisableCompression: true},
	}
}

func (c *forwardClient) over(proto int) http.RoundTripper {
	if proto == 2 {
		return c.h2
	}
	return c.h3
}

// untilReady waits for the certificate, which Caddy makes after it has begun to listen.
func (c *forwardClient) untilReady(t *testing.T, port string) {
	for proto := 2; proto <= 3; proto++ {
		for deadline := time.Now().Add(patience); ; {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://localhost:"+port, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.over(proto).RoundTrip(req)
			if err == nil {
				_ = resp.Body.Close() // the upstream has no name: an error
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
}

func (c *forwardClient) close() {
	c.h2.CloseIdleConnections()
	_ = c.h3.Close()
}
