package caddyfile

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// unmarshal parses input, a rover directive in a file named Testfile.
func unmarshal(input string) (Config, error) {
	var c Config
	err := c.UnmarshalCaddyfile(caddyfile.NewTestDispenser(input))
	return c, err
}

// rover returns a directive with these lines as its block; the first is line 2.
func rover(lines ...string) string {
	return "rover app.lua {\n" + strings.Join(lines, "\n") + "\n}"
}

func TestUnmarshal(t *testing.T) {
	for _, test := range []struct {
		name  string
		input string
		want  string // JSON
	}{
		{"no block", "rover app.lua", `{"script":"app.lua"}`},
		{"empty block", "rover app.lua {\n}", `{"script":"app.lua"}`},
		{"empty block on the line", "rover app.lua { }", `{"script":"app.lua"}`},
		{"quoted script", `rover "my app.lua"`, `{"script":"my app.lua"}`},

		{"name", rover("name shop"), `{"script":"app.lua","name":"shop"}`},
		{"name quoted", rover(`name "the shop"`), `{"script":"app.lua","name":"the shop"}`},
		{"unmatched pass", rover("unmatched pass"), `{"script":"app.lua","unmatched":"pass"}`},
		{"unmatched respond", rover("unmatched respond"), `{"script":"app.lua","unmatched":"respond"}`},
		{"batch", rover("batch 1024"), `{"script":"app.lua","batch":1024}`},
		{"queue", rover("queue 1"), `{"script":"app.lua","queue":1}`},
		{"queue_timeout", rover("queue_timeout 100ms"), `{"script":"app.lua","queue_timeout":100000000}`},
		{"max_waiting", rover("max_waiting 1000000"), `{"script":"app.lua","max_waiting":1000000}`},
		{"priority", rover("priority {vars.class}"), `{"script":"app.lua","priority":"{vars.class}"}`},
		{"explain", rover("explain {env.KEY}"), `{"script":"app.lua","explain":"{env.KEY}"}`},
		{"priority for all", rover("priority high"), `{"script":"app.lua","priority":"high"}`},
		{"timeout", rover("timeout 1m30s"), `{"script":"app.lua","timeout":90000000000}`},
		{"timeout in days", rover("timeout 1d"), `{"script":"app.lua","timeout":86400000000000}`},
		{"timeout under the default burst", rover("timeout 500ms"), `{"script":"app.lua","timeout":500000000}`},
		{"burst", rover("burst 250ms"), `{"script":"app.lua","burst":250000000}`},
		{"max_body in MiB", rover("max_body 1MiB"), `{"script":"app.lua","max_body":1048576}`},
		{"max_upload", rover("max_upload 4GiB"), `{"script":"app.lua","max_upload":4294967296}`},
		{"body_min_rate", rover("body_min_rate 4KiB"), `{"script":"app.lua","body_min_rate":4096}`},
		{"body_min_rate off", rover("body_min_rate 0"), `{"script":"app.lua","body_min_rate":0}`},
		{"max_body in KB", rover("max_body 64KB"), `{"script":"app.lua","max_body":64000}`},
		{"max_body with a fraction", rover("max_body 1.5KiB"), `{"script":"app.lua","max_body":1536}`},
		{"memory in MiB", rover("memory 256MiB"), `{"script":"app.lua","memory":268435456}`},
		{"on_failure", rover("on_failure pass"), `{"script":"app.lua","on_failure":"pass"}`},
		{"quarantine 500", rover("quarantine 500"), `{"script":"app.lua","quarantine":"500"}`},
		{"quarantine pass", rover("quarantine pass"), `{"script":"app.lua","quarantine":"pass"}`},
		{"max_body in bytes", rover("max_body 512"), `{"script":"app.lua","max_body":512}`},
		{"allow", rover("allow env"), `{"script":"app.lua","allow":["env"]}`},
		{"allow all", rover("allow env fs data net process"), `{"script":"app.lua","allow":["env","fs","net","process"],"allow_fs":[{"dir":"data"}]}`},
		{"allow in lines", rover("allow env", "allow fs data process"), `{"script":"app.lua","allow":["env","fs","process"],"allow_fs":[{"dir":"data"}]}`},
		{"folders", rover("allow fs public ro data ./ro /srv/net ro", "allow fs {env.DIR}"), `{"script":"app.lua","allow":["fs"],"allow_fs":[{"dir":"public","read_only":true},{"dir":"data"},{"dir":"./ro"},{"dir":"/srv/net","read_only":true},{"dir":"{env.DIR}"}]}`},
		{"variables", rover("allow env APP_* HOME net", "allow env OTHER"), `{"script":"app.lua","allow":["net","env"],"allow_env":["APP_*","HOME","OTHER"]}`},
		{"allow net narrowed", rover("allow net api.test *.b.test:443 10.0.0.0/8 [::1]:80"), `{"script":"app.lua","allow":["net"],"allow_net":["api.test","*.b.test:443","10.0.0.0/8","[::1]:80"]}`},
		{"rules between grants", rover("allow fs data net a.test env HOME"), `{"script":"app.lua","allow":["fs","net","env"],"allow_env":["HOME"],"allow_fs":[{"dir":"data"}],"allow_net":["a.test"]}`},
		{"rules in lines", rover("allow net a.test", "allow env", "allow net b.test"), `{"script":"app.lua","allow":["env","net"],"allow_net":["a.test","b.test"]}`},
		{"a host with the name of a grant", rover("allow net env:80"), `{"script":"app.lua","allow":["net"],"allow_net":["env:80"]}`},
		{"geo", rover("geo a.mmdb /b.mmdb {env.DIR}/c.mmdb"), `{"script":"app.lua","geo":["a.mmdb","/b.mmdb","{env.DIR}/c.mmdb"]}`},
		{"set", rover("set region {env.REGION}", `set empty ""`), `{"script":"app.lua","set":{"empty":"","region":"{env.REGION}"}}`},
		{"debug", rover("debug"), `{"script":"app.lua","debug":true}`},
		{"watch", rover("watch"), `{"script":"app.lua","watch":true}`},
		{"watch by looking", rover("watch 2s"), `{"script":"app.lua","watch":true,"watch_interval":2000000000}`},
		{"store", rover("store redis://h:6379/2"), `{"script":"app.lua","store":{"url":"redis://h:6379/2"}}`},
		{"store in memory", rover("store memory"), `{"script":"app.lua","store":{"url":"memory"}}`},
		{"store from the environment", rover("store {env.STORE}"), `{"script":"app.lua","store":{"url":"{env.STORE}"}}`},
		{
			"store with everything", rover("store rediss://h {", "user u", "password {env.P}", "sentinel_user s", "sentinel_password t", "prefix p:", "timeout 2s", "tls_ca ca.pem", "tls_client c.pem k.pem", "tls_server_name n", "}"),
			`{"script":"app.lua","store":{"url":"rediss://h","user":"u","password":"{env.P}","sentinel_user":"s","sentinel_password":"t","prefix":"p:","timeout":2000000000,"tls_ca":"ca.pem","tls_cert":"c.pem","tls_key":"k.pem","tls_server_name":"n"}}`,
		},
		{"persist", rover("persist"), `{"script":"app.lua","persist":{}}`},
		{"persist with an interval", rover("persist 1m"), `{"script":"app.lua","persist":{"interval":60000000000}}`},
		{"persist at the end only", rover("persist 0", "debug"), `{"script":"app.lua","persist":{"interval":0},"debug":true}`},
		{"persist with a size", rover("persist {", "max_size 1MiB", "}", "debug"), `{"script":"app.lua","persist":{"max_size":1048576},"debug":true}`},
		{"persist with both", rover("persist 100ms {", "max_size 1KiB", "}"), `{"script":"app.lua","persist":{"interval":100000000,"max_size":1024}}`},
		{"proxy", rover("proxy {", "lb_retries 2", "}"), `{"script":"app.lua","proxy":{"load_balancing":{"retries":2}}}`},

		{
			"everything", rover("name shop", "unmatched respond", "batch 64", "queue 8192", "queue_timeout 2s", "max_waiting 500", "priority {vars.class}", "timeout 10s", "burst 250ms",
				"max_body 2MiB", "max_upload 1GiB", "body_min_rate 2KiB", "memory 256MiB", "on_failure pass", "quarantine 500", "allow env net", "set region {env.REGION}", `set note ""`, "debug",
				"proxy {", "lb_retries 2", "flush_interval -1", "}"),
			`{"script":"app.lua","name":"shop","unmatched":"respond","batch":64,"queue":8192,"queue_timeout":2000000000,"max_waiting":500,"priority":"{vars.class}","timeout":10000000000,` +
				`"burst":250000000,"max_body":2097152,"max_upload":1073741824,"body_min_rate":2048,"memory":268435456,"on_failure":"pass","quarantine":"500","allow":["env","net"],"set":{"note":"","region":"{env.REGION}"},` +
				`"debug":true,"proxy":{"load_balancing":{"retries":2},"flush_interval":-1}}`,
		},
		{
			"the proxy block before others", rover("proxy {", "transport http {", "dial_timeout 1s", "}", "}", "debug"),
			`{"script":"app.lua","debug":true,"proxy":{"transport":{"dial_timeout":1000000000,"protocol":"http"}}}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := unmarshal(test.input)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
			checkRoundTrip(t, c)
		})
	}
}

func TestUnmarshalErrors(t *testing.T) {
	const wrongCount = "wrong argument count or unexpected line ending after "
	const setTakes = ` (set takes a key and a value: a {$VARIABLE} that is not set leaves none; set it where Caddy runs. What is no secret may be empty, "", or have a default, {$VARIABLE:default})`
	for _, test := range []struct {
		name  string
		input string
		want  string
	}{
		{"no script", "rover", wrongCount + "'rover', at Testfile:1"},
		{"a block but no script", "rover {\n debug\n}", wrongCount + "'rover', at Testfile:1"},
		{"two scripts", "rover a.lua b.lua", wrongCount + "'a.lua', at Testfile:1 (before the script 'a.lua' only a matcher may stand, and behind it a block)"},
		{"a matcher of all and no script", "rover *", "the script is missing: '*' is a matcher, at Testfile:1"},
		{"a named matcher and no script", "rover @api {\n debug\n}", "the script is missing: '@api' is a matcher, at Testfile:1"},
		{"a matcher of paths and no script", "rover /api/*", "the script is missing: '/api/*' is a matcher, at Testfile:1"},
		{"empty script", `rover ""`, "script is missing, at Testfile:1"},
		{"script over two lines", "rover \"a\nb\"", `script "a\nb" contains a control character, at Testfile:1`},
		{"block never closed", "rover app.lua {\n debug\n", "unexpected EOF, at Testfile:2"},

		{"unknown option", rover("debug", "cache 5"), "unrecognized subdirective 'cache', at Testfile:3"},
		{"option with a slip", rover("queue_timout 1s"), "unrecognized subdirective 'queue_timout'; did you mean queue_timeout?, at Testfile:2"},
		{"options are lower case", rover("Debug"), "unrecognized subdirective 'Debug'; did you mean debug?, at Testfile:2"},
		{"block after an option", rover("queue 5 {", "x", "}"), "unexpected block: of the options only library, persist, proxy and store take one, at Testfile:2"},
		{"block in the line of an option", rover("queue 5 { }"), "unexpected block: of the options only library, persist, proxy and store take one, at Testfile:2"},
		{"option after the closing brace", rover("debug") + " debug", "option 'debug' given twice, at Testfile:3"},

		{"name without value", rover("name"), wrongCount + "'name', at Testfile:2"},
		{"name with two values", rover("name a b"), wrongCount + "'a', at Testfile:2"},
		{"name empty", rover(`name ""`), "name is empty, at Testfile:2"},
		{"name over two lines", rover("debug", "name \"a\nb\""), `name "a\nb" contains a control character, at Testfile:3`},

		{"unmatched without value", rover("unmatched"), wrongCount + "'unmatched', at Testfile:2"},
		{"unmatched with two values", rover("unmatched pass respond"), wrongCount + "'pass', at Testfile:2"},
		{"unmatched unknown", rover("unmatched 404"), "unmatched '404' is unknown: pass or respond, at Testfile:2"},
		{"unmatched empty", rover(`unmatched ""`), "unmatched '' is unknown: pass or respond, at Testfile:2"},

		{"batch without value", rover("batch"), wrongCount + "'batch', at Testfile:2"},
		{"batch with two values", rover("batch 1 2"), wrongCount + "'1', at Testfile:2"},
		{"batch not a number", rover("batch many"), "bad batch value 'many': a whole number from 1 to 1024, such as 32, expected: invalid syntax, at Testfile:2"},
		{"batch zero", rover("batch 0"), "batch 0 is out of range: 1 to 1024, at Testfile:2"},
		{"batch too large", rover("batch 1025"), "batch 1025 is out of range: 1 to 1024, at Testfile:2"},

		{"queue without value", rover("queue"), wrongCount + "'queue', at Testfile:2"},
		{"queue with two values", rover("queue 1 2"), wrongCount + "'1', at Testfile:2"},
		{"queue not whole", rover("queue 1.5"), "bad queue value '1.5': a whole number from 1 to 65536, such as 4096, expected: invalid syntax, at Testfile:2"},
		{"queue beyond int", rover("queue 99999999999999999999"), "bad queue value '99999999999999999999': a whole number from 1 to 65536, such as 4096, expected: value out of range, at Testfile:2"},
		{"queue zero", rover("debug", "", "queue 0"), "queue 0 is out of range: 1 to 65536, at Testfile:4"},
		{"queue too large", rover("queue 70000"), "queue 70000 is out of range: 1 to 65536, at Testfile:2"},

		{"queue_timeout without value", rover("queue_timeout"), wrongCount + "'queue_timeout', at Testfile:2"},
		{"queue_timeout without unit", rover("queue_timeout 5"), `bad queue_timeout value '5': a duration such as 500ms or 1m30s expected: time: missing unit in duration "5", at Testfile:2`},
		{"queue_timeout off", rover("queue_timeout off"), `bad queue_timeout value 'off': a duration such as 500ms or 1m30s expected: time: invalid duration "off", at Testfile:2`},
		{"queue_timeout zero", rover("debug", "queue_timeout 0s"), "queue_timeout 0s is out of range: at least 1ms, at Testfile:3"},
		{"queue_timeout too short", rover("queue_timeout 999us"), "queue_timeout 999µs is out of range: at least 1ms, at Testfile:2"},

		{"max_waiting without value", rover("max_waiting"), wrongCount + "'max_waiting', at Testfile:2"},
		{"max_waiting with two values", rover("max_waiting 1 2"), wrongCount + "'1', at Testfile:2"},
		{"max_waiting not a number", rover("max_waiting many"), "bad max_waiting value 'many': a whole number from 1 to 1000000, such as 10000, expected: invalid syntax, at Testfile:2"},
		{"max_waiting zero", rover("max_waiting 0"), "max_waiting 0 is out of range: 1 to 1000000, at Testfile:2"},
		{"max_waiting too large", rover("max_waiting 1000001"), "max_waiting 1000001 is out of range: 1 to 1000000, at Testfile:2"},

		{"explain empty", rover(`explain ""`), "explain is empty, at Testfile:2"},
		{"explain without value", rover("explain"), wrongCount + "'explain', at Testfile:2"},
		{"priority without value", rover("priority"), wrongCount + "'priority', at Testfile:2"},
		{"priority with two values", rover("priority high low"), wrongCount + "'high', at Testfile:2"},
		{"priority empty", rover(`priority ""`), "priority is empty, at Testfile:2"},
		{"priority over two lines", rover("priority \"a\nb\""), `priority "a\nb" contains a control character, at Testfile:2`},

		{"timeout without value", rover("timeout"), wrongCount + "'timeout', at Testfile:2"},
		{"timeout with two values", rover("timeout 1 s"), wrongCount + "'1', at Testfile:2"},
		{"timeout without unit", rover("timeout 30"), `bad timeout value '30': a duration such as 500ms or 1m30s expected: time: missing unit in duration "30", at Testfile:2`},
		{"timeout zero", rover("timeout 0"), "timeout 0s is out of range: at least 1ms, at Testfile:2"},
		{"timeout negative", rover("timeout -1s"), "timeout -1s is out of range: at least 1ms, at Testfile:2"},

		{"burst without value", rover("burst"), wrongCount + "'burst', at Testfile:2"},
		{"burst with two values", rover("burst 1s 2s"), wrongCount + "'1s', at Testfile:2"},
		{"burst unreadable", rover("burst soon"), `bad burst value 'soon': a duration such as 500ms or 1m30s expected: time: invalid duration "soon", at Testfile:2`},
		{"burst zero", rover("burst 0s"), "burst 0s is out of range: 1ms to 1m0s, at Testfile:2"},
		{"burst too long", rover("timeout 1h", "burst 61s"), "burst 1m1s is out of range: 1ms to 1m0s, at Testfile:3"},
		{"burst past timeout", rover("burst 2s", "timeout 1s"), "burst 2s is longer than timeout 1s, at Testfile:4"},

		{"memory without a unit", rover("memory 512"), "memory 512B is out of range: 1MiB to 1TiB, at Testfile:2"},
		{"memory zero", rover("memory 0"), "memory 0 is out of range: 1MiB to 1TiB, at Testfile:2"},
		{"on_failure empty", rover(`on_failure ""`), "on_failure '' is unknown: closed or pass, at Testfile:2"},
		{"quarantine empty", rover(`quarantine ""`), "quarantine '' is unknown: 500 or pass, at Testfile:2"},
		{"quarantine twice", rover("quarantine 500", "quarantine pass"), "option 'quarantine' given twice, at Testfile:3"},
		{"max_upload zero", rover("max_upload 0"), "max_upload 0 is out of range: 1B to 1TiB, at Testfile:2"},
		{"max_upload too large", rover("max_upload 2TiB"), "max_upload 2TiB is out of range: 1B to 1TiB, at Testfile:2"},
		{"body_min_rate too large", rover("body_min_rate 2GiB"), "body_min_rate 2GiB is out of range: 0 to 1GiB a second, at Testfile:2"},
		{"body_min_rate not a size", rover("body_min_rate 1KiB/s"), "bad body_min_rate value '1KiB/s': a size such as 1KiB, from 0 to 1GiB a second, expected: unhandled size name: kib/s, at Testfile:2"},
		{"max_upload not a size", rover("max_upload much"), "bad max_upload value 'much': a size such as 100MiB, from 1B to 1TiB, expected: invalid syntax, at Testfile:2"},
		{"max_body without value", rover("max_body"), wrongCount + "'max_body', at Testfile:2"},
		{"max_body in two words", rover("max_body 1 MiB"), wrongCount + "'1', at Testfile:2"},
		{"max_body unit unknown", rover("max_body 1MX"), "bad max_body value '1MX': a size such as 1MiB, from 1B to 1GiB, expected: unhandled size name: mx, at Testfile:2"},
		{"max_body not a number", rover("max_body -1"), "bad max_body value '-1': a size such as 1MiB, from 1B to 1GiB, expected: invalid syntax, at Testfile:2"},
		{"max_body zero", rover("max_body 0"), "max_body 0 is out of range: 1B to 1GiB, at Testfile:2"},
		{"max_body less than a byte", rover("max_body 0.5"), "max_body 0 is out of range: 1B to 1GiB, at Testfile:2"},
		{"max_body too large", rover("max_body 2GiB"), "max_body 2GiB is out of range: 1B to 1GiB, at Testfile:2"},
		{"max_body beyond int64", rover("max_body 16EB"), "max_body 9223372036854775807B is out of range: 1B to 1GiB, at Testfile:2"},
		{"max_body beyond uint64", rover("max_body 99EiB"), "bad max_body value '99EiB': a size such as 1MiB, from 1B to 1GiB, expected: too large: 99EiB, at Testfile:2"},

		{"allow without value", rover("allow"), wrongCount + "'allow', at Testfile:2"},
		{"allow unknown", rover("allow disk env"), "allow 'disk' is unknown: env, fs, net or process, at Testfile:2"},
		{"allow twice in a line", rover("allow env net env"), "allow 'env' given twice, at Testfile:2"},

		{"allow twice in two lines", rover("allow env", "allow fs a env"), "allow 'env' given twice, at Testfile:3"},
		{"allow net twice in a line", rover("allow net a.test net b.test"), "allow 'net' given twice, at Testfile:2"},
		{"rules behind net without", rover("allow net", "allow net a.test"), "allow 'net' given twice, at Testfile:3"},
		{"net without rules behind some", rover("allow net a.test", "allow net"), "allow 'net' given twice, at Testfile:3"},
		{"fs without a folder", rover("allow fs"), "allow fs: which folder? as in 'allow fs public ro', without ro to write also, at Testfile:2"},
		{"ro without a folder", rover("allow fs ro"), "allow fs: 'ro' follows a folder; a folder of that name is './ro', at Testfile:2"},
		{"ro twice", rover("allow fs a ro ro"), "allow fs: 'ro' follows a folder; a folder of that name is './ro', at Testfile:2"},
		{"a folder twice", rover("allow fs a", "allow fs a ro"), "allow fs 'a' given twice, at Testfile:3"},
		{"a bad variable", rover("allow env APP-KEY"), "allow env: rule 'APP-KEY': the name of a variable expected, or its beginning, as in APP_*, at Testfile:2"},
		{"all variables by a rule", rover("allow env *"), "allow env: rule '*': without rules every variable is allowed, at Testfile:2"},
		{"a variable twice", rover("allow env A", "allow env A"), "allow env 'A' given twice, at Testfile:3"},
		{"what process does not take", rover("allow process a"), "allow 'a' is unknown: env, fs, net or process, at Testfile:2"},
		{"a rule before net", rover("allow a.test net"), "allow 'a.test' is unknown: env, fs, net or process, at Testfile:2"},
		{"a rule twice", rover("allow net a.test", "allow net b.test a.test"), "allow net 'a.test' given twice, at Testfile:3"},
		{"a bad rule", rover("debug", "allow net a.test 10.0.0.1/8"), "allow net: rule '10.0.0.1/8': the address goes on behind the prefix: 10.0.0.0/8 is meant, or one address without a length, at Testfile:3"},
		{"a URL for a rule", rover("allow net https://a.test"), "allow net: rule 'https://a.test': a host without a scheme expected, at Testfile:2"},

		{"geo without a file", rover("geo"), wrongCount + "'geo', at Testfile:2"},
		{"geo with the same file twice", rover("geo a.mmdb b.mmdb a.mmdb"), "geo 'a.mmdb' given twice, at Testfile:2"},
		{"geo twice", rover("geo a.mmdb", "geo b.mmdb"), "option 'geo' given twice, at Testfile:3"},
		{"geo with an empty name", rover(`geo ""`), "geo: the name of a file is empty, at Testfile:2"},
		{"geo with many files", rover("geo 1 2 3 4 5 6 7 8 9"), "geo has 9 files, and may have 8, at Testfile:2"},

		{"set without value", rover("set"), wrongCount + "'set', at Testfile:2" + setTakes},
		{"set with a key only", rover("set a"), wrongCount + "'a', at Testfile:2" + setTakes},
		{"set with two values", rover("set a b c"), wrongCount + "'b', at Testfile:2" + setTakes},
		{"set with an empty key", rover(`set "" b`), "set key is empty, at Testfile:2"},
		{"set with a broken key", rover("set \"a\nb\" c"), `set key "a\nb" contains a control character, at Testfile:3`},
		{"set twice", rover("set a 1", "set b 1", "set a 2"), "set key 'a' given twice, at Testfile:4"},

		{"watch twice", rover("watch", "watch 1s"), "option 'watch' given twice, at Testfile:3"},
		{"watch too often", rover("debug", "watch 1ms"), "watch 1ms is out of range: 10ms to 1h0m0s, at Testfile:3"},
		{"watch with a word", rover("watch often"), `bad watch value 'often': a duration such as 500ms or 1m30s expected: time: invalid duration "often", at Testfile:2`},
		{"watch with two values", rover("watch 1s 2s"), wrongCount + "'1s', at Testfile:2"},
		{"persist too often", rover("debug", "persist 99ms"), "persist 99ms is out of range: 100ms to 24h0m0s, or 0 for only at the end, at Testfile:3"},
		{"persist too rarely", rover("persist 2d"), "persist 48h0m0s is out of range: 100ms to 24h0m0s, or 0 for only at the end, at Testfile:2"},
		{"persist with a word", rover("persist always"), `bad persist value 'always': a duration such as 500ms or 1m30s expected: time: invalid duration "always", at Testfile:2`},
		{"persist with two values", rover("persist 1s 2s"), wrongCount + "'1s', at Testfile:2"},
		{"persist with an unknown option", rover("persist {", "min_size 1", "}"), "unrecognized subdirective 'min_size' in persist; did you mean max_size?, at Testfile:3"},
		{"persist with two sizes", rover("persist {", "max_size 1MiB", "max_size 1MiB", "}"), "option 'max_size' given twice in persist, at Testfile:4"},
		{"persist without a size", rover("persist {", "max_size", "}"), wrongCount + "'max_size', at Testfile:3"},
		{"persist too small", rover("persist 1s {", "max_size 1000", "}"), "persist max_size 1000B is out of range: 1KiB to 1GiB, at Testfile:3"},
		{"persist too large", rover("persist 1s {", "max_size 2GiB", "}"), "persist max_size 2GiB is out of range: 1KiB to 1GiB, at Testfile:3"},
		{"persist twice", rover("persist", "persist 1s"), "option 'persist' given twice, at Testfile:3"},
		{"library without a name", rover("library"), wrongCount + "'library', at Testfile:2"},
		{"library that is not there", rover("debug", "library none"), "library 'none' is unknown: this Caddy was built without the module rover.libraries.none; it takes an xcaddy build with --with and the library's Go module (it has: sample), at Testfile:3"},
		{"library of Rover's own", rover("library json"), "library 'json': every script has a rover.json of Rover's own; a library needs another name, at Testfile:2"},
		{"library with a name that Lua cannot have", rover("library a-b"), "library 'a-b': a name of letters, digits and _ expected, that Lua can have in rover.<name>, at Testfile:2"},
		{"library with what it does not know", rover("library sample a {", "b", "}"), "unrecognized subdirective 'b' of sample, at Testfile:3"},
		{"library with two arguments", rover("library sample a b"), wrongCount + "'b', at Testfile:2"},
		{"store without a URL", rover("store"), wrongCount + "'store', at Testfile:2"},
		{"store of an unknown kind", rover("store memcached://h"), "store: the URL begins with 'memcached': redis://, rediss:// or unix:// expected, or memory, at Testfile:2"},
		{"store that is no URL", rover("store \"redis://u:s3cret@h:x\""), "store: what was given is no URL: redis://host:port expected, or memory, at Testfile:2"},
		{"store without a host", rover("store redis://"), "store redis://: the host is missing, at Testfile:2"},
		{"store without a socket", rover("store unix://"), "store unix://: the path of the socket is missing, at Testfile:2"},
		{"store in memory with options", rover("store memory {", "user u", "}"), "store memory takes no options, at Testfile:4"},
		{"store with a wrong option", rover("store redis://h {", "pasword x", "}"), "unrecognized subdirective 'pasword' in store; did you mean password?, at Testfile:3"},
		{"store with an option twice", rover("store redis://h {", "user a", "user b", "}"), "option 'user' given twice in store, at Testfile:4"},
		{"store with half a certificate", rover("store rediss://h {", "tls_client a", "}"), wrongCount + "'a', at Testfile:3"},
		{"store that gives up at once", rover("store redis://h {", "timeout 1us", "}"), "store timeout 1µs is out of range: 1ms to 1m0s, at Testfile:3"},
		{"library twice", rover("library sample a", "library sample b"), "library 'sample' given twice, at Testfile:3"},
		{"debug with a value", rover("debug on"), wrongCount + "'debug', at Testfile:2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := unmarshal(test.input)
			if got := errorText(err); got != test.want {
				t.Errorf("\n got %q\nwant %q", got, test.want)
			}
		})
	}
}

// valid holds one correct line per option.
var valid = map[string]string{
	"name": "name a", "unmatched": "unmatched pass", "batch": "batch 2", "queue": "queue 2", "queue_timeout": "queue_timeout 2s", "max_waiting": "max_waiting 2", "priority": "priority low", "timeout": "timeout 2s",
	"burst": "burst 2s", "max_body": "max_body 2", "max_upload": "max_upload 2", "body_min_rate": "body_min_rate 0", "memory": "memory 2MiB", "on_failure": "on_failure pass", "quarantine": "quarantine 500", "allow": "allow env", "explain": "explain {env.K}", "set": "set a b", "geo": "geo a.mmdb", "library": "library sample", "watch": "watch", "persist": "persist 1s", "store": "store redis://h:6379", "debug": "debug", "proxy": "proxy",
}

func TestEveryOptionMayStandOnce(t *testing.T) {
	for option := range options {
		t.Run(option, func(t *testing.T) {
			line, ok := valid[option]
			if !ok {
				t.Fatalf("option %q is new: add it to valid", option)
			}
			if _, err := unmarshal(rover(line)); err != nil {
				t.Fatal(err)
			}
			_, err := unmarshal(rover(line, line))
			want := fmt.Sprintf("option '%s' given twice, at Testfile:3", option)
			switch option {
			case "set":
				want = "set key 'a' given twice, at Testfile:3"
			case "library":
				want = "library 'sample' given twice, at Testfile:3"
			case "allow":
				want = "allow 'env' given twice, at Testfile:3"
			}
			if got := errorText(err); got != want {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
		})
	}
}

// An option that JSON has and the Caddyfile lacks, or the reverse, is a mistake. The
// directive itself has script, allow has allow_env, allow_fs and allow_net, watch has watch_interval, and one library
// after the other makes libraries.
func TestOptionsAreTheFieldsOfConfig(t *testing.T) {
	fields := map[string]bool{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if key == "libraries" {
			key = "library"
		}
		fields[key] = true
		if key != "script" && key != "allow_env" && key != "allow_fs" && key != "allow_net" && key != "watch_interval" && options[key] == nil {
			t.Errorf("field %s has no option %q", field.Name, key)
		}
	}
	for option := range options {
		if !fields[option] {
			t.Errorf("option %q has no field", option)
		}
	}
}

// The grammar in the comment of UnmarshalCaddyfile is what users read.
func TestGrammarNamesEveryOption(t *testing.T) {
	source, err := os.ReadFile("parse.go")
	if err != nil {
		t.Fatal(err)
	}
	for option := range options {
		if !strings.Contains(string(source), "\n//\t    "+option) {
			t.Errorf("option %q is not in the grammar", option)
		}
	}
}

func TestScriptLiesBesideTheCaddyfile(t *testing.T) {
	absolute := filepath.Join(t.TempDir(), "app.lua")
	for _, test := range []struct{ file, script, want string }{
		{"Caddyfile", "app.lua", "app.lua"},
		{"Caddyfile", "./app.lua", "./app.lua"},
		{"", "app.lua", "app.lua"},
		{"-", "app.lua", "app.lua"},
		{"./Caddyfile", "lua/app.lua", "lua/app.lua"},
		{"examples/hello/Caddyfile", "app.lua", "examples/hello/app.lua"},
		{"examples/hello/Caddyfile", "./app.lua", "examples/hello/app.lua"},
		{"examples/hello/Caddyfile", "../app.lua", "examples/app.lua"},
		{"../Caddyfile", "app.lua", "../app.lua"},
		{"/etc/caddy/Caddyfile", "app.lua", "/etc/caddy/app.lua"},
		{"examples/hello/Caddyfile", absolute, absolute},
		{"sites/a{b}/Caddyfile", "app.lua", `sites/a\{b\}/app.lua`}, // a folder, no placeholder
		{"sites/a{b}/Caddyfile", "{env.NAME}.lua", "{env.NAME}.lua"},
		{"sites/a{b}/Caddyfile", "x/{env.NAME}.lua", `sites/a\{b\}/x/{env.NAME}.lua`},
		{"examples/hello/Caddyfile", "{env.DIR}/app.lua", "{env.DIR}/app.lua"}, // which may be absolute
	} {
		tokens, err := caddyfile.Tokenize(fmt.Appendf(nil, "rover %q", test.script), filepath.FromSlash(test.file))
		if err != nil {
			t.Fatal(err)
		}
		var c Config
		if err := c.UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)); err != nil {
			t.Fatal(err)
		}
		if want := filepath.FromSlash(test.want); c.Script != want {
			t.Errorf("%q in %q: got %q, want %q", test.script, test.file, c.Script, want)
		}
	}
}

func TestEmptyDispenser(t *testing.T) {
	var c Config
	if err := c.UnmarshalCaddyfile(caddyfile.NewDispenser(nil)); err == nil {
		t.Error("no tokens, no error")
	}
}

// A size in an error can be given to an option as it is.
func TestSizeText(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0", 1: "1B", 1000: "1000B", 1536: "1536B", 2048: "2KiB", 1<<20 + 1024: "1025KiB", 1 << 40: "1TiB",
	} {
		got := sizeText(bytes)
		if read, err := humanize.ParseBytes(got); got != want || err != nil || int64(read) != bytes {
			t.Errorf("%d: got %q, want %q; read again: %d %v", bytes, got, want, read, err)
		}
	}
}
