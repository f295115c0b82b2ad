# Takes jobs from the FIFO that it is passed, a line each, and does them.
trap 'exit 0' INT
systemd-notify --ready
while read -r job <&3; do
  echo "$$ did $job"
done
