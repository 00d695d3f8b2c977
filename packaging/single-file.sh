#!/bin/sh
# DuneBugger Updater @VERSION@ for @ARCHITECTURE@, in one file: to try it (demo, doctor), and to install it.
#
# Behind these lines lies an archive with the folder from which it runs.  The first call unpacks it, once, into the
# caller's cache; from then on it starts as fast as an installed one.  /tmp is not used, and may be mounted noexec.
set -u
stem=@STEM@ digest=@DIGEST@ machine=@MACHINE@
program=root/usr/lib/dunebugger-updater/factory/dunebugger-updater

no() {
    echo "dunebugger-updater: $1" >&2
    exit "${2:-1}"
}
unpack() { tail -n +@LINES@ "$0" | tar -xzf - --no-same-owner -C "$1" 2>/dev/null; }
# shellcheck disable=SC3067  # -O is not POSIX, and dash, bash and busybox have it
ours() { [ -d "$1" ] && [ ! -L "$1" ] && [ -O "$1" ]; }

case $machine in
armv7l) ;; # a 64-bit kernel runs it as well
*) [ "$(uname -m)" = "$machine" ] ||
    no "cannot run: this file is for @ARCHITECTURE@ ($machine), and this machine is $(uname -m): take the file for it" 2 ;;
esac

if [ "${1-}" = install ] || [ "${1-}" = uninstall ]; then
    for place in "${TMPDIR:-/tmp}" /var/tmp "${HOME:-/}"; do
        folder=$(mktemp -d "$place/dunebugger-updater.XXXXXX" 2>/dev/null) || continue
        trap 'rm -rf "$folder"' EXIT
        trap 'exit 130' INT TERM
        if unpack "$folder"; then
            sh "$folder/$stem/install.sh" "$@"
            exit
        fi
        rm -rf "$folder"
    done
    no "cannot $1: there is no room to unpack it; set TMPDIR to a directory with 100 MB"
fi

# The directory's name holds a digest of the archive: another file, or another version, never meets it.
tried=
for base in "${XDG_CACHE_HOME-}" "${HOME:+$HOME/.cache}" "${XDG_RUNTIME_DIR-}" "/var/tmp/dunebugger-updater-$(id -u)"; do
    case $base in /*) ;; *) continue ;; esac
    cache=$base/dunebugger-updater into=$base/dunebugger-updater/$stem-$digest
    mkdir -p "$cache" 2>/dev/null
    if ! { ours "$base" && ours "$cache" && chmod go-w "$cache"; }; then continue; fi
    if [ ! -e "$into" ]; then
        folder=$(mktemp -d "$cache/.XXXXXX" 2>/dev/null) || continue
        trap 'rm -rf "$folder"' EXIT
        trap 'exit 130' INT TERM
        if ! unpack "$folder"; then
            tried="$tried${tried:+; }$base: no room to unpack"
        elif ! why=$("$folder/$stem/$program" --version 2>&1); then
            tried="$tried${tried:+; }$base: $(echo "$why" | tail -n 1 | sed 's/.*: //')"
        else
            mv -T "$folder/$stem" "$into" 2>/dev/null || true # or somebody else was faster
        fi
        rm -rf "$folder"
        trap - EXIT INT TERM
    fi
    # test -x is false on what is mounted noexec
    if ours "$into" && [ -x "$into/$program" ]; then exec "$into/$program" "$@"; fi
done
no "cannot run from here (${tried:-no directory of mine can be written to}): set XDG_CACHE_HOME to a directory with 50 MB that is not mounted noexec"
# What follows is no text: the shell has left by now.
