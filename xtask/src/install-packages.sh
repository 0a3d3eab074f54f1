# Installs the Debian packages named as arguments and nothing else: services that come with them are neither started now
# nor at the next boot. Run as root by `cargo xtask`.
set -eu

# Debian asks this program whether a package may start its service; 101 means no. One that is already there stays.
policy=/usr/sbin/policy-rc.d
mark='# Put here by cargo xtask while it installs packages.'
remove_policy() {
    if grep --quiet --no-messages --fixed-strings "$mark" "$policy"; then
        rm --force "$policy"
    fi
}
trap remove_policy EXIT
trap 'exit 130' HUP INT TERM
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
install() {
    apt-get install --yes --quiet=2 --option=Dpkg::Use-Pty=0 --no-install-recommends "$@"
}

# A new machine has no lists of packages, and old lists name versions that are gone.
if ! apt-get install --simulate --no-install-recommends "$@" >/dev/null 2>&1; then
    apt-get update --quiet
fi
install "$@" || {
    apt-get update --quiet
    install "$@"
}

# The tests start their own sshd in a namespace. The machine's own stays off until its administrator wants it.
case " $* " in
*' openssh-server '*)
    if command -v systemctl >/dev/null; then
        systemctl --quiet disable ssh.service
    fi
    # For a machine without systemd.
    if [ -e /etc/init.d/ssh ]; then
        update-rc.d ssh disable
    fi
    ;;
esac
