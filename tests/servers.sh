# Shell functions of `tests/run` and `tests/load/run`, to be sourced: words, packages, private servers.
#
# `start_servers fast` keeps nothing through a crash and suits tests; `start_servers durable` writes as a service in
# production does and suits figures. Both live in a temporary folder and end with the script that sourced this file.

say() { printf '\n== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
step() { # NAME COMMAND..
    local name=$1 at=$SECONDS status=0
    shift
    say "$name"
    "$@" || status=$?
    note "$name: $((SECONDS - at)) s"
    return "$status"
}
has() { command -v "$1" >/dev/null 2>&1; }
newest_pg() { find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1; }

# Installs Debian packages, saying so; a machine without apt-get or root gets a sentence instead.
install_packages() { # PACKAGE..
    if [ $# -eq 0 ]; then
        note "nothing is missing"
        return
    fi
    note "installing Debian packages: $*"
    if ! has apt-get || { [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; }; then
        note "please install them: neither root nor sudo is at hand, or this is no Debian"
        exit 1
    fi
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    # A Debian package starts its own servers; ours are private copies and need none of them.
}

# ---- private servers, on sockets in a folder of their own
servers=""
pg_pid=""
redis_pid=""
stop_servers() {
    local status=$?
    trap - EXIT INT TERM
    if [ -n "$pg_pid" ]; then kill -QUIT "$pg_pid" 2>/dev/null || true; fi
    if [ -n "$redis_pid" ]; then kill -TERM "$redis_pid" 2>/dev/null || true; fi
    for pid in $pg_pid $redis_pid; do
        for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$pid" 2>/dev/null || true
    done
    if [ -n "$servers" ]; then rm -rf "$servers"; fi
    exit "$status"
}
trap stop_servers EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# PostgreSQL refuses to run as root.
as_pg() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$servers/pg" "$@"
    else
        "$@"
    fi
}
start_postgres() {
    local initdb bin
    initdb=$(newest_pg)
    bin=$(dirname "${initdb:-$(command -v initdb)}")
    mkdir "$servers/pg"
    if [ "$(id -u)" = 0 ]; then chown postgres:postgres "$servers/pg"; fi
    cd "$servers/pg"
    as_pg "$bin/initdb" --no-sync -A trust -U postgres -E UTF8 --locale=C.UTF-8 -D "$servers/pg/data" >"$servers/initdb.log"
    as_pg "$bin/pg_ctl" start -w -s -D "$servers/pg/data" -l "$servers/pg/log" -o "-c listen_addresses='' \
        -c unix_socket_directories=$servers/pg -c cluster_name=mashang-test -c max_connections=200 \
        -c max_locks_per_transaction=512 -c autovacuum_naptime=10s $pg_options"
    pg_pid=$(head -n 1 "$servers/pg/data/postmaster.pid")
    cd "$root"
    pg_url=postgres://postgres@${servers//\//%2F}%2Fpg/postgres
    note "PostgreSQL: $("$bin/postgres" --version | awk '{print $3}'), pid $pg_pid"
}
start_redis() {
    redis-server --port 0 --unixsocket "$servers/redis.sock" --dir "$servers" --save '' \
        --appendonly "$redis_appendonly" --appendfsync everysec --maxmemory-policy noeviction --daemonize no --logfile "$servers/redis.log" &
    redis_pid=$!
    for _ in $(seq 100); do [ -S "$servers/redis.sock" ] && break; sleep 0.05; done
    [ -S "$servers/redis.sock" ] || { note "redis-server did not start"; cat "$servers/redis.log"; exit 1; }
    redis_url=redis+unix://$servers/redis.sock
    note "Redis: $(redis-server --version | awk '{print $3}'), pid $redis_pid"
}
start_servers() { # fast | durable; sets pg_url, redis_url, pg_pid, redis_pid
    case $1 in
    fast) pg_options="-c fsync=off -c shared_buffers=256MB" redis_appendonly=no ;;
    durable) pg_options="-c shared_preload_libraries=pg_stat_statements -c shared_buffers=1GB -c max_wal_size=4GB" redis_appendonly=yes ;;
    esac
    servers=$(mktemp -d /tmp/mashang-XXXXXX)
    chmod 755 "$servers"
    start_postgres
    start_redis
}
