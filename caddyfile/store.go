package caddyfile

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

const (
	// StoreMemory is the store inside the VM.
	StoreMemory = "memory"

	// DefaultStoreTimeout is a second: a store in the same data centre answers in one
	// or two milliseconds, and a request that waits longer is better answered without.
	DefaultStoreTimeout = time.Second

	// DefaultStorePrefix keeps Rover's keys apart from those of others.
	DefaultStorePrefix = "rover:"

	leastStoreTimeout = time.Millisecond
	mostStoreTimeout  = time.Minute
)

// Store says where scripts keep what outlives a request: rover.store, and what is built on it.
type Store struct {
	// "memory": in the VM. Else a server that speaks the protocol of Redis: redis://host:port,
	// rediss:// with TLS, unix:///path, with /<database> behind host and port. Further servers of a
	// cluster, or all Sentinels, follow as ?addr=host:port&addr=…, and ?master_set=<name> says that
	// they are Sentinels. Global placeholders are replaced. Default: "memory".
	URL string `json:"url,omitempty"`

	// The user and password, in place of those of the URL. Global placeholders are replaced:
	// {env.REDIS_PASSWORD}, {file./run/secrets/redis}.
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`

	// What the Sentinels ask for, if they do. Global placeholders are replaced.
	SentinelUser     string `json:"sentinel_user,omitempty"`
	SentinelPassword string `json:"sentinel_password,omitempty"`

	// What all keys begin with; the VM's name and a colon follow. Global placeholders are
	// replaced. Default: "rover:".
	Prefix string `json:"prefix,omitempty"`

	// How long one call of the store may take. A duration, 1ms to 1m; 0 means the default, 1s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// For TLS: the file of the certificate authorities that are trusted in place of the
	// system's; the files of a certificate and its key to show; and the name that the server's
	// certificate must have in place of its host.
	TLSCA         string `json:"tls_ca,omitempty"`
	TLSCert       string `json:"tls_cert,omitempty"`
	TLSKey        string `json:"tls_key,omitempty"`
	TLSServerName string `json:"tls_server_name,omitempty"`
}

// InVM reports whether the store is the VM's own. A nil Store is, too.
func (s *Store) InVM() bool { return s == nil || s.URL == "" || s.URL == StoreMemory }

// Replaced returns the settings with their defaults, and with repl called for what may have
// placeholders.
func (s Store) Replaced(repl func(string) string) Store {
	for _, field := range []*string{&s.URL, &s.User, &s.Password, &s.SentinelUser, &s.SentinelPassword, &s.Prefix, &s.TLSCA, &s.TLSCert, &s.TLSKey, &s.TLSServerName} {
		*field = repl(*field)
	}
	if s.InVM() { // a placeholder may say so, beside options for a server
		return Store{URL: StoreMemory}
	}
	s.Prefix = cmp.Or(s.Prefix, DefaultStorePrefix)
	s.Timeout = cmp.Or(s.Timeout, caddy.Duration(DefaultStoreTimeout))
	return s
}

// SetStore gives the directive its store, with defaults and without placeholders.
func (c *Config) SetStore(s *Store, repl func(string) string) {
	if c.Store = s; s != nil {
		replaced := s.Replaced(repl)
		c.Store = &replaced
	}
}

func checkStore(s *Store) error {
	if s == nil {
		return nil
	}
	if s.InVM() && (Store{URL: s.URL}) != *s {
		return errors.New("store memory takes no options")
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return errors.New("store: tls_client takes a certificate and its key")
	}
	return cmp.Or(checkStoreURL(s.URL), checkStoreTimeout(time.Duration(s.Timeout)), checkStorePrefix(s.Prefix))
}

// checkStoreURL judges a URL. One that begins with a placeholder is judged when that is known. No
// message has the URL: it may have a password.
func checkStoreURL(text string) error {
	if text == "" || text == StoreMemory || strings.HasPrefix(text, "{") {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("store: what was given is no URL: redis://host:port expected, or memory")
	}
	switch u.Scheme {
	case "redis", "rediss":
		if u.Host == "" {
			return fmt.Errorf("store %s://: the host is missing", u.Scheme)
		}
	case "unix":
		if u.Path == "" {
			return errors.New("store unix://: the path of the socket is missing")
		}
	default:
		return fmt.Errorf("store: the URL begins with '%s': redis://, rediss:// or unix:// expected, or memory", u.Scheme)
	}
	return nil
}

func checkStoreTimeout(d time.Duration) error {
	if d == 0 {
		return nil
	}
	if d < leastStoreTimeout || d > mostStoreTimeout {
		return fmt.Errorf("store timeout %v is out of range: %v to %v", d, leastStoreTimeout, mostStoreTimeout)
	}
	return nil
}

func checkStorePrefix(prefix string) error {
	if len(prefix) > 64 {
		return fmt.Errorf("store prefix has %d bytes: at most 64 expected", len(prefix))
	}
	return checkPrintable("store prefix", prefix)
}

func (c *Config) parseStore(d *caddyfile.Dispenser) (err error) {
	c.Store, err = ParseStore(d)
	return err
}

// storeOptions are those of a store's block, each with the fields that its arguments go to.
var storeOptions = map[string]func(*Store) []*string{
	"user":              func(s *Store) []*string { return []*string{&s.User} },
	"password":          func(s *Store) []*string { return []*string{&s.Password} },
	"sentinel_user":     func(s *Store) []*string { return []*string{&s.SentinelUser} },
	"sentinel_password": func(s *Store) []*string { return []*string{&s.SentinelPassword} },
	"prefix":            func(s *Store) []*string { return []*string{&s.Prefix} },
	"tls_ca":            func(s *Store) []*string { return []*string{&s.TLSCA} },
	"tls_client":        func(s *Store) []*string { return []*string{&s.TLSCert, &s.TLSKey} },
	"tls_server_name":   func(s *Store) []*string { return []*string{&s.TLSServerName} },
	"timeout":           nil,
}

// ParseStore reads a store, of a directive or of the global option rover:
//
//	store <url>|memory {
//	    user              <name>
//	    password          <password>
//	    sentinel_user     <name>
//	    sentinel_password <password>
//	    prefix            <text>
//	    timeout           <duration>
//	    tls_ca            <file>
//	    tls_client        <certificate file> <key file>
//	    tls_server_name   <name>
//	}
func ParseStore(d *caddyfile.Dispenser) (*Store, error) {
	s := new(Store)
	if !d.AllArgs(&s.URL) {
		return nil, d.ArgErr()
	}
	if err := checkStoreURL(s.URL); err != nil {
		return nil, d.WrapErr(err)
	}
	given := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		fields, ok := storeOptions[option]
		switch {
		case !ok:
			return nil, storeBlock.unknown(d)
		case given[option]:
			return nil, d.Errf("option '%s' given twice in store", option)
		case option == "timeout":
			if err := parseDuration(d, &s.Timeout, checkStoreTimeout); err != nil {
				return nil, err
			}
		default:
			if !d.AllArgs(fields(s)...) {
				return nil, d.ArgErr()
			}
		}
		given[option] = true
	}
	if err := checkStore(s); err != nil {
		return nil, d.WrapErr(err)
	}
	return s, nil
}
