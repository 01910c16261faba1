package caddyfile

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// Parse returns the configuration of one rover directive, whose matcher token
// TakeMatcher has already taken away. Unlike UnmarshalCaddyfile alone it also reads the
// routes of handle_response in the proxy block, and makes the paths of the script and of its files
// absolute: this process knows the folder from which Caddyfile and script are seen, and the one
// that will run the script, where "caddy reload" sends the config, may stand in another.
// Errors carry file:line.
//
// Not safe for concurrent use.
func Parse(h httpcaddyfile.Helper) (Config, error) {
	var c Config
	if err := c.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return Config{}, err
	}
	if c.Proxy != nil { // until here its handle_response blocks are tokens
		if err := c.Proxy.FinalizeUnmarshalCaddyfile(h); err != nil {
			return Config{}, err
		}
	}
	paths := []*string{&c.Script}
	for i := range c.AllowFS {
		paths = append(paths, &c.AllowFS[i].Dir)
	}
	for i := range c.Geo {
		paths = append(paths, &c.Geo[i])
	}
	for _, path := range paths {
		if err := makeAbsolute(path); err != nil {
			return Config{}, h.WrapErr(err)
		}
	}
	return c, nil
}

// TakeMatcher takes the matcher of a rover directive away, and returns it; nil: every request
// matches. A matcher is what stands before a script: a lone argument is the script, also
// where Caddy would take it for a matcher of paths (/srv/app.lua).
//
// Not safe for concurrent use.
func TakeMatcher(h httpcaddyfile.Helper) (caddy.ModuleMap, error) {
	h.Next() // the directive
	if h.CountRemainingArgs() > 1 {
		return h.ExtractMatcherSet()
	}
	h.Reset()
	return nil, nil
}

// UnmarshalCaddyfile fills c from Caddyfile tokens. Syntax:
//
//	rover [<matcher>] <script.lua> {
//	    name          <vm>
//	    unmatched     pass|respond
//	    batch         <count>
//	    queue         <count>
//	    queue_timeout <duration>
//	    max_waiting   <count>
//	    priority      <value>
//	    timeout       <duration>
//	    burst         <duration>
//	    max_body      <size>
//	    max_upload    <size>
//	    body_min_rate <size>
//	    memory        <size>
//	    on_failure    closed|pass
//	    quarantine    500|pass
//	    allow         <env [<variable>...]|fs <folder> [ro]...|net [<rule>...]|process>...
//	    explain       <key>
//	    set           <key> <value>
//	    geo           <file.mmdb>...
//	    library       <name> {
//	        # what the module rover.libraries.<name> takes
//	    }
//	    watch         [<interval>]
//	    persist       [<interval>] {
//	        max_size <size>
//	    }
//	    store         <url>|memory {
//	        # see ParseStore
//	    }
//	    debug
//	    proxy {
//	        lean <on|off>
//	        # any option of reverse_proxy, except to and dynamic
//	    }
//	}
//
// Each option may stand once, except set, which may stand once per key, library, once
// per name, and allow, once per grant. What follows a grant and is none narrows it: names of
// variables, also APP_* (environ.ParsePolicy), folders, which start where scripts do, and rules
// (outbound.ParseRule). A grant with such may stand again with others. A size is
// a number with an optional unit, such as 512KB or 1MiB. A relative script starts
// at the folder of the file that holds the directive. The matcher must have been taken
// away, see TakeMatcher.
//
// Parse should be used where a Helper is at hand: this function alone drops the
// handle_response blocks of proxy, as reverse_proxy's own does.
//
// Not safe for concurrent use.
func (c *Config) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if !d.Next() {
		return d.ArgErr()
	}
	if err := c.parseScript(d); err != nil {
		return err
	}
	nesting := d.Nesting()
	given := make(map[string]bool)
	for d.NextBlock(nesting) {
		if err := c.parseOption(d, given); err != nil {
			return err
		}
	}
	if d.Nesting() != nesting {
		return d.EOFErr()
	}
	// Each value was judged on its own line; this is for the rules between them.
	if err := c.Validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// options maps every option to the function that reads it.
var options = map[string]func(*Config, *caddyfile.Dispenser) error{
	"name":          (*Config).parseName,
	"unmatched":     (*Config).parseUnmatched,
	"batch":         (*Config).parseBatch,
	"queue":         (*Config).parseQueue,
	"queue_timeout": (*Config).parseQueueTimeout,
	"max_waiting":   (*Config).parseMaxWaiting,
	"priority":      (*Config).parsePriority,
	"timeout":       (*Config).parseTimeout,
	"burst":         (*Config).parseBurst,
	"max_body":      (*Config).parseMaxBody,
	"max_upload":    (*Config).parseMaxUpload,
	"body_min_rate": (*Config).parseBodyMinRate,
	"allow":         (*Config).parseAllow,
	"memory":        (*Config).parseMemory,
	"on_failure":    (*Config).parseOnFailure,
	"quarantine":    (*Config).parseQuarantine,
	"explain":       (*Config).parseExplain,
	"set":           (*Config).parseSet,
	"geo":           (*Config).parseGeo,
	"library":       (*Config).parseLibrary,
	"watch":         (*Config).parseWatch,
	"persist":       (*Config).parsePersist,
	"store":         (*Config).parseStore,
	"debug":         (*Config).parseDebug,
	"proxy":         (*Config).parseProxy,
}

// parseOption reads the option that d stands on and records it in given.
func (c *Config) parseOption(d *caddyfile.Dispenser, given map[string]bool) error {
	option := d.Val()
	parse, ok := options[option]
	if !ok {
		return directiveBlock.unknown(d)
	}
	if given[option] && option != "set" && option != "library" && option != "allow" {
		return d.Errf("option '%s' given twice", option)
	}
	given[option] = true
	return parse(c, d)
}

// parseScript reads the directive's argument.
func (c *Config) parseScript(d *caddyfile.Dispenser) error {
	file := d.File() // the directive's, which an imported argument need not share
	var script string
	if !d.Args(&script) {
		return d.ArgErr()
	}
	if d.CountRemainingArgs() > 0 {
		return fmt.Errorf("%w (before the script '%s' only a matcher may stand, and behind it a block)", d.ArgErr(), script)
	}
	if strings.HasPrefix(script, "@") || script == "*" || strings.HasPrefix(script, "/") && strings.HasSuffix(script, "*") {
		return d.Errf("the script is missing: '%s' is a matcher", script)
	}
	if err := checkScript(script); err != nil {
		return d.WrapErr(err)
	}
	c.Script = besideFile(file, script)
	return nil
}

func (c *Config) parseName(d *caddyfile.Dispenser) error {
	return parseText(d, &c.Name, checkName)
}

func (c *Config) parseUnmatched(d *caddyfile.Dispenser) error {
	return parseText(d, &c.Unmatched, checkUnmatched)
}

func (c *Config) parseBatch(d *caddyfile.Dispenser) error {
	return parseCount(d, &c.Batch, batches)
}

func (c *Config) parseQueue(d *caddyfile.Dispenser) error {
	return parseCount(d, &c.Queue, queues)
}

func (c *Config) parseQueueTimeout(d *caddyfile.Dispenser) error {
	return parseDuration(d, &c.QueueTimeout, checkQueueTimeout)
}

func (c *Config) parseMaxWaiting(d *caddyfile.Dispenser) error {
	return parseCount(d, &c.MaxWaiting, waiting)
}

func (c *Config) parsePriority(d *caddyfile.Dispenser) error {
	return parseText(d, &c.Priority, checkPriority)
}

func (c *Config) parseExplain(d *caddyfile.Dispenser) error {
	return parseText(d, &c.Explain, checkExplain)
}

func (c *Config) parseTimeout(d *caddyfile.Dispenser) error {
	return parseDuration(d, &c.Timeout, checkTimeout)
}

func (c *Config) parseBurst(d *caddyfile.Dispenser) error {
	return parseDuration(d, &c.Burst, checkBurst)
}

func (c *Config) parseMaxBody(d *caddyfile.Dispenser) error {
	return parseSize(d, &c.MaxBody, bodies)
}

func (c *Config) parseMaxUpload(d *caddyfile.Dispenser) error {
	return parseSize(d, &c.MaxUpload, uploads)
}

// parseBodyMinRate reads a size per second. 0 is one.
func (c *Config) parseBodyMinRate(d *caddyfile.Dispenser) error {
	c.BodyMinRate = new(int64)
	return parseSize(d, c.BodyMinRate, rates)
}

func (c *Config) parseMemory(d *caddyfile.Dispenser) error {
	return parseSize(d, &c.Memory, memories)
}

func (c *Config) parseOnFailure(d *caddyfile.Dispenser) error {
	return parseText(d, &c.OnFailure, checkOnFailure)
}

func (c *Config) parseQuarantine(d *caddyfile.Dispenser) error {
	return parseText(d, &c.Quarantine, checkQuarantine)
}

func (c *Config) parseSet(d *caddyfile.Dispenser) error {
	var key, value string
	if !d.AllArgs(&key, &value) {
		// Of a variable of the environment that is not set nothing is left.
		return fmt.Errorf("%w (set takes a key and a value: a {$VARIABLE} that is not set leaves none; set it where Caddy runs. What is no secret may be empty, \"\", or have a default, {$VARIABLE:default})", d.ArgErr())
	}
	if err := checkSetKey(key); err != nil {
		return d.WrapErr(err)
	}
	if _, ok := c.Set[key]; ok {
		return d.Errf("set key '%s' given twice", key)
	}
	if c.Set == nil {
		c.Set = make(map[string]string)
	}
	c.Set[key] = value
	return nil
}

func (c *Config) parseWatch(d *caddyfile.Dispenser) error {
	c.Watch = true
	if d.CountRemainingArgs() == 0 {
		return nil
	}
	return parseDuration(d, &c.WatchInterval, checkWatchInterval)
}

func (c *Config) parseDebug(d *caddyfile.Dispenser) error {
	if !d.AllArgs() {
		return d.ArgErr()
	}
	c.Debug = true
	return nil
}
