package upstream

import (
	"context"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/luart"
)

// serveSRV makes net.DefaultResolver ask a server that knows these SRV records, all
// with target 127.0.0.1 by way of its name local.test.
func serveSRV(t *testing.T, records map[string][]uint16) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			q := m.Questions[0]
			ports, known := records[q.Name.String()]
			switch {
			case q.Type == dnsmessage.TypeSRV && known:
				for i, port := range ports {
					m.Answers = append(m.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
						Body:   &dnsmessage.SRVResource{Priority: uint16(i), Port: port, Target: dnsmessage.MustNewName("local.test.")},
					})
				}
			case q.Type == dnsmessage.TypeA && q.Name.String() == "local.test.":
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			case q.Name.String() != "local.test.":
				m.RCode = dnsmessage.RCodeNameError
			}
			if reply, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	if err := new(reverseproxy.SRVUpstreams).ResetCache(nil); err != nil { // one for the process
		t.Fatal(err)
	}
	old := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = old
		conn.Close()
		<-done
	})
}

func port(t *testing.T, address string) uint16 {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(a.Port)
}

func TestProxySRV(t *testing.T) {
	a, dead := named(t, "a"), refused(t)
	serveSRV(t, map[string][]uint16{
		"_one._tcp.test.":   {port(t, a)},
		"_two._tcp.test.":   {port(t, dead), port(t, a)},
		"_empty._tcp.test.": {},
	})
	p := testProxy(t, "")
	for _, c := range []struct {
		to      luart.ProxyTo
		status  int
		retries any
	}{
		{luart.ProxyTo{Upstreams: []string{"srv+http://_one._tcp.test."}}, 200, 0},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_two._tcp.test."}}, 200, 1},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_two._tcp.test."}, Tries: 1}, 502, maxTries},
		{luart.ProxyTo{Upstreams: []string{dead, "srv+http://_two._tcp.test."}, Tries: 2}, 502, maxTries},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_none._tcp.test."}}, 503, maxTries},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_empty._tcp.test."}}, 503, maxTries},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_none._tcp.test.", a}}, 200, 1},
		{luart.ProxyTo{Upstreams: []string{dead, "srv+http://_none._tcp.test."}}, 502, maxTries},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_two._tcp.test."}, Timeout: 60, Host: "h", Path: "/p"}, 200, 1},
	} {
		for range 2 { // the second time from Caddy's cache
			status, _, retries := request(t, p, "POST", "x", c.to)
			if status != c.status || retries != c.retries {
				t.Errorf("%+v: %d after %v retries, want %d after %v", c.to, status, retries, c.status, c.retries)
			}
		}
	}
}

func TestProxySRVError(t *testing.T) {
	serveSRV(t, map[string][]uint16{"_empty._tcp.test.": {}})
	source := testProxy(t, "").handler.DynamicUpstreams
	for name, want := range map[string]string{
		"_empty._tcp.test.": "looking up SRV _empty._tcp.test.: ",
		"_none._tcp.test.":  "looking up SRV _none._tcp.test.: ",
	} {
		r := caddyenv.Prepare(httptest.NewRequest("GET", "/", nil), nil)
		caddyhttp.SetVar(r.Context(), targetVar, NewTarget(&luart.ProxyTo{Upstreams: []string{"srv+http://" + name}}))
		_, err := source.GetUpstreams(r)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// A name that is found at last, in a list that has begun again.
func TestProxySRVLate(t *testing.T) {
	serveSRV(t, map[string][]uint16{"_late._tcp.test.": {81, 82}})
	source := testProxy(t, `{"load_balancing":{"retries":9}}`).handler.DynamicUpstreams
	r := caddyenv.Prepare(httptest.NewRequest("GET", "/", nil), nil)
	to := NewTarget(&luart.ProxyTo{Upstreams: []string{"srv+http://_late._tcp.test.", "b"}})
	to.tried = 2
	caddyhttp.SetVar(r.Context(), targetVar, to)
	for _, want := range []string{"local.test.:81", "local.test.:82", "b:80", "local.test.:81"} {
		got, err := source.GetUpstreams(r)
		if err != nil || len(got) != 1 || got[0].Dial != want {
			t.Errorf("%v, %v, want %s", got, err, want)
		}
	}
}
