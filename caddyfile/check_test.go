package caddyfile

import (
	"reflect"
	"testing"
)

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name string
		json string
		want string // empty: valid
	}{
		{"only a script", `{"script": "app.lua"}`, ""},
		{"zeros are defaults", `{"script": "app.lua", "batch": 0, "queue": 0, "queue_timeout": 0, "max_waiting": 0, "priority": "", "timeout": 0, "burst": 0, "max_body": 0, "unmatched": "", "name": ""}`, ""},
		{"lower ends", `{"script": "app.lua", "batch": 1, "queue": 1, "queue_timeout": "1ms", "max_waiting": 1, "timeout": "1ms", "burst": "1ms", "max_body": 1}`, ""},
		{"upper ends", `{"script": "app.lua", "batch": 1024, "queue": 65536, "queue_timeout": "10000h", "max_waiting": 1000000, "timeout": "10000h", "burst": "1m", "max_body": 1073741824}`, ""},
		{"every grant", `{"script": "app.lua", "allow": ["process", "env", "net", "fs"], "allow_fs": [{"dir": "public", "read_only": true}]}`, ""},
		{"net with rules", `{"script": "app.lua", "allow": ["net"], "allow_net": ["a.test", "10.0.0.0/8:80"]}`, ""},
		{"an interval without watch", `{"script": "app.lua", "watch_interval": "1s"}`, "watch_interval is given, but watch is not"},
		{"watching too rarely", `{"script": "app.lua", "watch": true, "watch_interval": "2h"}`, "watch 2h0m0s is out of range: 10ms to 1h0m0s"},
		{"rules without net", `{"script": "app.lua", "allow": ["env"], "allow_net": ["a.test"]}`, "allow_net narrows 'net', which allow does not grant"},
		{"variables", `{"script": "app.lua", "allow": ["env"], "allow_env": ["APP_*", "HOME"]}`, ""},
		{"variables without env", `{"script": "app.lua", "allow_env": ["APP_*"]}`, "allow_env narrows 'env', which allow does not grant"},
		{"folders without fs", `{"script": "app.lua", "allow_fs": [{"dir": "a"}]}`, "allow_fs has folders for 'fs', which allow does not grant"},
		{"fs without folders", `{"script": "app.lua", "allow": ["fs"]}`, "allow fs: which folder? as in 'allow fs public ro', without ro to write also"},
		{"no folder", `{"script": "app.lua", "allow": ["fs"], "allow_fs": [{}]}`, "allow fs: the folder is empty"},
		{"a folder with NUL", `{"script": "app.lua", "allow": ["fs"], "allow_fs": [{"dir": "a\u0000"}]}`, "allow fs: the folder has a NUL"},
		{"a folder twice", `{"script": "app.lua", "allow": ["fs"], "allow_fs": [{"dir": "a", "read_only": true}, {"dir": "./a/"}]}`, "allow fs './a/' given twice"},
		{"a key that is a function", `{"script": "app.lua", "set": {"from_env": "a"}}`, "set key 'from_env': rover.config.from_env is a function"},
		{"a bad rule", `{"script": "app.lua", "allow": ["net"], "allow_net": ["*"]}`, "allow net: rule '*': a '*' stands only at the beginning and for whole names, as in *.example.com; without rules every address is allowed"},
		{"persist", `{"script": "app.lua", "persist": {}}`, ""},
		{"persist at the end only", `{"script": "app.lua", "persist": {"interval": 0, "max_size": 0}}`, ""},
		{"persist without its unit", `{"script": "app.lua", "persist": {"interval": 10}}`, "persist 10ns is out of range: 100ms to 24h0m0s, or 0 for only at the end"},
		{"persist negative", `{"script": "app.lua", "persist": {"interval": "-1s"}}`, "persist -1s is out of range: 100ms to 24h0m0s, or 0 for only at the end"},
		{"persist with a negative size", `{"script": "app.lua", "persist": {"max_size": -1}}`, "persist max_size -1B is out of range: 1KiB to 1GiB"},
		{"an empty proxy", `{"script": "app.lua", "proxy": {}}`, ""},

		{"no script", `{}`, "script is missing"},
		{"script with a NUL", `{"script": "app.lua\u0000"}`, `script "app.lua\x00" contains a control character`},
		{"name with a placeholder", `{"script": "app.lua", "name": "shop-{http.request.host}"}`, `name "shop-{http.request.host}" has the placeholder {http.request.host}, which nothing replaces; {$VARIABLE} in a Caddyfile is replaced`},
		{"name with braces", `{"script": "app.lua", "name": "{}"}`, ""},
		{"name with a line feed", `{"script": "app.lua", "name": "a\nb"}`, `name "a\nb" contains a control character`},
		{"unmatched", `{"script": "app.lua", "unmatched": "drop"}`, "unmatched 'drop' is unknown: pass or respond"},
		{"batch negative", `{"script": "app.lua", "batch": -1}`, "batch -1 is out of range: 1 to 1024"},
		{"batch past the end", `{"script": "app.lua", "batch": 1025}`, "batch 1025 is out of range: 1 to 1024"},
		{"queue past the end", `{"script": "app.lua", "queue": 70000}`, "queue 70000 is out of range: 1 to 65536"},
		{"queue_timeout negative", `{"script": "app.lua", "queue_timeout": "-5s"}`, "queue_timeout -5s is out of range: at least 1ms"},
		{"queue_timeout without its unit", `{"script": "app.lua", "queue_timeout": 5}`, "queue_timeout 5ns is out of range: at least 1ms"},
		{"max_waiting negative", `{"script": "app.lua", "max_waiting": -1}`, "max_waiting -1 is out of range: 1 to 1000000"},
		{"max_waiting past the end", `{"script": "app.lua", "max_waiting": 1000001}`, "max_waiting 1000001 is out of range: 1 to 1000000"},
		{"priority with a line feed", `{"script": "app.lua", "priority": "a\nb"}`, `priority "a\nb" contains a control character`},
		{"timeout negative", `{"script": "app.lua", "timeout": "-5s"}`, "timeout -5s is out of range: at least 1ms"},
		{"timeout without its unit", `{"script": "app.lua", "timeout": 30}`, "timeout 30ns is out of range: at least 1ms"},
		{"burst without its unit", `{"script": "app.lua", "burst": 1}`, "burst 1ns is out of range: 1ms to 1m0s"},
		{"burst past the end", `{"script": "app.lua", "timeout": "5m", "burst": "61s"}`, "burst 1m1s is out of range: 1ms to 1m0s"},
		{"burst past timeout", `{"script": "app.lua", "timeout": "1s", "burst": "2s"}`, "burst 2s is longer than timeout 1s"},
		{"burst past the default timeout", `{"script": "app.lua", "burst": "31s"}`, "burst 31s is longer than timeout 30s"},
		{"memory too little", `{"script": "app.lua", "memory": 1048575}`, "memory 1048575B is out of range: 1MiB to 1TiB"},
		{"memory", `{"script": "app.lua", "memory": 1048576}`, ""},
		{"on_failure unknown", `{"script": "app.lua", "on_failure": "open"}`, "on_failure 'open' is unknown: closed or pass"},
		{"quarantine unknown", `{"script": "app.lua", "quarantine": "closed"}`, "quarantine 'closed' is unknown: 500 or pass"},
		{"max_upload negative", `{"script": "app.lua", "max_upload": -1}`, "max_upload -1B is out of range: 1B to 1TiB"},
		{"body_min_rate negative", `{"script": "app.lua", "body_min_rate": -1}`, "body_min_rate -1B is out of range: 0 to 1GiB a second"},
		{"body_min_rate off", `{"script": "app.lua", "body_min_rate": 0}`, ""},
		{"max_body negative", `{"script": "app.lua", "max_body": -1}`, "max_body -1B is out of range: 1B to 1GiB"},
		{"max_body past the end", `{"script": "app.lua", "max_body": 1073741825}`, "max_body 1073741825B is out of range: 1B to 1GiB"},
		{"allow unknown", `{"script": "app.lua", "allow": ["env", "disk"]}`, "allow 'disk' is unknown: env, fs, net or process"},
		{"allow twice", `{"script": "app.lua", "allow": ["env", "net", "env"]}`, "allow 'env' given twice"},
		{"geo twice", `{"script": "app.lua", "geo": ["a", "a"]}`, "geo 'a' given twice"},
		{"geo with a line", `{"script": "app.lua", "geo": ["a\n"]}`, `geo "a\n" contains a control character`},
		{"set with an empty key", `{"script": "app.lua", "set": {"a": "1", "": "2"}}`, "set key is empty"},
		{"set with a tab in the key", `{"script": "app.lua", "set": {"a\t": "1"}}`, `set key "a\t" contains a control character`},
		{"a transport and lean", `{"script": "app.lua", "proxy": {"lean": true, "transport": {"protocol": "rover_lean"}}}`, ""},
		{"a transport and not lean", `{"script": "app.lua", "proxy": {"lean": false, "transport": {"protocol": "http"}}}`, ""},
		{"a lean transport and not lean", `{"script": "app.lua", "proxy": {"lean": false, "transport": {"protocol": "rover_lean"}}}`, leanTwoWays},
		{"upstreams", `{"script": "app.lua", "proxy": {"upstreams": [{"dial": "localhost:80"}]}}`, "proxy has upstreams: the script chooses the upstreams, with api.proxy"},
		{"dynamic upstreams", `{"script": "app.lua", "proxy": {"dynamic_upstreams": {"source": "a"}}}`, "proxy has dynamic_upstreams: the script chooses the upstreams, with api.proxy"},
		{"a policy", `{"script": "app.lua", "proxy": {"load_balancing": {"selection_policy": {"policy": "first"}}}}`, "proxy has load_balancing.selection_policy: " + scriptOrders},
		{"retries without a policy", `{"script": "app.lua", "proxy": {"load_balancing": {"retries": 2}}}`, ""},
		{"active health checks", `{"script": "app.lua", "proxy": {"health_checks": {"active": {"uri": "/health"}}}}`, "proxy has health_checks.active: " + scriptProbes},
		{"active health checks that are not on", `{"script": "app.lua", "proxy": {"health_checks": {"active": {"interval": "5s"}}}}`, "proxy has health_checks.active: " + scriptProbes},
		{"passive health checks", `{"script": "app.lua", "proxy": {"health_checks": {"passive": {"fail_duration": "5s"}}}}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := fromJSON(t, test.json)
			if got := errorText(c.Validate()); got != test.want {
				t.Errorf("before SetDefaults:\n got %q\nwant %q", got, test.want)
			}
			c.SetDefaults()
			if got := errorText(c.Validate()); got != test.want {
				t.Errorf("after SetDefaults:\n got %q\nwant %q", got, test.want)
			}
		})
	}
}

// Caddy calls Validate between Provision and the first request: it must not
// change what Provision made.
func TestValidateChangesNothing(t *testing.T) {
	c := Config{Script: "app.lua", Persist: &Persist{}}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if want := (Config{Script: "app.lua", Persist: &Persist{}}); !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
}
