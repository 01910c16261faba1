package luart

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-rover/rover/luart/loglimit"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// Whatever a script logs, an entry has a bounded size, is valid, and says that it was cut.
func TestLogEntriesAreBounded(t *testing.T) {
	var out bytes.Buffer
	encoder := zap.NewProductionEncoderConfig()
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.AddSync(&out), zapcore.DebugLevel))
	s := newServer(t, `
		local api = rover.server {}
		local long = ("ä"):rep(4 * 2^20)
		local many = {}
		for i = 1, 200000 do many[i] = i % 10 end
		local deep = {}
		for i = 1, 300 do deep = {deep} end
		local wide = {}
		for i = 1, 1000 do wide["key" .. i] = long end
		local ring = {}
		ring.ring = ring
		function api.small.get(ctx) ctx:log("cut", {n = 1, list = {1, 2, {a = "b"}}}) end
		function api.message.get(ctx) ctx:log("cut" .. long, {n = 1}) end
		function api.zeros.get(ctx) ctx:log("cut", {z = ("\0"):rep(2^20)}) end
		function api.invalid.get(ctx) ctx:log("cut", {z = ("\255"):rep(2^20)}) end
		function api.items.get(ctx) ctx:log("cut", many) end
		function api.nested.get(ctx) ctx:log("cut", {body = {rows = many}}) end
		function api.deep.get(ctx) ctx:log("cut", {deep = deep}) end
		function api.ring.get(ctx) ctx:log("cut", {ring = ring}) end
		function api.wide.get(ctx) ctx:log("cut", wide) end
		function api.tables.get(ctx) ctx:log("cut", {wide = wide, n = 1}) end
		function api.key.get(ctx) ctx:log("cut", {[long] = 1, t = {[long] = 2}}) end
		function api.log.get() rover.log.warn("cut", {a = long, b = long, n = 1}) end
		function api.print.get() print("cut", long) end
		function api.raised.get() error("cut" .. long) end
		function api.deliberate.get() error { status = 500, message = "cut" .. long } end
		function api.traceback.get()
			local name = ("x"):rep(20000)
			load("local function " .. name .. "() error('cut') end " .. name .. "()")()
		end
		function api.task.get() rover.spawn(function() error("cut" .. long) end) end
		return api`, withBurst(time.Minute), func(s *Script) { s.Logger = logger })
	for path, check := range map[string]func(entry map[string]any) bool{
		"small": func(e map[string]any) bool {
			list := e["list"].([]any)
			return e["n"] == 1.0 && len(list) == 3 && list[2].(map[string]any)["a"] == "b"
		},
		"message": func(e map[string]any) bool { return e["n"] == 1.0 },
		"zeros":   func(e map[string]any) bool { return strings.HasSuffix(e["z"].(string), "\x00…") },
		"invalid": func(e map[string]any) bool { return e["z"] != "" },
		"items":   func(e map[string]any) bool { return e["1"] == 1.0 },
		"nested": func(e map[string]any) bool {
			n := len(e["body"].(map[string]any)["rows"].([]any))
			return n > 64 && n < loglimit.MaxFields
		},
		"deep": func(e map[string]any) bool { return e["deep"] != nil },
		"ring": func(e map[string]any) bool { return e["ring"] != nil },
		"wide": func(e map[string]any) bool { return len(e) > loglimit.MaxFields },
		"tables": func(e map[string]any) bool {
			return e["n"] == 1.0 && len(e["wide"].(map[string]any)) > 0
		},
		"key": func(e map[string]any) bool { return len(e["t"].(map[string]any)) == 1 },
		"log": func(e map[string]any) bool {
			return e["n"] == 1.0 && len(e["a"].(string)) > 20<<10 && len(e["b"].(string)) > 20<<10 && e["at"] != ""
		},
		"print":      func(e map[string]any) bool { return true },
		"raised":     func(e map[string]any) bool { return strings.Contains(e["traceback"].(string), "app.lua") },
		"deliberate": func(e map[string]any) bool { return strings.Contains(e["traceback"].(string), "app.lua") },
		"traceback": func(e map[string]any) bool {
			text := e["traceback"].(string)
			return strings.HasSuffix(text, "x…") && len(text) <= scripterror.MaxTracebackBytes
		},
		"task": func(e map[string]any) bool { return e["task"] != "" },
	} {
		out.Reset()
		s.do("GET /"+path, "")
		s.untilNoTasks()
		line := out.Bytes()
		if n := bytes.Count(line, []byte("\n")); n != 1 || len(line) > loglimit.MaxBytes+8<<10 || !utf8.Valid(line) {
			t.Errorf("%s: %d lines, %d bytes, %.200s", path, n, len(line), line)
			continue
		}
		var entry map[string]any
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		// What is kept of an error says itself that it was cut.
		cut := path != "small" && path != "raised" && path != "traceback" && path != "task"
		if entry[loglimit.TruncatedField] == true != cut || !check(entry) {
			t.Errorf("%s: cut %v, %.300s … %s", path, entry[loglimit.TruncatedField], line, line[max(0, len(line)-300):])
		}
	}
	for _, f := range s.vm.RecentErrors() {
		if len(f.Message)+len(f.Traceback)+len(f.Hint)+len(f.Excerpt) > 32<<10 {
			t.Errorf("a failure of %d bytes", len(f.Message)+len(f.Traceback)+len(f.Hint)+len(f.Excerpt))
		}
	}
}

// The fields of one request's line in the access log are bounded together.
func TestLogFieldIsBounded(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.long.get(ctx)
			for i = 1, 3 do ctx:log_field("f" .. i, ("ä"):rep(20000)) end
			return "ok"
		end
		function api.many.get(ctx)
			for i = 1, 1000 do ctx:log_field("m" .. i, i) end
			return "ok"
		end
		return api`)
	s.once("GET /long", "200 ok")
	f1, f2 := s.fields["f1"].(string), s.fields["f2"].(string)
	if len(f1) != 40000 || !strings.HasSuffix(f2, "ä…") || len(f1)+len(f2) > loglimit.MaxBytes || s.fields[loglimit.TruncatedField] != true {
		t.Errorf("%d and %d bytes, cut %v", len(f1), len(f2), s.fields[loglimit.TruncatedField])
	}
	s.once("GET /many", "200 ok")
	if s.fields["m128"] != int64(128) || s.fields["m129"] != nil {
		t.Errorf("m128 %v, m129 %v", s.fields["m128"], s.fields["m129"])
	}
}
