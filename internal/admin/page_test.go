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
	fake := fmt.Sprintf("<script>window.fetch = async () => new Response(%q)</script>", answer)
	head, rest, ok := strings.Cut(string(uiPage), "<script>")
	if !ok {
		t.Fatal("the page has no script")
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(head+fake+"<script>"+rest+pageProbe), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{1200, 500} {
		out, err := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
			"--no-first-run", "--disable-background-networking", "--user-data-dir="+t.TempDir(),
			fmt.Sprintf("--window-size=%d,900", width), "--virtual-time-budget=4000", "--dump-dom", "file://"+file).Output()
		if err != nil {
			t.Fatal(err)
		}
		title := regexp.MustCompile(`<title>(.*?)</title>`).FindSubmatch(out)
		if want := fmt.Sprintf("%d px, 4 axes,  labels: fine", width); title == nil || string(title[1]) != want {
			t.Errorf("%d px wide: %s; want %s", width, title, want)
		}
	}
}
