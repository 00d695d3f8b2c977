#!/bin/sh
# Installs DuneBugger Updater as a service, or takes it away: install.sh [install|uninstall|purge]
# For systems where the .deb is not wanted.  It may be called again at any time: the result is the same.
set -eu
here=$(dirname "$(readlink -f "$0")")
name=dunebugger-updater
lib=/usr/lib/$name state=/var/lib/$name conf=/etc/dunebugger/dunebugger.conf
units=/usr/lib/systemd/system
[ -d "$units" ] || units=/lib/systemd/system

no() {
    echo "$name: $1" >&2
    exit "${2:-1}"
}
systemd() { [ -d /run/systemd/system ]; }
packaged() { [ "$(dpkg-query -W -f '${db:Status-Status}' $name 2>/dev/null)" = installed ]; }
place() { # FILE MODE: put it where it belongs, whole or not at all
    mkdir -p "$(dirname "$1")"
    cp "$here/root$1" "$1.new"
    chmod "$2" "$1.new"
    mv -f "$1.new" "$1"
}

add() {
    new=$here/root/usr/lib/$name/factory
    [ -f "$new/$name" ] || no "cannot install: the files are not beside $0; take the single file or unpack the archive" 2
    version=$("$new/$name" --version 2>&1) || {
        # where it was unpacked may be mounted noexec: then it is tried where it will lie
        version=
    }
    slot=$lib/factory-$(find "$new" -type f -exec sha256sum {} + | sed "s|  $new/|  |" | sort -k 2 | sha256sum | cut -c 1-12)
    if [ ! -e "$slot" ]; then
        mkdir -p "$lib"
        rm -rf "$slot.new"
        cp -r "$new" "$slot.new"
        chown -R 0:0 "$slot.new"
        if [ -z "$version" ] && ! version=$("$slot.new/$name" --version 2>&1); then
            rm -rf "$slot.new"
            rmdir "$lib" 2>/dev/null || true
            no "cannot install: it does not run on this system: $(echo "$version" | tail -n 1)"
        fi
        sync
        mv -T "$slot.new" "$slot"
    fi
    place "/usr/bin/$name" 755
    place "$lib/launch" 755
    cp "$here/install.sh" "$lib/install.sh"
    [ -e "$conf" ] || place "$conf" 644
    if [ "$units" = /usr/lib/systemd/system ] || systemd; then
        mkdir -p "$units"
        cp "$here/root/usr/lib/systemd/system/$name.service" "$units/$name.service.new"
        chmod 644 "$units/$name.service.new"
        mv -f "$units/$name.service.new" "$units/$name.service"
    fi
    sync
    # From here on it is this version: a rename, and what it had updated itself to counts no more.
    ln -sfn "$slot" "$lib/.factory.new"
    mv -Tf "$lib/.factory.new" "$lib/factory"
    # The link goes first: a version on trial with no trial left would be started for ever.
    rm -f "$state/current"
    rm -f "$state/trial" "$state/trial.failed"
    sync
    for old in "$lib"/factory-*; do [ "$old" = "$slot" ] || rm -rf "$old"; done
    if systemd; then
        systemctl daemon-reload
        systemctl enable --quiet $name.service
        systemctl restart $name.service || no "installed, but it does not start: systemctl status $name says why"
    fi
    echo "installed: $version"
    if systemd; then
        echo "the panel is at http://$(hostname):8470/; its one-time code: $name status"
    else
        echo "there is no systemd here; start it with: $lib/launch"
    fi
}

take_away() {
    if systemd && [ -e "$units/$name.service" ]; then
        systemctl disable --quiet --now $name.service || true
    fi
    rm -f "$units/$name.service" "/usr/bin/$name"
    rm -rf "$lib"
    if systemd; then systemctl daemon-reload; fi
    if [ "$1" = purge ]; then
        rm -rf "$state"
        rm -f "$conf"
        rmdir /etc/dunebugger 2>/dev/null || true
        echo "removed, with its state and configuration; the apps are as they were"
    else
        echo "removed; $conf and $state stay, purge removes them too"
    fi
}

what=${1:-install}
case ${2-} in --uninstall) what=uninstall ;; --purge) what=purge ;; esac
case $what in install | uninstall | purge) ;; *) no "usage: $0 [install|uninstall|purge]" 2 ;; esac
[ "$(id -u)" = 0 ] || no "cannot $what: this needs root; call it with sudo" 3
packaged && no "cannot $what: the Debian package is installed here; use apt-get instead" 3
case $what in install) add ;; *) take_away "$what" ;; esac
