':' //; # To JavaScript each of these lines is a string and a comment; to sh, a command that does nothing, and one more.
':' //; # A stop ends ExecReload= with SIGTERM, and Node dies of that until it has loaded: this shell doesn't. For its last words (69) it must be the process systemd knows.
':' //; [ "$1" != reload ] || [ -z "$MAINPID" ] || [ -n "$ZERODOWN_FRONT" ] || { trap 'kill $! 2>/dev/null; exit 0' TERM; export ZERODOWN_FRONT=1; "$0" "$@" & wait $!; ZERODOWN_STATUS=$?; [ $ZERODOWN_STATUS = 69 ] || exit $ZERODOWN_STATUS; trap - TERM; ZERODOWN_FRONT=lost; exec "$0" "$@"; }
':' //; # What is meant for the app's Node is kept from ours.
':' //; [ -z "${NODE_OPTIONS+set}" ] || export ZERODOWN_NODE_OPTIONS="$NODE_OPTIONS"
':' //; [ -z "${NODE_EXTRA_CA_CERTS+set}" ] || export ZERODOWN_NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"
':' //; unset NODE_OPTIONS NODE_EXTRA_CA_CERTS
':' //; # What Node changes as it starts, and the app is to find as it was: the signals that are ignored, a limit.
':' //; read -r ZERODOWN_STAT </proc/$$/stat; export ZERODOWN_STAT
':' //; export ZERODOWN_FILE_LIMIT=$(ulimit -Sn)
':' //; # Node 20 warns of --jitless without --no-expose-wasm; 24 knows no such option.
':' //; is_known() { node "$1" --version >/dev/null 2>&1 && echo "$1"; }
':' //; exec node --expose-gc --max-semi-space-size=1 --jitless $(is_known --no-expose-wasm) -- "$0" "$@"
