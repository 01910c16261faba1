// Package upstream sends requests to the upstreams that scripts choose, through Caddy's own
// reverse proxy: retries, streaming, upgrades, passive health checks and headers are its. Plain
// requests go a shorter way with the same result, see forwarder.
//
// There are two ways. api.proxy hands a request over: Proxy is the reverse proxy of one rover
// directive, and a Target where one request goes. ctx:upstream leaves that to a reverse_proxy
// behind the directive, which has the module Upstreams (dynamic rover) as its source.
package upstream
