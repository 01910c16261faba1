package admin

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/internal/needs"
)

// pageProbe says in the page's title which labels of charts overlap, are cut, or leave the window.
const pageProbe = `<script>
setTimeout(() => {
	const wrong = [], axes = [...document.querySelectorAll(".axis")];
	const box = span => { const r = document.createRange(); r.selectNodeContents(span); return r.getBoundingClientRect(); };
	let labels = 0;
	for (const axis of axes) {
		let right = -Infinity, before = "the edge";
		for (const span of axis.children) {
			if (!span.textContent.trim()) continue;
			labels++;
			const b = box(span);
			if (b.left < right + 2) wrong.push(span.textContent + " touches " + before);
			if (b.left < 0 || b.right > innerWidth) wrong.push(span.textContent + " leaves the window");
			if (getComputedStyle(span).overflow !== "visible" && b.width > span.clientWidth) wrong.push(span.textContent + " is cut");
			right = b.right, before = span.textContent;
		}
	}
	document.title = innerWidth + " px, " + axes.length + " axes, " + (labels >= 9 ? "" : "only " + labels) + " labels: " + (wrong.join(", ") || "fine");
}, 1000);
</script>`

// The labels below the charts can be read, however wide the window is.
func TestPageLabels(t *testing.T) {
	needs.Program(t, "chromium")
	live := newLive(start(t, "labels").vm, nil, 0)
	for i := range live.QueueWait.Counts {
		live.QueueWait.Counts[i] = uint64(i)
	}
	answer, err := json.Marshal(map[string]any{"at": time.Unix(1, 0), "vms": []Live{live}})
	if err != nil {
		t.Fatal(err)
	}
	file := writePage(t, fmt.Sprintf("async () => new Response(%q)", answer), pageProbe)
	for _, width := range []int{1200, 500} {
		out := showPage(t, file, width)
		title := regexp.MustCompile(`<title>(.*?)</title>`).FindSubmatch(out)
		if want := fmt.Sprintf("%d px, 4 axes,  labels: fine", width); title == nil || string(title[1]) != want {
			t.Errorf("%d px wide: %s; want %s", width, title, want)
		}
	}
}

// writePage writes the page with a function of JavaScript in the place of fetch, and more behind it.
func writePage(t *testing.T, fetch, more string) (file string) {
	t.Helper()
	head, rest, ok := strings.Cut(string(uiPage), "<script>")
	if !ok {
		t.Fatal("the page has no script")
	}
	file = filepath.Join(t.TempDir(), "page.html")
	page := head + "<script>window.fetch = " + fetch + "</script><script>" + rest + more
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// showPage returns what becomes of the page in a window.
func showPage(t *testing.T, file string, width int) []byte {
	t.Helper()
	out, err := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--user-data-dir="+t.TempDir(),
		fmt.Sprintf("--window-size=%d,900", width), "--virtual-time-budget=4000", "--dump-dom", "file://"+file).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Charts say their highest value as tiles do, also where next to nothing happens, or nothing.
func TestPageFigures(t *testing.T) {
	needs.Program(t, "chromium")
	live := newLive(start(t, "figures").vm, nil, 0)
	live.BusySeconds = 0
	answer, err := json.Marshal(map[string]any{"at": time.Unix(1, 0), "vms": []Live{live}})
	if err != nil {
		t.Fatal(err)
	}
	// Each answer is a second later than the one before, in which the VM was in use for a while.
	fetch := func(busy float64) string {
		return fmt.Sprintf(`(() => {
	const answer = JSON.parse(%q);
	let n = 0;
	return async () => {
		n++;
		answer.at = new Date(1000 * n).toISOString();
		answer.vms[0].busy_seconds = %g * n;
		return new Response(JSON.stringify(answer));
	};
})()`, answer, busy)
	}
	for _, tt := range []struct {
		busy float64
		want string // in the tile and below the chart
	}{
		{0, "0 %"},
		{2.8e-6, "&lt; 0.01 %"},
		{.0123, "1.2 %"},
		{.5, "50 %"},
	} {
		out := string(showPage(t, writePage(t, fetch(tt.busy), ""), 1200))
		if !strings.Contains(out, `<b class="">`+tt.want+"</b><span>of the VM in use</span>") {
			t.Errorf("in use for %g s of a second: no tile says %s: %s", tt.busy, tt.want, out)
		}
		var highest []string
		for _, m := range regexp.MustCompile(`the last \d+ s, highest ([^<]*)<`).FindAllStringSubmatch(out, -1) {
			highest = append(highest, m[1])
		}
		if got := strings.Join(highest, ", "); got != "0, "+tt.want {
			t.Errorf("in use for %g s of a second: the charts say %s", tt.busy, got)
		}
	}
}
