#!/bin/sh
# Starts redis-server and two Caddys that share it, on the ports 8081 and 8082; Ctrl-C ends all.
set -eu
cd "$(dirname "$0")/../.."
command -v redis-server >/dev/null || { echo "redis-server is not installed" >&2; exit 1; }
dir=$(mktemp -d)
end() { trap - EXIT INT TERM; kill $pids 2>/dev/null || true; wait; rm -rf "$dir"; }
pids=
trap end EXIT
trap 'exit 0' INT TERM
CADDY=${CADDY:-$dir/caddy}
[ -x "$CADDY" ] || go build -o "$CADDY" ./cmd/caddy

redis-server --port 0 --unixsocket "$dir/redis.sock" --dir "$dir" --appendonly yes >"$dir/redis.log" & pids="$pids $!"
while [ ! -S "$dir/redis.sock" ]; do kill -0 $pids && sleep 0.1; done

export STORE="unix://$dir/redis.sock"
PORT=${PORT1:-8081} ADMIN=${ADMIN1:-localhost:2019} "$CADDY" run --config examples/cluster/Caddyfile & pids="$pids $!"
PORT=${PORT2:-8082} ADMIN=${ADMIN2:-localhost:2020} "$CADDY" run --config examples/cluster/Caddyfile & pids="$pids $!"
wait
