package caddyfile

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

func TestDefaults(t *testing.T) {
	minRate := int64(1024)
	defaults := Config{
		Script:       "app.lua",
		Unmatched:    "pass",
		Batch:        32,
		Queue:        4096,
		QueueTimeout: caddy.Duration(5 * time.Second),
		MaxWaiting:   10000,
		Timeout:      caddy.Duration(30 * time.Second),
		Burst:        caddy.Duration(time.Second),
		MaxBody:      1048576,
		MaxUpload:    1048576,
		BodyMinRate:  &minRate,
		OnFailure:    FailClosed,
	}
	got := Config{Script: "app.lua"}
	got.SetDefaults()
	if !reflect.DeepEqual(got, defaults) {
		t.Errorf("defaults:\n got %+v\nwant %+v", got, defaults)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("the defaults are invalid: %v", err)
	}

	again := got
	again.SetDefaults()
	if !reflect.DeepEqual(again, got) {
		t.Errorf("a second SetDefaults changed %+v to %+v", got, again)
	}
}

func TestDefaultsKeepWhatIsSet(t *testing.T) {
	set := full(t)
	got := set
	got.SetDefaults()
	if !reflect.DeepEqual(got, set) {
		t.Errorf("SetDefaults changed set values:\n got %+v\nwant %+v", got, set)
	}
}

func TestDefaultBurstNeverPassesTimeout(t *testing.T) {
	c := Config{Script: "app.lua", Timeout: caddy.Duration(200 * time.Millisecond)}
	c.SetDefaults()
	if c.Burst != c.Timeout {
		t.Errorf("burst %v beside timeout %v", time.Duration(c.Burst), time.Duration(c.Timeout))
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for name, c := range map[string]Config{
		"full":    full(t),
		"minimal": {Script: "app.lua"},
		"empty":   {},
	} {
		t.Run(name, func(t *testing.T) { checkRoundTrip(t, c) })
	}
}

func TestZeroIsLeftOutOfJSON(t *testing.T) {
	got, err := json.Marshal(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != `{}` {
		t.Errorf("got %s", got)
	}
}

// full returns a Config in which nothing is zero.
func full(t *testing.T) Config {
	t.Helper()
	c := fromJSON(t, `{
		"script": "site/app.lua",
		"name": "shop",
		"libraries": {"sample":{"file":"a"}},
		"unmatched": "respond",
		"batch": 64,
		"queue": 8192,
		"queue_timeout": "2s",
		"max_waiting": 500,
		"priority": "{vars.class}",
		"timeout": "10s",
		"burst": "250ms",
		"max_body": 2097152,
		"max_upload": 1073741824,
		"body_min_rate": 4096,
		"memory": 268435456,
		"on_failure": "pass",
		"quarantine": "500",
		"allow": ["env", "fs", "net"],
		"allow_env": ["APP_*"],
		"allow_fs": [{"dir": "public", "read_only": true}],
		"allow_net": ["api.example.com", "10.0.0.0/8:443"],
		"explain": "{env.EXPLAIN_KEY}",
		"set": {"region": "{env.REGION}", "note": ""},
		"geo": ["a.mmdb"],
		"watch": true,
		"watch_interval": "2s",
		"persist": {"interval": "5s", "max_size": 1048576},
		"store": {"url": "redis://h", "password": "p", "timeout": "2s"},
		"debug": true,
		"proxy": {"load_balancing": {"retries": 2}, "flush_interval": -1, "lean": false}
	}`)
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Fatalf("field %s is new: add it to full", v.Type().Field(i).Name)
		}
	}
	return c
}

// fromJSON decodes as Caddy does: unknown fields are errors.
func fromJSON(t *testing.T, text string) Config {
	t.Helper()
	var c Config
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		t.Fatalf("decoding %s: %v", text, err)
	}
	return c
}

// checkRoundTrip fails unless c comes back the same from JSON. The proxy handler
// carries state of its parser, so it is compared by its JSON.
func checkRoundTrip(t *testing.T, c Config) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatalf("encoding %+v: %v", c, err)
	}
	back := fromJSON(t, string(text))
	again, err := json.Marshal(back)
	if err != nil {
		t.Fatalf("encoding again: %v", err)
	}
	if !bytes.Equal(again, text) {
		t.Errorf("JSON changed:\nfirst %s\nthen  %s", text, again)
	}
	if (back.Proxy == nil) != (c.Proxy == nil) {
		t.Errorf("proxy: got %v, want %v", back.Proxy, c.Proxy)
	}
	back.Proxy, c.Proxy = nil, nil
	if !reflect.DeepEqual(back, c) {
		t.Errorf("value changed:\n got %+v\nwant %+v", back, c)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
