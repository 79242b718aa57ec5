//! Says where the chip's memories are, and how firmware is linked.

use std::{env, fs, path::PathBuf};

/// The chips, by their targets: the micro:bit's Cortex-M0, the Cortex-M3 and M4F of Arm's
/// MPS2 boards, and QEMU's own RISC-V board.
fn memory(target: &str) -> &'static str {
    match target {
        "thumbv6m-none-eabi" => {
            "MEMORY {
                FLASH : ORIGIN = 0x00000000, LENGTH = 256K
                RAM : ORIGIN = 0x20000000, LENGTH = 16K
            }"
        }
        "thumbv7m-none-eabi" | "thumbv7em-none-eabihf" => {
            "MEMORY {
                FLASH : ORIGIN = 0x00000000, LENGTH = 4M
                RAM : ORIGIN = 0x20000000, LENGTH = 4M
            }"
        }
        "riscv32imc-unknown-none-elf" => {
            r#"MEMORY {
                FLASH : ORIGIN = 0x80000000, LENGTH = 1M
                RAM : ORIGIN = 0x80100000, LENGTH = 1M
            }
            REGION_ALIAS("REGION_TEXT", FLASH);
            REGION_ALIAS("REGION_RODATA", FLASH);
            REGION_ALIAS("REGION_DATA", RAM);
            REGION_ALIAS("REGION_BSS", RAM);
            REGION_ALIAS("REGION_HEAP", RAM);
            REGION_ALIAS("REGION_STACK", RAM);"#
        }
        other => panic!("there is no firmware for {other}: see `embedded/run`"),
    }
}

fn main() {
    let out = PathBuf::from(env::var("OUT_DIR").unwrap());
    let target = env::var("TARGET").unwrap();
    fs::write(out.join("memory.x"), memory(&target)).unwrap();
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=--nmagic");
    if target.starts_with("riscv") {
        // The others' `link.x` includes it by itself.
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    if env::var("CARGO_FEATURE_LOG").is_ok() {
        println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    }
}
