# Names for what is done often. Each is a line of cargo or a script, which works without `just` too.

# What there is.
default:
    @just --list

# See it work: a receiver on this machine that sends itself two callbacks.
try *arguments:
    cargo run --release -- dev --demo {{ arguments }}

# What must hold before a change goes in, in the order of the CI.
gate:
    .ci/run

# Tests, all of them or those whose name contains NAME.
test name="":
    cargo test {{ name }}

# The house's rules alone: floors, fences, heads, the README's map.
tidy:
    cargo test --test tidy

# The README's commands alone, run.
tour:
    cargo test --test cli

# Make the book's pages anew that come from the program, and show what changed.
bless:
    BLESS=1 cargo test --test cli made_from
    git diff --stat docs

# Build the book into target/book.
book *arguments:
    scripts/book {{ arguments }}

# Format.
fmt:
    cargo fmt

# The documentation, private items too, opened.
doc:
    cargo doc --no-deps --document-private-items --open

# The road without I/O.
bench:
    cargo bench --bench road

# Over HTTP, beside a bare receiver; see benches/README.md.
load *arguments:
    scripts/load {{ arguments }}

# Ten times more questions than can be decided; see benches/README.md.
overload:
    scripts/overload

# Instructions and system calls per request.
instructions:
    scripts/instructions

# Let a fuzzer look for hostile input; see fuzz/README.md.
fuzz *arguments:
    scripts/fuzz {{ arguments }}

# Build the image and try it; `just image build` only builds.
image command="test":
    scripts/image {{ command }}
