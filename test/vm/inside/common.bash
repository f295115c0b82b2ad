# What the scenarios have in common. Each is run by bash -euo pipefail, after this.

APPS=$PWD/inside/apps

ok() {
  echo "ok $*"
}

# failed WHAT SEEN: the scenario ends, with what was seen and with the end of the journal.
failed() {
  printf 'not ok %s. This was seen:\n%s\n' "$1" "$2"
  echo 'The journal ends with:'
  journalctl --boot --no-pager --lines=40 --output=short-monotonic --no-hostname
  exit 1
}

# expect TEXT PATTERN COMMAND…: COMMAND succeeds, and what it prints matches the extended regular expression.
expect() {
  local text=$1 pattern=$2 status=0 output
  shift 2
  output=$("$@" 2>&1) || status=$?
  [ $status = 0 ] && grep --extended-regexp --quiet -- "$pattern" <<<"$output" ||
    failed "$text: $* (status $status, expected: $pattern)" "$output"
  ok "$text"
}

# refused TEXT STATUS PATTERN COMMAND…: COMMAND fails with STATUS, and what it prints matches.
refused() {
  local text=$1 wanted=$2 pattern=$3 status=0 output
  shift 3
  output=$("$@" 2>&1) || status=$?
  [ $status = "$wanted" ] && grep --extended-regexp --quiet -- "$pattern" <<<"$output" ||
    failed "$text: $* (status $status, expected: $wanted and $pattern)" "$output"
  ok "$text"
}

# soon TEXT PATTERN COMMAND…: COMMAND prints what matches, at the latest after five minutes, for the machine is emulated.
soon() {
  local text=$1 pattern=$2 output end=$((SECONDS + 300))
  shift 2
  until output=$("$@" 2>&1); grep --extended-regexp --quiet -- "$pattern" <<<"$output"; do
    [ $SECONDS -lt $end ] || failed "$text: $* (expected within 300 s: $pattern)" "$output"
    sleep 0.3
  done
  ok "$text"
}

skipped() {
  echo "skipped $*"
}

# ask PORT|SOCKET [PATH]: what the app answers.
ask() {
  case $1 in
    /*) curl --silent --show-error --max-time 300 --unix-socket "$1" "http://app/${2:-}" ;;
    *) curl --silent --show-error --max-time 300 "http://localhost:$1/${2:-}" ;;
  esac
}

property() {
  systemctl show --property="$2" --value "$1"
}

# The lines of a unit's log in this boot, or since $SINCE. What was written is in the journal after --sync.
log() {
  journalctl --sync
  journalctl --unit "$1" --boot --since "${SINCE:-@0}" --quiet --output cat --no-pager
}

# write_units TEXT: writes the units that `zerodown unit` printed to where the comment above each says.
write_units() {
  awk '/^# \// { file = $2 } { print >file }' <<<"$1"
  systemctl daemon-reload
}

# as_alice COMMAND…: as an ordinary user who has logged in.
as_alice() {
  runuser --user alice -- env --chdir=/home/alice HOME=/home/alice XDG_RUNTIME_DIR="/run/user/$(id --user alice)" "$@"
}

# readme_block LANGUAGE TEXT: README's block of code in that language with TEXT in it.
readme_block() {
  awk -v fence="\`\`\`$1" -v text="$2" '
    $0 == fence { inside = 1; block = ""; next }
    inside && /^```$/ { if (index(block, text)) { printf "%s", block; found = 1; exit } inside = 0 }
    inside { block = block $0 "\n" }
    END { exit !found }' README.md || failed "README has a block in $1 with $2" "it has none"
}

# Of the package that is tried: npm, deb or standalone.

# is_installable: whether this Debian has what the package depends on. (Debian 12 has Node 18.)
is_installable() {
  [ "$PACKAGE" != deb ] || dpkg --status nodejs >/dev/null 2>&1
}

package_file() {
  case $PACKAGE in
    npm) echo "$PWD/$1/zerodown.tgz" ;;
    deb) echo "$PWD/$1/zerodown.deb" ;;
    standalone) echo "$PWD/$1/zerodown-standalone.deb" ;;
  esac
}

# install_package packages|next: by README's line for this kind of package. There is no network, so that all must come from the
# file, and from what is installed.
install_package() {
  local file line
  file=$(package_file "$1")
  case $PACKAGE in
    npm) line=$(readme_line 'npm install --global zerodown') line=${line/ zerodown/ $file} ;;
    deb) line=$(readme_line "apt install ./zerodown_$VERSION") line=${line/ .\/*.deb/ $file} ;;
    standalone) line=$(readme_line "apt install ./zerodown-standalone_$VERSION") line=${line/ .\/*.deb/ $file} ;;
  esac
  # A tarball that isn't prepared has a dependency that npm asks the network for, and again after 10 and 60 s.
  DEBIAN_FRONTEND=noninteractive npm_config_loglevel=http npm_config_fetch_retries=${IS_PREPARED:-0} bash -c "$line"
}

# readme_line TEXT: the command of README that begins so, without its comment.
readme_line() {
  readme_block sh "$1" | sed -n "s|^\($1[^ ]*\).*|\1|p" | grep .
}

remove_package() {
  case $PACKAGE in
    npm) npm uninstall --global zerodown ;;
    deb) DEBIAN_FRONTEND=noninteractive apt-get purge --yes zerodown ;;
    standalone) DEBIAN_FRONTEND=noninteractive apt-get purge --yes zerodown-standalone ;;
  esac
}

# So that each scenario can be run alone.
need_zerodown() {
  command -v zerodown >/dev/null || expect "the package is installed" '' install_package packages
}

# Where npm's package has units/. (npm itself would take seconds to say where it puts packages.)
package_units() {
  echo "$(dirname "$(dirname "$(realpath "$(command -v zerodown)")")")/units"
}

# install_templates: units/ where the comment in zerodown@.service says, unless the package has brought them.
install_templates() {
  local units
  [ ! -e /usr/lib/systemd/system/zerodown@.service ] || return 0
  units=$(package_units)
  cp "$units"/zerodown@.{service,socket} /etc/systemd/system/
  mkdir -p /etc/systemd/system/zerodown@.service.d /etc/zerodown
  cp "$units/system.conf" /etc/systemd/system/zerodown@.service.d/
  systemctl daemon-reload
}

# app_in DIRECTORY: an app that runs where the package does. $APP_FILE is its file, and $APP its command.
app_in() {
  case $PACKAGE in
    standalone) APP_FILE=$1/hello.py APP="/usr/bin/python3 $1/hello.py" ;;
    *) APP_FILE=$1/app.mjs APP="$(command -v node) $1/app.mjs" ;;
  esac
  mkdir -p "$1"
}

# deploy GREETING: the app's next version, in the place of the last.
deploy() {
  sed "s/^\(const \)\?GREETING = .*/\1GREETING = \"$1\"/" "$APPS/${APP_FILE##*/}" >"$APP_FILE"
}

deploy_broken() {
  echo 'syntax error' >"$APP_FILE"
}

# Load on a port, from here to end_load, which prints how many requests were answered and how many lost.
begin_load() {
  python3 "$APPS/load.py" "$1" >load.log 2>&1 &
  LOAD=$!
  until grep --quiet '^first answer' load.log; do sleep 0.2; done
}

# It may run in a subshell, which can't wait for the process: its last line says that it is done.
end_load() {
  kill -TERM "$LOAD"
  until grep ' answered, ' load.log; do sleep 0.2; done
}
