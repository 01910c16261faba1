package scripttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/caddy-rover/rover/luart/policy"
)

// asked makes the request that a function is asked about, of the options of rover.test.request.
func (e *env) asked(ctx context.Context, options any) (*recorder, *http.Request, error) {
	if e.app == nil {
		return nil, nil, errNoTest
	}
	o, _ := options.(map[string]any)
	r, err := newRequest(ctx, e.clock, o)
	if err != nil {
		return nil, nil, err
	}
	return newRecorder(r), r, nil
}

// match is rover.test.matcher(name, options).
func (e *env) match(ctx context.Context, args []any) ([]any, error) {
	w, r, err := e.asked(ctx, args[1])
	if err != nil {
		return nil, err
	}
	name, _ := args[0].(string)
	matched, err := e.app.Match(name, w, r)
	if err != nil {
		return nil, err
	}
	return []any{matched}, nil
}

// choose is rover.test.policy(name, upstreams, options). It returns the place of the one chosen, from
// 1, and 0 for none.
func (e *env) choose(ctx context.Context, args []any) ([]any, error) {
	w, r, err := e.asked(ctx, args[2])
	if err != nil {
		return nil, err
	}
	list, _ := args[1].([]any)
	if len(list) == 0 {
		return nil, errors.New("policy: a list of upstreams expected")
	}
	var available []policy.Upstream
	for i, v := range list {
		u, up, err := upstreamOf(v)
		if err != nil {
			return nil, fmt.Errorf("upstream %d: %w", i+1, err)
		}
		if u.Place = i + 1; up {
			available = append(available, u)
		}
	}
	if len(available) == 0 { // nobody is asked then
		return []any{0}, nil
	}
	name, _ := args[0].(string)
	chosen, err := e.app.Choose(name, w, r, available)
	switch {
	case err != nil:
		return nil, err
	case chosen < 0:
		return []any{0}, nil
	}
	return []any{available[chosen].Place}, nil
}

// permit is rover.test.tls_permission(name, server_name).
func (e *env) permit(ctx context.Context, args []any) ([]any, error) {
	if e.app == nil {
		return nil, errNoTest
	}
	name, _ := args[0].(string)
	server, _ := args[1].(string)
	allowed, err := e.app.Permit(ctx, name, server)
	if err != nil {
		return nil, err
	}
	return []any{allowed}, nil
}

// certify is rover.test.tls_certificate(name, server_name). It returns the names and the end of the
// certificate, and nothing where there is none.
func (e *env) certify(ctx context.Context, args []any) ([]any, error) {
	if e.app == nil {
		return nil, errNoTest
	}
	name, _ := args[0].(string)
	server, _ := args[1].(string)
	cert, err := e.app.Certify(ctx, name, server)
	if err != nil || cert == nil {
		return []any{nil}, err
	}
	var names []any
	for _, dns := range cert.Leaf.DNSNames {
		names = append(names, dns)
	}
	for _, ip := range cert.Leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return []any{map[string]any{"names": names, "not_after": float64(cert.Leaf.NotAfter.Unix())}}, nil
}

// upstreamOf reads an upstream as a test describes it: a string is its dial.
func upstreamOf(v any) (u policy.Upstream, available bool, err error) {
	available = true
	if dial, ok := v.(string); ok {
		v = map[string]any{"dial": dial}
	}
	fields, ok := v.(map[string]any)
	if !ok {
		return u, false, errors.New("an address or a table expected")
	}
	for name, v := range fields {
		n, isNumber := v.(float64)
		switch name {
		case "dial":
			u.Dial, ok = v.(string)
		case "requests":
			u.Requests, ok = int(n), isNumber
		case "max_requests":
			u.MaxRequests, ok = int(n), isNumber
		case "fails":
			u.Fails, ok = int(n), isNumber
		case "available":
			available, ok = v.(bool)
		default:
			return u, false, fmt.Errorf("unknown field %q: there are available, dial, fails, max_requests, requests", name)
		}
		if !ok {
			return u, false, fmt.Errorf("field %s: a number expected (dial: a string, available: a boolean)", name)
		}
	}
	if u.Dial == "" {
		return u, false, errors.New("field dial: an address expected")
	}
	if u.MaxRequests > 0 && u.Requests >= u.MaxRequests { // full
		available = false
	}
	return u, available, nil
}
