# Installing Debian's packages. To be sourced.

# install_packages PACKAGE…: installs packages, unless they are there. A new machine may still be
# installing something of its own, so apt's locks are waited for, ten minutes at most.
install_packages() {
    dpkg --status "$@" > /dev/null 2>&1 || {
        update_packages
        DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 \
            install -y --no-install-recommends "$@" > /dev/null
    }
}

# Brings the list of packages up to date. Its lock has no option to wait.
update_packages() {
    local tries
    for tries in {1..60}; do
        if apt-get update > /dev/null 2>&1; then return; fi
        echo "apt-get update failed, once more in 10 s ($tries)" >&2
        sleep 10
    done
    apt-get update
}
