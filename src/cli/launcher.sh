':' //; [ -z "${NODE_OPTIONS+set}" ] || export ZERODOWN_NODE_OPTIONS="$NODE_OPTIONS"; unset NODE_OPTIONS; ZERODOWN_FILE_LIMIT=$(ulimit -Sn) exec node --expose-gc -- "$0" "$@"
