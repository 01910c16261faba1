package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
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
// It looks again and again: when figures come, no clock of the page says.
const pageProbe = `<script>
setInterval(() => {
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
}, 100);
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

// The page links the document of each script of a VM, whatever its name is.
func TestPageDocuments(t *testing.T) {
	needs.Program(t, "chromium")
	live := newLive(start(t, "documents").vm, nil, 0)
	live.Scripts = []string{"/srv/a&b <i>.lua", "/srv/shop.lua"}
	answer, err := json.Marshal(map[string]any{"at": time.Unix(1, 0), "vms": []Live{live}})
	if err != nil {
		t.Fatal(err)
	}
	out := string(showPage(t, writePage(t, fmt.Sprintf("async () => new Response(%q)", answer), ""), 1200))
	for _, want := range []string{
		`<a href="openapi.json?vm=documents&amp;script=%2Fsrv%2Fa%26b+%3Ci%3E.lua">/srv/a&amp;b &lt;i&gt;.lua</a>`,
		`<a href="openapi.json?vm=documents&amp;script=%2Fsrv%2Fshop.lua">/srv/shop.lua</a>`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %s in %s", want, out)
		}
	}
}

// Each script that GET /rover/live names has a document.
func TestLiveScriptsHaveDocuments(t *testing.T) {
	start(t, "live documents")
	ask := func(target string, handle handlerFunc) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		err := handlerOf(map[string]endpoint{http.MethodGet: {handle: handle}})(w, httptest.NewRequest(http.MethodGet, target, nil))
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		return w
	}
	var live struct{ VMs []Live }
	if err := json.Unmarshal(ask("/rover/live", getLive).Body.Bytes(), &live); err != nil {
		t.Fatal(err)
	}
	if len(live.VMs) != 1 || len(live.VMs[0].Scripts) != 1 {
		t.Fatalf("got %+v", live)
	}
	query := url.Values{"vm": {live.VMs[0].VM}, "script": live.VMs[0].Scripts}
	if got := ask("/rover/openapi.json?"+query.Encode(), getOpenAPI).Body.String(); !strings.Contains(got, `"openapi": "3.1.0"`) {
		t.Errorf("got %s", got)
	}
}
