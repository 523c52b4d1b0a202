#!/bin/sh
# Builds the application into DIRECTORY/inspectord, where ejabberd finds it if it has DIRECTORY among its ERL_LIBS:
#
#   sh build.sh [DIRECTORY]      unless given, the directory in which Debian's ejabberd lies
#
# It needs erlc, which ejabberd's own package brings, and ejabberd itself, whose callbacks are checked.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

libraries() {
  IFS=:
  for directory in ${1-} ${ERL_LIBS-} /usr/lib/*; do
    if ls "$directory"/ejabberd-*/ebin/ejabberd_auth.beam >/dev/null 2>&1; then
      echo "$directory"
      return
    fi
  done
  echo "no ejabberd is found: give the directory that holds ejabberd-VERSION/ebin as ERL_LIBS" >&2
  exit 1
}

ejabberd=$(libraries "$@")
into=${1:-$ejabberd}/inspectord
rm -rf "$into/new"
mkdir -p "$into/new"
ERL_LIBS=$ejabberd erlc -Wall -Werror +deterministic -o "$into/new" "$here"/src/*.erl
cp "$here/src/inspectord.app.src" "$into/new/inspectord.app"
rm -rf "$into/ebin"
mv "$into/new" "$into/ebin"
echo "$into/ebin"
