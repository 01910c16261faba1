package redis

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/rueidis"
)

// closable is a client that can be closed, and nothing else.
type closable struct{ rueidis.Client }

func (closable) Close() {}

// TestConnectedWhileItComesAndGoes: there is a connection, or the reason why not, also when the
// server comes back between two looks.
func TestConnectedWhileItComesAndGoes(t *testing.T) {
	c, err := New(Options{URL: "redis://127.0.0.1:1", Lazy: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.AwaitFirst(t.Context())
	stop, flips := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(flips)
		for {
			select {
			case <-stop:
				return
			default:
				c.up(closable{})
				c.down(errors.New("away"))
			}
		}
	}()
	for range 50_000 {
		if conn, away := c.connected(t.Context()); conn == nil && away == nil {
			t.Error("neither a connection nor a reason")
			break
		}
	}
	close(stop)
	<-flips
}

// A parameter that nothing asks for is an error, and the message has no password.
func TestURLParameters(t *testing.T) {
	for query, want := range map[string]string{
		"":                               "",
		"?addr=127.0.0.1:2&master_set=m": "",
		"?db=1&protocol=2&client_name=x": "",
		"?master_sett=m":                 `unknown parameter "master_sett" in the URL: did you mean master_set?`,
		"?foo=bar":                       `unknown parameter "foo" in the URL: there are addr, `,
		"?addr=127.0.0.1:2;master_set=m": "the query of the URL: ",
		"?dial_timeout=1s":               `unknown parameter "dial_timeout" in the URL`,
	} {
		c, err := New(Options{URL: "redis://u:s3cret@127.0.0.1:1" + query, Lazy: true})
		if err == nil {
			c.Close()
		}
		if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
}
