':' //; # To JavaScript each of these lines is a string and a comment; to sh, a command that does nothing, and one more.
':' //; # A stop ends ExecReload= with SIGTERM, and Node dies of that until it has loaded: this shell doesn't. For its last words (69) it must be the process systemd knows.
':' //; front() { "$@" & wait $!; ZERODOWN_STATUS=$?; }
':' //; # There a small program asks in place of Node (see src/reload-client): that which lies beside this command, for the machine whose loader is here. With options, and on a terminal, it is for Node.
':' //; ask() {
':' //;   [ $# = 1 ] && [ ! -t 2 ] || return
':' //;   ZERODOWN_ARCH=; [ ! -e /lib64/ld-linux-x86-64.so.2 ] || ZERODOWN_ARCH=x64; [ ! -e /lib/ld-linux-aarch64.so.1 ] || ZERODOWN_ARCH=${ZERODOWN_ARCH}arm64
':' //;   for ZERODOWN_DIST in "${0%/*}" "${0%/*}/../lib/zerodown/dist" "${0%/*}/../lib/node_modules/zerodown/dist"; do
':' //;     [ "$0" -ef "$ZERODOWN_DIST/zerodown.cjs" ] && [ -x "$ZERODOWN_DIST/zerodown-reload-$ZERODOWN_ARCH" ] && [ -s "$ZERODOWN_DIST/zerodown-reload-$ZERODOWN_ARCH" ] || continue
':' //;     front "$ZERODOWN_DIST/zerodown-reload-$ZERODOWN_ARCH"; return
':' //;   done
':' //; }
':' //; [ "$1" != reload ] || [ -z "$MAINPID" ] || [ -n "$ZERODOWN_FRONT" ] || {
':' //;   trap 'kill -9 $! 2>/dev/null; exit 0' TERM # Another signal is lost while what is started is still a fork of this shell.
':' //;   export ZERODOWN_FRONT=1
':' //;   ZERODOWN_STATUS=127; ask "$@" # It ends with 127 when it leaves the rest to Node, and so does a shell that can't start it.
':' //;   case $ZERODOWN_STATUS in 126|127) front "$0" "$@";; esac
':' //;   [ $ZERODOWN_STATUS = 69 ] || exit $ZERODOWN_STATUS; trap - TERM; ZERODOWN_FRONT=lost; exec "$0" "$@"
':' //; }
':' //; # Node changes ignored signals and a limit as it starts, so they are noted here for the app. So is the
':' //; # environment: sh drops some variables and sets others, and our Node must not heed those meant for the app's.
':' //; read -r ZERODOWN_STAT 2>/dev/null </proc/$$/stat; export ZERODOWN_STAT
':' //; # The copy is cut into pieces that execve(2) takes. Without /proc it is what the shell has.
':' //; copy() { base64 -w98304 /proc/$$/environ 2>/dev/null || env -0 2>/dev/null | base64 -w98304 2>/dev/null; }
':' //; keep() {
':' //;   export ZERODOWN_FILE_LIMIT="$1" ZERODOWN_ENVIRONMENT=0; shift
':' //;   while [ "$1" != - ]; do
':' //;     ZERODOWN_ENVIRONMENT=$((ZERODOWN_ENVIRONMENT + 1)); export "ZERODOWN_ENVIRONMENT_$ZERODOWN_ENVIRONMENT=$1"; shift
':' //;   done
':' //;   [ "$ZERODOWN_ENVIRONMENT" != 0 ] || return # A variable without a copy must stay.
':' //;   for ZERODOWN_WORD do
':' //;     ZERODOWN_WORD=${ZERODOWN_WORD%%=*}
':' //;     case $ZERODOWN_WORD in *[!A-Za-z0-9_]*) ;; NODE_*|OPENSSL_*|UV_*) unset "$ZERODOWN_WORD";; esac
':' //;   done
':' //; }
':' //; set -f; keep $(ulimit -Sn; copy; echo -; export -p)
':' //; # The package zerodown-standalone has a Node of its own, and /usr/bin/zerodown is a link into it.
':' //; start() { if [ "$0" -ef /usr/lib/zerodown/dist/zerodown.cjs ] && [ -x /usr/lib/zerodown/node ]; then exec /usr/lib/zerodown/node "$@"; fi; start_near "$@"; }
':' //; # npm puts the command beside the Node that it is for: that of nvm, asdf or volta isn't in systemd's $PATH.
':' //; start_near() { if [ -f "${0%/*}/node" ] && [ -x "${0%/*}/node" ]; then exec "${0%/*}/node" "$@"; fi; command -v node >/dev/null || start_far "$@"; exec node "$@"; }
':' //; # Nor beside the command, which is a link from elsewhere.
':' //; start_far() { exec "$(readlink -f -- "$0" | sed 's|/lib/node_modules/.*|/bin/node|; t; s|.*|node|')" "$@"; }
':' //; # Node 20 warns of --jitless without --no-expose-wasm; 24 knows no such option.
':' //; is_known() { (start "$1" --version) >/dev/null 2>&1 && echo "$1"; }
':' //; start --expose-gc --max-semi-space-size=1 --single-threaded --v8-pool-size=1 --jitless $(is_known --no-expose-wasm) -- "$0" "$@"
