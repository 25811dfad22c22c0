# offhook in a container: some 39 MB, no shell, not root.
#
#   docker build -t offhook .
#   docker run -e OFFHOOK_APP_KEY -e OFFHOOK_APP_SECRET -p 8080:8080 offhook
#
# `scripts/image test` builds this file and proves what it promises. Behind a mirror, nothing here needs editing:
#   --build-arg BUILD_IMAGE=…      a Rust toolchain on Debian bookworm, from your registry
#   --build-arg RUNTIME_IMAGE=…    distroless/cc (glibc, libgcc, root certificates), from your registry
#   --build-arg CRATES_MIRROR=…    a crates.io index, as cargo writes it: sparse+https://mirror.example/index/

ARG BUILD_IMAGE=docker.io/library/rust:1-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
ARG CRATES_MIRROR=""
WORKDIR /src
RUN if [ -n "$CRATES_MIRROR" ]; then \
        printf '[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "%s"\n' "$CRATES_MIRROR" \
            > "$CARGO_HOME/config.toml"; \
    fi

# The dependencies alone, in a layer that only Cargo.toml and Cargo.lock can make stale. Cargo wants to see a source
# file for each target of its manifest: benches, tests and examples are cut out of this copy, the program is an empty
# one. That program is cleaned away again, since cargo goes by file times and the real sources may be older than it.
COPY Cargo.toml Cargo.lock ./
RUN awk 'BEGIN { keep = 1 } /^\[/ { keep = !/^\[\[(bench|test|example)\]\]/ } keep' Cargo.toml > manifest \
    && mv manifest Cargo.toml \
    && mkdir src && touch src/lib.rs && echo 'fn main() {}' > src/main.rs \
    && cargo build --release --locked --bin offhook \
    && cargo clean --release --locked --package offhook

COPY . .
RUN cargo build --release --locked --bin offhook \
    && install -D --strip target/release/offhook /out/offhook \
    && mkdir /out/data

# Dynamic glibc on purpose: a static one still loads its name look-up at run time and fails where that is missing.
FROM ${RUNTIME_IMAGE}
COPY --from=build /out/offhook /usr/local/bin/offhook
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
# The journal's default path is `data`, relative to the working directory: from here, that is the volume.
WORKDIR /
VOLUME ["/data"]
# 8080 answers the platform. 8081 is for admins and listens on loopback until [admin] listen and token say otherwise.
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/usr/local/bin/offhook", "health"]
ENTRYPOINT ["/usr/local/bin/offhook"]
CMD ["serve"]
