# Debian's compiler, which comes with the sources of `core` and `std`, so that code can be
# built for targets for which no built ones are there. To be sourced, after `apt.sh`.

# Runs cargo with Debian's compiler.
cargo_debian() {
    install_packages rustc-web rust-web-src
    RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 cargo "$@"
}
