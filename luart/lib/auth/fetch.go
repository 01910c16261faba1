package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/auth"
	"github.com/caddy-rover/rover/luart/outbound"
)

// fetchTimeout ends an attempt to get keys: requests wait for it.
const fetchTimeout = 10 * time.Second

// fetcher gets the keys of an address, over the client that "allow net" judges. It follows no
// redirect: nobody but the server that the script names says whose tokens are good.
func (o *opened) fetcher(u *url.URL) auth.Fetcher {
	if o.client == nil {
		o.client = outbound.NewClient(outbound.Options{
			Policy: o.scope.Grants.Net, Context: o.scope.Context(),
			FakeNetwork: o.scope.Grants.FakeNetwork, WithTimeout: o.scope.Clock().WithTimeout,
		})
	}
	client, ctx, log, host := o.client, o.scope.Context(), o.scope.Logger(), u.Host
	return auth.Fetcher{
		Go: o.scope.Go,
		Get: func() ([]byte, error) {
			resp, body, err := client.Fetch(ctx, &outbound.Request{
				Method: http.MethodGet, URL: u, MaxBody: auth.MaxJWKS, Timeout: fetchTimeout,
				Header: http.Header{"Accept": {"application/jwk-set+json, application/json"}},
			})
			if err != nil {
				return nil, err
			}
			if resp.Status != http.StatusOK {
				return nil, fmt.Errorf("the server of the keys answers %d", resp.Status)
			}
			return body, nil
		},
		Warn: func(err error) {
			log.Warn("the keys of tokens cannot be read: the last ones go on, if there are any",
				zap.String("host", host), zap.Error(err))
		},
	}
}
