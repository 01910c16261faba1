package luart

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/auth"
	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/cors"
	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/geo"
	"github.com/caddy-rover/rover/luart/giveup"
	"github.com/caddy-rover/rover/luart/handshake"
	"github.com/caddy-rover/rover/luart/health"
	"github.com/caddy-rover/rover/luart/html"
	"github.com/caddy-rover/rover/luart/idempotency"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/keys"
	roverauth "github.com/caddy-rover/rover/luart/lib/auth"
	"github.com/caddy-rover/rover/luart/lib/crypto"
	roverfs "github.com/caddy-rover/rover/luart/lib/fs"
	roverhttp "github.com/caddy-rover/rover/luart/lib/http"
	roverip "github.com/caddy-rover/rover/luart/lib/ip"
	"github.com/caddy-rover/rover/luart/lib/jq"
	roverlimit "github.com/caddy-rover/rover/luart/lib/limit"
	"github.com/caddy-rover/rover/luart/lib/metrics"
	roveroidc "github.com/caddy-rover/rover/luart/lib/oidc"
	"github.com/caddy-rover/rover/luart/lib/re"
	roverredis "github.com/caddy-rover/rover/luart/lib/redis"
	"github.com/caddy-rover/rover/luart/lib/shared"
	roverstore "github.com/caddy-rover/rover/luart/lib/store"
	"github.com/caddy-rover/rover/luart/lib/subscription"
	roverurl "github.com/caddy-rover/rover/luart/lib/url"
	"github.com/caddy-rover/rover/luart/limit"
	"github.com/caddy-rover/rover/luart/loglimit"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/memory"
	"github.com/caddy-rover/rover/luart/mirror"
	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/oidc"
	"github.com/caddy-rover/rover/luart/openapi"
	"github.com/caddy-rover/rover/luart/password"
	"github.com/caddy-rover/rover/luart/pattern"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/resilience"
	"github.com/caddy-rover/rover/luart/schema"
	"github.com/caddy-rover/rover/luart/scripterror"
	"github.com/caddy-rover/rover/luart/sealed"
	"github.com/caddy-rover/rover/luart/session"
	"github.com/caddy-rover/rover/luart/stdlib"
	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/trace"
	"github.com/caddy-rover/rover/luart/urltext"
)

// Every Lua block of the README and of docs is a script that loads, and answers as the
// comments at its end say.
func TestReadme(t *testing.T) {
	pages, _ := filepath.Glob("../docs/*.md")
	if len(pages) == 0 {
		t.Fatal("no pages in docs")
	}
	folders, _ := filepath.Glob("../docs/*/*.md")
	for _, page := range folders {
		if filepath.Dir(page) != "../docs/reference" { // see TestReferenceExamples
			pages = append(pages, page)
		}
	}
	up := httptest.NewServer(http.HandlerFunc(answerReadme))
	defer up.Close()
	for _, page := range append(pages, "../README.md") {
		t.Run(strings.TrimPrefix(page, "../"), func(t *testing.T) { runBlocks(t, page, up.URL) })
	}
}

// The fixed limits in docs/limits.md are those of the code.
func TestLimitsPage(t *testing.T) {
	text, err := os.ReadFile("../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| ") {
			rows = append(rows, strings.ReplaceAll(line, ",", ""))
		}
	}
	mib := func(bytes int) string { return fmt.Sprintf("%d MiB", bytes>>20) }
	kib := func(bytes int) string { return fmt.Sprintf("%d KiB", bytes>>10) }
	count := func(n int) string { return strconv.Itoa(n) }
	for _, want := range []struct {
		row     string
		numbers []string
	}{
		{"growth of the heap", []string{mib(memory.DefaultGrowth)}},
		{"parameters of a query", []string{count(urltext.MaxPairs)}},
		{"values of a query that `rover.url`", []string{count(roverurl.MaxPairs)}},
		{"faults that the answer of", []string{count(schema.MaxFaults)}},
		{"times that a script passes one request on", []string{count(maxHandovers)}},
		{"filters of one response", []string{count(maxFilters)}},
		{"bytes that a match of `res:replace`", []string{kib(bodyfilter.DefaultWindow), mib(maxReplaceWindow)}},
		{"layers of `Content-Encoding`", []string{count(bodyfilter.MaxCodings)}},
		{"headers in one table", []string{count(luaval.MaxHeaders)}},
		{"background tasks that run or wait", []string{count(maxTasks)}},
		{"armed timers", []string{count(maxTimers)}},
		{"`rover.sleep`", []string{fmt.Sprintf("%.0f hours", maxSleep.Hours()), "1 ms"}},
		{"calls of a [producer]", []string{count(freeQuiet), count(int(time.Second / quietGap)), count(int(time.Second / idleGap))}},
		{"background tasks of a replaced script", []string{fmt.Sprintf("%.0f s", retireGrace.Seconds())}},
		{"functions of one `rover.parallel`", []string{count(maxParallel)}},
		{"response of `rover.http`", []string{mib(roverhttp.DefaultBodyLimit), fmt.Sprintf("%d GiB", roverhttp.LargestBodyLimit>>30)}},
		{"attempts of `rover.http`", []string{count(resilience.MaxAttempts)}},
		{"hosts whose [breakers", []string{count(resilience.MaxTargets)}},
		{"line of a stream", []string{mib(roverhttp.DefaultLineBytes), mib(luaval.MaxStringBytes)}},
		{"answer of [`rover.redis`]", []string{mib(roverredis.MaxReply)}},
		{"servers of `rover.redis`", []string{count(roverredis.MaxServers)}},
		{"arguments of a call of `rover.redis`", []string{mib(roverredis.MaxArgs), count(roverredis.MaxCommands)}},
		{"calls of `rover.redis` that wait", []string{count(roverredis.MaxOwn)}},
		{"channels of one `subscribe`", []string{count(roverredis.MaxChannels)}},
		{"keys of a store in the VM", []string{count(store.DefaultItems), mib(store.DefaultBytes)}},
		{"one value or message of a store", []string{mib(store.MaxValue)}},
		{"a key of a store", []string{fmt.Sprintf("%d bytes", roverstore.MaxKey), count(roverstore.MaxList)}},
		{"messages that a subscription keeps", []string{count(subscription.MaxMessages), mib(subscription.MaxMessageBytes)}},
		{"a session ", []string{kib(session.MaxBytes)}},
		{"a sealed session", []string{count(sealed.MaxKeys)}},
		{"a [token](auth.md)", []string{kib(auth.MaxToken), count(auth.MaxKeys)}},
		{"what a session keeps of a [login]", []string{kib(oidc.MaxLogin), kib(oidc.MaxAnswer)}},
		{"providers of logins", []string{
			count(roveroidc.MaxProviders), count(roveroidc.MaxLogins), count(roveroidc.MaxExchanges), count(roveroidc.MaxRefreshes),
		}},
		{"logins that a browser has begun", []string{count(oidc.MaxAttempts), fmt.Sprintf("%.0f minutes", oidc.AttemptLife.Minutes())}},
		{"addresses of `rover.auth.jwks`", []string{count(roverauth.MaxURLs), kib(auth.MaxJWKS), count(auth.MaxKeys)}},
		{"answers that [`api.idempotent`]", []string{
			count(store.DefaultItems), mib(store.DefaultBytes), mib(idempotency.MaxAnswer), fmt.Sprintf("%d bytes", maxIdempotencyKey),
		}},
		{"keys of all [limits]", []string{count(store.DefaultRates)}},
		{"dependencies of [`readiness`]", []string{count(health.MaxDependencies), count(health.MaxName), count(health.MaxReason)}},
		{"what [`doc`]", []string{count(openapi.MaxSummary), kib(openapi.MaxDescription), count(openapi.MaxTags), count(openapi.MaxResponses)}},
		{"a `management_token`", []string{count(openapi.MinToken)}},
		{"the path of a probe", []string{count(health.MaxPath)}},
		{"rules of places in a script", []string{count(maxRules), count(roverlimit.MaxLimits)}},
		{"a file that [`rover.fs`]", []string{mib(roverfs.DefaultRead), mib(roverfs.MaxRead), fmt.Sprintf("%d GiB", files.MaxFile>>30)}},
		{"a file that [`rover.config.load`]", []string{mib(maxConfigBytes), count(environ.MaxVariables), count(environ.MaxDepth)}},
		{"entries of a folder that `rover.fs.list`", []string{count(files.MaxEntries), count(files.MaxPath)}},
		{"calls of `rover.fs` under way", []string{count(files.MaxAtOnce), fmt.Sprintf("%.0f s", giveup.Patience.Seconds())}},
		{"ranges of one request for a [file]", []string{"16"}},
		{"origins of a rule of [`cors`]", []string{count(cors.MaxOrigins), count(cors.MaxNames), count(cors.MaxName)}},
		{"limits of [`rate_limit.scoped`]", []string{count(maxScoped)}},
		{"requests that [`concurrency`]", []string{count(maxPlaces)}},
		{"requests that wait for it", []string{count(defaultPlaceQueue), count(limit.MaxWaiting)}},
		{"metrics of the scripts of a VM", []string{count(metrics.MaxMetrics), count(metrics.MaxLabels), count(metrics.MaxBuckets)}},
		{"combinations of label values", []string{count(metrics.MaxSeries)}},
		{"a value of a label", []string{fmt.Sprintf("%d bytes", metrics.MaxLabelBytes)}},
		{"what one [`eval`]", []string{kib(maxEvalBytes), count(maxPrinted)}},
		{"script errors that `GET /rover/errors`", []string{count(scripterror.MaxRecent)}},
		{"redirects of `rover.http`", []string{count(roverhttp.DefaultRedirects), count(roverhttp.MaxRedirects)}},
		{"clients with different TLS options", []string{count(roverhttp.MaxTLSSettings)}},
		{"upstreams of one `api.proxy`", []string{count(proxy.MaxUpstreams)}},
		{"text of a program of [`rover.jq`]", []string{kib(jq.MaxProgram), count(jq.MaxResults), count(jq.MaxDigits)}},
		{"files of [`geo`]", []string{count(geo.MaxFiles), mib(geo.MaxFileBytes)}},
		{"levels of what `rover.geo`", []string{count(geo.MaxDepth)}},
		{"networks of one [`rover.ip.set`]", []string{count(roverip.MaxNetworks)}},
		{"names of [TLS handshakes]", []string{count(handshake.MaxAsked), fmt.Sprintf("%.0f s", handshake.Patience.Seconds())}},
		{"answers for names of TLS", []string{count(handshake.MaxGood), count(handshake.MaxBad), fmt.Sprintf("%.0f hours", handshake.MaxFor.Hours())}},
		{"certificate and key", []string{kib(handshake.MaxPEM)}},
		{"copies of requests", []string{count(mirror.MaxCopies), mib(mirror.MaxBytes)}},
		{"items of a cache", []string{count(shared.DefaultCacheItems), count(shared.MaxCacheItems)}},
		{"bytes of a cache", []string{mib(shared.DefaultCacheBytes)}},
		{"one value in a cache", []string{mib(luaval.MaxDataBytes), count(luaval.MaxDataValues) + " values", count(luaval.MaxDataDepth) + " levels"}},
		{"a channel", []string{count(shared.MaxChannelItems), mib(shared.MaxChannelBytes)}},
		{"caches open channels", []string{count(shared.MaxNames)}},
		{"places of a semaphore", []string{count(shared.MaxPlaces)}},
		{"nested calls", []string{count(stdlib.MaxCalls)}},
		{"coroutines inside", []string{count(stdlib.MaxNestedCoroutines)}},
		{"a string made by", []string{mib(luaval.MaxStringBytes)}},
		{"values that `unpack`", []string{count(stdlib.MaxResults)}},
		{"Lua patterns", []string{kib(pattern.MaxBytes), count(pattern.MaxCaptures)}},
		{"regular expressions", []string{kib(re.MaxBytes), count(re.MaxGroups) + " groups", count(re.MaxSteps)}},
		{"JSON", []string{count(jsonlua.MaxDepth) + " levels", mib(jsonlua.MaxBytes)}},
		{"a template", []string{mib(html.MaxBytes), count(html.MaxTags) + " tags", kib(html.MaxCodeBytes)}},
		{"source given to `load`", []string{kib(stdlib.MaxChunkBytes), count(chunk.MaxSyntaxLevels) + " levels"}},
		{"a module", []string{mib(module.MaxBytes)}},
		{"bytes of `rover.crypto.random`", []string{kib(crypto.MaxRandomBytes)}},
		{"a text that `rover.crypto.seal`", []string{kib(crypto.MaxSealed), count(sealed.MaxKeys), kib(keys.MaxPEM)}},
		{"a [password]", []string{kib(password.MaxBytes), fmt.Sprintf("%d bytes", password.MaxBcryptBytes)}},
		{"hashes of passwords", []string{count(password.MaxWaiting)}},
		{"what a stored hash costs", []string{
			mib(password.MaxMemory << 10), count(password.MaxPasses), count(password.MaxLanes), mib(password.MaxWork << 10),
			"cost " + count(password.MaxCost),
		}},
		{"message of an uncaught error", []string{kib(scripterror.MaxMessageBytes), kib(scripterror.MaxTracebackBytes)}},
		{"one entry of the log", []string{kib(loglimit.MaxBytes), count(loglimit.MaxFields) + " fields"}},
		{"a line of `io.write`", []string{kib(stdlib.MaxLineBytes)}},
		{"the trace of a request", []string{count(trace.MaxSteps) + " steps", fmt.Sprintf("%d bytes", trace.MaxStepBytes)}},
		{"source that is kept for errors", []string{mib(chunk.MaxSourceBytes), kib(chunk.MaxHintBytes)}},
		{"a handler or hook that was ended", []string{fmt.Sprintf("%.0fs", quarantineFor.Seconds())}},
	} {
		i := slices.IndexFunc(rows, func(row string) bool { return strings.HasPrefix(row, "| "+want.row) })
		if i < 0 {
			t.Errorf("no row begins with %q", want.row)
			continue
		}
		for _, number := range want.numbers {
			if !regexp.MustCompile(`(^|[^0-9])` + number + `($|[^0-9])`).MatchString(rows[i]) {
				t.Errorf("%q is not in the row %s", number, rows[i])
			}
		}
	}
}

// answerReadme is the service that the scripts of the README and of docs call.
func answerReadme(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/export" {
		_, _ = io.WriteString(w, "1\n2\n3\n")
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(struct {
		Method string `json:"method"`
		URI    string `json:"uri"`
		Body   string `json:"body"`
	}{r.Method, r.RequestURI, string(body)})
}
