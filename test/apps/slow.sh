#!/bin/bash
# slow.sh START STOP [STATUS]: is ready after START s, and drains for STOP s; with STATUS it exits with that instead.
start=$1 stop=$2
[ -z "${3:-}" ] || exit "$3"
trap 'sleep "$stop"; exit 0' INT
sleep "$start"
systemd-notify --ready
while :; do sleep infinity & wait; done
