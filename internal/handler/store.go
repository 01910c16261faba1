package handler

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/luart/store"
)

// stores are the connections to servers, by all that says how: configs that follow each other, and
// directives that share a VM, have one.
var stores = caddy.NewUsagePool()

// pooledStore is one of stores.
type pooledStore struct{ *store.Redis }

// Destruct ends it when no config uses it any more.
func (s pooledStore) Destruct() error { return s.Close() }

// acquireStore returns the store of a directive, nil for the VM's own, and how to give it back. It
// waits until it is known whether the server answers: a script may use it when it is loaded.
func acquireStore(s *rovercaddyfile.Store, vm string, logger *zap.Logger) (store.Store, func() error, error) {
	release := func() error { return nil }
	if s.InVM() {
		return nil, release, nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, release, err
	}
	key := vm + "\x00" + string(text)
	v, _, err := stores.LoadOrNew(key, func() (caddy.Destructor, error) {
		config, err := storeTLS(s)
		if err != nil {
			return nil, err
		}
		redis, err := store.NewRedis(store.RedisOptions{
			URL: s.URL, User: s.User, Password: s.Password, SentinelUser: s.SentinelUser, SentinelPassword: s.SentinelPassword,
			TLS: config, Prefix: s.Prefix + vm + ":", Timeout: time.Duration(s.Timeout), Logger: logger.Named("store"),
		})
		if err != nil {
			return nil, err
		}
		return pooledStore{redis}, nil
	})
	if err != nil {
		return nil, release, fmt.Errorf("store: %w", err)
	}
	release = func() error {
		_, err := stores.Delete(key)
		return err
	}
	redis := v.(pooledStore).Redis
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(s.Timeout))
	defer cancel()
	redis.AwaitFirst(ctx)
	return redis, release, nil
}

// storeTLS returns what the settings say of TLS, nil for nothing.
func storeTLS(s *rovercaddyfile.Store) (*tls.Config, error) {
	if s.TLSCA == "" && s.TLSCert == "" && s.TLSServerName == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.TLSServerName}
	if s.TLSCA != "" {
		pem, err := os.ReadFile(s.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("reading tls_ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls_ca %s: there is no certificate in PEM", s.TLSCA)
		}
	}
	if s.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("reading tls_client: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}
