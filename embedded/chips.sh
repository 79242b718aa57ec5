# The emulated chips: how firmware is built for them, and run. To be sourced, in `embedded/`.
#
# It installs what is not there: Debian's compiler and QEMU's libraries (which needs root on a
# Debian), and, below `$target`, QEMU and defmt-print.

# shellcheck source=../.ci/apt.sh
source ../.ci/apt.sh
# shellcheck source=../.ci/debian-rustc.sh
source ../.ci/debian-rustc.sh

target=${CARGO_TARGET_DIR:-$PWD/firmware/target}
mkdir -p "$target"
target=$(cd "$target" && pwd)

# All that is known of a chip: its name, target, QEMU program and options, and the features
# that it needs. The last two are how many nanoseconds a tick and an instruction take in the
# emulator, where `count` counts ticks: with `-icount shift=N` an instruction takes 2^N.
chips=(m0 m3 m4f riscv)
chip() {
    case $1 in
        m0) name="Cortex-M0" triple=thumbv6m-none-eabi features=critical-section
            qemu="arm -M microbit -icount shift=6" tick=62.5 instruction=64 ;;
        m3) name="Cortex-M3" triple=thumbv7m-none-eabi features=
            qemu="arm -M mps2-an385 -icount shift=5" tick=40 instruction=32 ;;
        m4f) name="Cortex-M4F" triple=thumbv7em-none-eabihf features=
            qemu="arm -M mps2-an386 -icount shift=5" tick=40 instruction=32 ;;
        riscv) name="RISC-V" triple=riscv32imc-unknown-none-elf features=critical-section
            qemu="riscv32 -M virt -bios none -icount shift=0" tick=1 instruction=1 ;;
        *) echo "there is no chip $1, but ${chips[*]}" >&2; return 1 ;;
    esac
}

# Installs what firmware is built and run with. QEMU is unpacked beside the build: Debian's
# package would conflict with newer parts of QEMU that a machine may have.
tools() {
    local libraries=(
        libcapstone4 libfdt1 libibverbs1 libpixman-1-0 libpmem1 librdmacm1 libslirp0 libvdeplug2
    )
    install_packages rustc-web rust-web-src
    if ! [ -x "$target/qemu/usr/bin/qemu-system-riscv32" ]; then
        mkdir -p "$target/qemu/packages"
        update_packages
        install_packages "${libraries[@]}"
        (
            cd "$target/qemu/packages"
            apt-get download qemu-system-{arm,misc,common,data} > /dev/null 2>&1
            for package in *.deb; do dpkg -x "$package" ..; done
        )
    fi
    export PATH="$PATH:$target/tools/bin"
    if ! command -v defmt-print > /dev/null; then
        CARGO_TARGET_DIR=$target/tools/target \
            cargo install --locked --root "$target/tools" defmt-print
    fi
}

# firmware FEATURES PROGRAM…: builds programs for the chip.
firmware() {
    local wanted=$1 program programs=()
    shift
    for program in "$@"; do programs+=(--bin "$program"); done
    # Without a level, `defmt` compiles in errors only, and a run would say nothing.
    DEFMT_LOG=debug cargo_for_chip firmware --features "$features,$wanted" "${programs[@]}"
}

# cargo_for_chip FOLDER OPTION…: builds the package of a folder for the chip.
cargo_for_chip() {
    local folder=$1 lld linker
    shift
    lld=$(rustc --print target-libdir)
    linker=CARGO_TARGET_${triple^^}_LINKER
    env "${linker//-/_}=${lld%/lib}/bin/rust-lld" \
        CARGO_TARGET_DIR="$target" RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
        cargo build --quiet --locked --release -Z build-std=core \
        --manifest-path "$folder/Cargo.toml" --target "$triple" "$@"
}

# elf PROGRAM: where it is.
elf() {
    echo "$target/$triple/release/$1"
}

# emulate PROGRAM: runs it, and fails if it does. The time limit only ends what hangs.
emulate() {
    # shellcheck disable=SC2086 # Several words.
    timeout 120 "$target/qemu/usr/bin/qemu-system-"$qemu -L "$target/qemu/usr/share/qemu" \
        -display none -monitor none -serial null \
        -semihosting-config enable=on,target=native -kernel "$(elf "$1")"
}

# logged PROGRAM: the same for one that logs, and prints its log.
logged() {
    local status
    set +e
    emulate "$1" | defmt-print -e "$(elf "$1")" 2>&1
    status=("${PIPESTATUS[@]}")
    set -e
    # The first is the program's own.
    if [ "${status[*]}" != "0 0" ]; then
        echo "$1 failed on $name: exit codes ${status[*]}" >&2
        return 1
    fi
}
