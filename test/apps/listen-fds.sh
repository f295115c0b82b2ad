# Says what sockets it got: their number, their names, and how far LISTEN_PID is from its own pid.
echo "${LISTEN_FDS-none} $LISTEN_FDNAMES $((LISTEN_PID - $$))"
