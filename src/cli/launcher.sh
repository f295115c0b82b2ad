':' //; # To JavaScript each of these lines is a string and a comment; to sh, a command that does nothing, and one more.
':' //; # What is meant for the app's Node is kept from ours.
':' //; [ -z "${NODE_OPTIONS+set}" ] || export ZERODOWN_NODE_OPTIONS="$NODE_OPTIONS"
':' //; [ -z "${NODE_EXTRA_CA_CERTS+set}" ] || export ZERODOWN_NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"
':' //; unset NODE_OPTIONS NODE_EXTRA_CA_CERTS
':' //; # What Node changes as it starts, and the app is to find as it was: the signals that are ignored, a limit.
':' //; read -r ZERODOWN_STAT </proc/$$/stat; export ZERODOWN_STAT
':' //; export ZERODOWN_FILE_LIMIT=$(ulimit -Sn)
':' //; # npm puts the command beside the Node that it is for: that of nvm, asdf or volta isn't in systemd's $PATH.
':' //; start() { if [ -f "${0%/*}/node" ] && [ -x "${0%/*}/node" ]; then exec "${0%/*}/node" "$@"; fi; command -v node >/dev/null || start_far "$@"; exec node "$@"; }
':' //; # Nor beside the command, which is a link from elsewhere.
':' //; start_far() { exec "$(readlink -f -- "$0" | sed 's|/lib/node_modules/.*|/bin/node|; t; s|.*|node|')" "$@"; }
':' //; # Node 20 warns of --jitless without --no-expose-wasm; 24 knows no such option.
':' //; is_known() { (start "$1" --version) >/dev/null 2>&1 && echo "$1"; }
':' //; start --expose-gc --max-semi-space-size=1 --jitless $(is_known --no-expose-wasm) -- "$0" "$@"
