//! The `paceline` command: parse, run, exit code.

use std::process::ExitCode;

/// Records are made on one thread and given up on another, which glibc's allocator is slow at: docs/decisions/0012.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    paceline::cli::main()
}
