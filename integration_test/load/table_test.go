package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

func TestTableMarkdown(t *testing.T) {
	proxy := &caddy{process: &process{name: "caddy"}, ports: map[string]string{}}
	table := newTable(3, proxy, proxy)
	table.addPeer(&running{name: "nginx 1.0", ports: []string{"1", "", "2", ""}})
	cells := table.cells()
	if len(cells) != 2+2*len(table.collector)+2*len(table.elsewhere) {
		t.Errorf("%d cells: one is missing or there twice", len(cells))
	}
	for i, c := range cells {
		c.cpu = []float64{float64(i + 3), float64(i + 1), float64(i + 2)}
	}
	table.elsewhere[0].base.cpu = []float64{300, 100, 200}
	table.elsewhere[0].ours.cpu = []float64{50, 100, 100}
	got := table.markdown()
	for _, want := range []string{
		"| nginx 1.0 | 2.0 (1.0–3.0) | – | 3.0 (2.0–4.0) | – |\n| Caddy with Rover | ",
		"| an upstream with TLS | 200 (100–300) | 100 (50–100) | 2.00 (1.00–6.00) |\n",
		"| `respond`, without Lua | ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no line %q in\n%s", want, got)
		}
	}
	for block := range strings.SplitSeq(got, "\n\n") {
		rows := strings.Split(strings.TrimSpace(block), "\n")
		for _, row := range rows {
			if strings.HasPrefix(row, "|") && strings.Count(row, "|") != strings.Count(rows[0], "|") {
				t.Errorf("another number of columns than above: %s", row)
			}
		}
	}
}

// What is sent beside GETs of small answers is answered, and a wrong answer is an error.
func TestTableRequests(t *testing.T) {
	up, err := startTableUpstreams(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(up.stop)
	_, port, _ := net.SplitHostPort(up.other)
	direct := &caddy{process: &process{name: "upstream"}, ports: map[string]string{"PROXY": port, "ROVER": port}}
	for _, row := range newTable(1, direct, direct).elsewhere {
		l := row.ours.load
		l.clients, l.duration = 2, time.Millisecond
		if r, err := l.run(t.Context()); err != nil || r.requests < 2 {
			t.Errorf("%s: %d answers, %v", row.name, r.requests, err)
		}
		if l.ask == nil {
			l.body += "!"
			if _, err := l.run(t.Context()); err == nil {
				t.Errorf("%s: a wrong answer is none", row.name)
			}
		}
	}
}

// The peers that are installed answer what is expected, by way of the upstream where they proxy.
func TestTablePeers(t *testing.T) {
	dir := t.TempDir()
	up, err := startTableUpstreams(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(up.stop)
	for i := range peers {
		r, err := peers[i].start(t.Context(), dir, nil, up.plain)
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			t.Logf("%s is not installed", peers[i].program)
			continue
		}
		t.Cleanup(r.stop)
		table := &table{peers: make([]peerRow, 1)}
		table.addPeer(r)
		for i, c := range table.peers[0].cells {
			if c == nil {
				t.Logf("%s: no %d without Lua", r.name, i)
				continue
			}
			c.clients, c.duration = 1, time.Millisecond
			if _, err := c.run(t.Context()); err != nil {
				t.Errorf("%s, %d: %v", r.name, i, err)
			}
		}
	}
}

// A peer that refuses the configuration with Lua serves the one without.
func TestTablePeerWithoutLua(t *testing.T) {
	dir := t.TempDir()
	up, err := startTableUpstreams(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(up.stop)
	for _, p := range peers {
		config := p.config
		p.config = func(modules, upstream string, ports []string, lua bool) string {
			text := config(modules, upstream, ports, lua)
			if lua {
				text = "no_such_option;\n" + text
			}
			return text
		}
		r, err := p.start(t.Context(), dir, nil, up.plain)
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			t.Logf("%s is not installed", p.program)
			continue
		}
		t.Cleanup(r.stop)
		if strings.Contains(r.name, " with ") || r.ports[0] == "" || r.ports[1] != "" || r.ports[2] == "" || r.ports[3] != "" {
			t.Errorf("%s serves %q", r.name, r.ports)
		}
	}
}
