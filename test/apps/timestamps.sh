#!/bin/bash
# Prints when it was executed, when it says it is ready (--ready fd) and when it gets the stop signal, in s since 1970.
echo "executed $EPOCHREALTIME"
trap 'echo "stopped $EPOCHREALTIME"; kill $!; exit 0' INT
sleep infinity &
echo "ready $EPOCHREALTIME"
echo >&"$ZERODOWN_READY_FD"
wait
