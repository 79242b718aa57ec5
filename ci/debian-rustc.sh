# Debian's compiler, which comes with the sources of `core` and `std`, so that code can be
# built for targets for which no built ones are there. To be sourced.

# Installs it, unless it is there.
debian_rustc() {
    if ! dpkg --status rustc-web rust-web-src > /dev/null 2>&1; then
        apt-get update > /dev/null
        DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends rustc-web rust-web-src > /dev/null
    fi
}

# Runs cargo with it.
cargo_debian() {
    debian_rustc
    RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 cargo "$@"
}
