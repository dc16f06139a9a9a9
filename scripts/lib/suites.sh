# shellcheck shell=bash
# The table of suites, and a function for each. A new suite is a row here and a function `suite_NAME` below.
# It runs from the top of the repository, with `set -e`; whatever it needs has a pair of functions in needs.sh.
# shellcheck disable=SC2154,SC2164 # scripts/test sets `logs` and `target`, and has `set -e`

# A whole client for a browser, with gzip: what it takes, and a little more.
readonly MAX_HELLO_BYTES=$((124 * 1024))

# The workspace's profile, for what is built beside it: so what is built for one serves the other.
readonly PROFILE=(
    --config 'profile.dev.debug="line-tables-only"'
    --config 'profile.dev.package."*".debug=false'
)

# Tiers: `ci` is bounded, CI runs it; `all` takes tools that are slow to install.
#     name     tier needs                    about
suite unit     ci  ''                       'every test and doc test of the workspace, with all features'
suite ui       ci  'rust_1_95'              'what the macros refuse, and the words they do it with'
suite vectors  ci  'python_3_11'            'the second reader, in Python, on all golden vectors'
suite nats     ci  'nats_server'            'two servers joined by NATS, which is killed and started again'
suite nginx    ci  'nginx'                  'servers behind nginx, with the configuration of examples/nginx'
suite outside  ci  ''                       'crates outside the workspace: the facade renamed and on smol, each adapter alone, memory alone, the core alone'
suite quickstart ci ''                      'the guide quickstart, followed from an empty folder'
suite examples ci  ''                       'the examples of the core end by themselves and print what they should; a schema is exported'
suite features ci  ''                       'the core, the facade and the schemas build with each feature alone'
suite package  ci  ''                       'every published crate packs, and builds from what its package and the others hold'
suite msrv     ci  'rust_1_95'              'the oldest compiler that the manifests promise builds what is published'
suite trees    ci  ''                       'no runtime below the adapters, one in each, HTTP servers by features, no program in the libraries, nothing twice'
suite seeds    ci  ''                       'the fuzz targets on their seeds and corpora, with stable Rust'
suite bench    ci  ''                       'every benchmark, and every load beside peers, runs once; nothing is measured'
suite instructions ci 'valgrind'            'what the core, a lock and a call cost, in instructions, stays within budgets'
suite typos    ci  'typos'                  'spelling'
suite no_std   ci  'bare_target'            'the core, and what embeds it, build for a machine that has no std'
suite fuzz     ci  'nightly cxx cargo_fuzz' 'a fixed number of runs of each fuzz target'
suite wasm     all 'wasm_target wasm_bindgen chromium' 'the client in a page and in a worker of Chromium, with real servers'
suite page     all 'wasm_target wasm_bindgen chromium playwright' 'the chat in Chromium: two users, servers that go and come, tabs that sleep, a client in a terminal'
suite javascript all 'wasm_target wasm_bindgen wasm_opt chromium node_tools' 'a package for programs in JavaScript: in Chromium, in TypeScript, and with the vectors'
suite size     all 'wasm_target wasm_bindgen wasm_opt' 'what a whole client for a browser takes to download stays within its budget'
suite deny     all 'cargo_deny'             'licences, banned crates and sources of the dependencies'

suite_unit() {
    cargo test --workspace --all-features --no-fail-fast
}

# All of the workspace, so that nothing is built with other features than `unit` has built it with.
suite_ui() {
    if ! is_rust_1_95 rustc; then
        export RUSTUP_TOOLCHAIN=$RUST_1_95
    fi
    cargo test --workspace --all-features --test macros -- --ignored what_is_refused
}

suite_vectors() {
    python3 spec-vectors/check.py
}

# None of these crates has a lock file in the repository: each gets a copy of the workspace's, and cargo takes out what it
# does not use. So they have the versions that everything else is tested with, and what is built for one serves the other.
suite_outside() {
    local crate
    for crate in tests/outside/*/; do
        cp Cargo.lock "$crate"
        CARGO_TARGET_DIR=$target cargo run --quiet "${PROFILE[@]}" --manifest-path "$crate/Cargo.toml"
    done
}

suite_quickstart() {
    CARGO_TARGET_DIR=$target scripts/lib/quickstart "$target/quickstart" "${PROFILE[@]}"
}

suite_nats() {
    CARGO_TARGET_DIR=$target cargo test --manifest-path examples/chat/nats/Cargo.toml
}

# All of the workspace, as for `ui`.
suite_nginx() {
    cargo test --workspace --all-features --test nginx -- --ignored
}

suite_examples() {
    local source name
    cargo build --quiet -p hardlight-proto --all-features --examples
    for source in hardlight-proto/examples/*.rs; do
        name=$(basename "$source" .rs)
        echo "hardlight-proto: example $name"
        timeout 60 cargo run --quiet -p hardlight-proto --all-features --example "$name" |
            diff "hardlight-proto/examples/expected/$name.txt" -
    done
    echo "hardlight: example tower"
    timeout 60 cargo run --quiet -p hardlight --all-features --example tower |
        diff hardlight/examples/expected/tower.txt -
    echo "hardlight: example schema"
    cargo run --quiet -p hardlight --all-features --example schema |
        diff hardlight/examples/expected/schema.json -
}

suite_features() {
    local features
    # The last is all of them; cargo-hack would install for minutes to list these.
    for features in '' deflate payload std uuid payload,std payload,uuid std,uuid payload,std,uuid \
        deflate,payload,std,uuid; do
        echo "hardlight-proto: features '$features'"
        cargo check --quiet -p hardlight-proto --no-default-features --features "$features"
    done
    for features in '' async-std axum hyper javascript metrics opentelemetry rate-limit schema smol testing tokio tower wasm async-std,smol smol,tokio tokio,wasm async-std,smol,tokio; do
        echo "hardlight: features '$features'"
        cargo check --quiet -p hardlight --no-default-features --features "$features"
    done
    for features in '' cli; do
        echo "hardlight-schema: features '$features'"
        cargo check --quiet -p hardlight-schema --no-default-features --features "$features"
    done
}

# As options of cargo, the crates that are published: a test holds that they are those that stand at the top.
published() {
    local crate
    for crate in hardlight*/; do
        printf -- '-p\n%s\n' "${crate%/}"
    done
}

# What `cargo package` would build of each, it takes from a registry of its own, which it does not look into again while versions are
# the same. So the packages are unpacked side by side, in place of the registry's.
suite_package() {
    local crates dir=$target/packages packed name
    mapfile -t crates < <(published)
    rm -rf "$dir" "$target"/package/*.crate
    mkdir -p "$dir"
    CARGO_TARGET_DIR=$target cargo package --quiet --allow-dirty --no-verify "${crates[@]}"
    printf '[workspace]\nresolver = "3"\nmembers = ["*"]\n[patch.crates-io]\n' >"$dir/Cargo.toml"
    for packed in "$target"/package/*.crate; do
        # With the time of today: that of the files is the same in every package.
        tar xzmf "$packed" -C "$dir"
        name=$(basename "$packed" .crate)
        printf '%s = { path = "%s" }\n' "${name%-*}" "$name" >>"$dir/Cargo.toml"
        printf '%s: %s files, %s bytes\n' "$name" "$(tar tzf "$packed" | wc -l)" "$(wc -c <"$packed")"
    done
    cp Cargo.lock "$dir"
    cd "$dir"
    CARGO_TARGET_DIR=$target cargo check --quiet --workspace --all-features "${PROFILE[@]}"
}

# Where the compiler is that one anyway, every other suite has shown it.
suite_msrv() {
    local declared crates
    declared=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    [[ $RUST_1_95 == "$declared".* ]] || die "Cargo.toml promises Rust $declared, and what is tested is $RUST_1_95"
    if is_rust_1_95 rustc; then
        echo "rustc is $RUST_1_95, by which all is built here"
        return
    fi
    mapfile -t crates < <(published)
    RUSTUP_TOOLCHAIN=$RUST_1_95 CARGO_TARGET_DIR=$target/msrv cargo check "${crates[@]}" --all-features
}

suite_trees() {
    scripts/lib/trees
}

suite_seeds() {
    cargo test --manifest-path fuzz/Cargo.toml --lib
}

suite_bench() {
    cargo test --manifest-path bench/Cargo.toml --benches
    cargo test --manifest-path bench/Cargo.toml -p hardlight-peers
    cargo run --manifest-path bench/Cargo.toml -p hardlight-peers -- run --quick
}

suite_instructions() {
    cargo run --release --manifest-path bench/Cargo.toml --bin instructions
    cargo run --release --manifest-path bench/Cargo.toml --bin cell
    cargo run --release --manifest-path bench/Cargo.toml --bin dispatch
}

suite_typos() {
    typos
}

suite_no_std() {
    local features cargo=(cargo) build_std=()
    if ! has_rustup_target "$BARE_TARGET"; then
        # Debian's compiler is a stable one, and building the library is not a stable feature.
        export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1
        cargo=(/usr/bin/cargo)
        build_std=(-Z 'build-std=core,alloc')
    fi
    local build=("${cargo[@]}" build "${build_std[@]}" --target "$BARE_TARGET")
    for features in '' deflate payload uuid deflate,payload deflate,uuid payload,uuid \
        deflate,payload,uuid; do
        echo "hardlight-proto: features '$features'"
        "${build[@]}" -p hardlight-proto --no-default-features --features "$features"
    done
    echo "tests/outside/bare: its library"
    cp Cargo.lock tests/outside/bare
    CARGO_TARGET_DIR=$target "${build[@]}" --lib --manifest-path tests/outside/bare/Cargo.toml
    # What names std cannot be built, or all this would prove nothing.
    echo "hardlight-proto: feature 'std', which must fail"
    ! "${build[@]}" -p hardlight-proto --no-default-features --features std 2>"$logs/no_std-std" ||
        die "$BARE_TARGET has a std"
    grep -F "error[E0463]: can't find crate for \`std\`" "$logs/no_std-std"
}

# As many runs as take a quarter of a minute or so. The seed of the fuzzer's choices is fixed: a failure is none of luck.
suite_fuzz() {
    local name found log
    local -A runs=(
        [client]=15000 [diff]=1500 [frame]=200000 [inflate]=10000 [message]=200000
        [pair]=3000 [payload]=200000 [server]=15000 [state]=20000
    )
    cargo run --quiet --manifest-path fuzz/Cargo.toml --example seeds
    cd fuzz
    cargo +nightly fuzz build --fuzz-dir .
    for name in $(cargo +nightly fuzz list --fuzz-dir .); do
        found=$logs/found-$name
        log=$logs/fuzz-$name.log
        rm -rf "$found"
        mkdir -p "$found"
        cargo +nightly fuzz run --fuzz-dir . "$name" "$found" "corpus/$name" "seeds/$name" -- \
            "-runs=${runs[$name]:-10000}" -seed=1 -max_len=4096 -print_final_stats=1 &>"$log" ||
            { tail -n 100 "$log"; return 1; }
        printf '%-8s %s\n' "$name" "$(grep -aw DONE "$log")"
    done
}

# The servers are a native process, which ends when this does. Where it listens the tests are told when they are built.
suite_wasm() {
    local url
    cargo build --quiet -p hardlight-browser-tests
    coproc server { exec "$target/debug/hardlight-browser-tests"; }
    read -r url <&"${server[0]}"
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner
    CHROMEDRIVER=$(command -v chromedriver) WASM_BINDGEN_TEST_TIMEOUT=120 HARDLIGHT_DIRECTOR=$url \
        for_browsers test -p hardlight-browser-tests --tests
}

# Every server of it is a process that the tests start.
suite_page() {
    build_page
    # All of the workspace, as for `ui`.
    cargo build --quiet --workspace --all-features --bin chat-web --bin chat-client
    rm -rf "$target/page-shots"
    mkdir -p "$target/page-shots"
    NODE_PATH=$tools/playwright/node_modules \
        CHAT_WEB=$target/debug/chat-web CHAT_CLIENT=$target/debug/chat-client \
        CHAT_PAGE=$page SHOTS=$target/page-shots \
        node --test --test-reporter=spec --test-timeout=120000 tests/page/*.test.js
}

# The server is a process that the tests start.
suite_javascript() {
    local node=$tools/node
    build_package
    (cd "$package" && npm pack --dry-run)
    "$node/node_modules/.bin/tsc" -p tests/javascript
    cargo build --quiet -p board --bin board-server
    mkdir -p "$target/javascript-shots"
    BOARD_SERVER=$target/debug/board-server CHROMIUM=$(command -v chromium) TOOLS=$node SHOTS=$target/javascript-shots \
        node --test --test-reporter=spec tests/javascript/*.test.js
}

# The module and the JavaScript around it, as a server with compression sends them.
suite_size() {
    local built=$target/wasm/$WASM_TARGET/wasm/examples/hello.wasm out=$target/wasm/hello
    for_browsers build --profile wasm -p hardlight-browser-tests --example hello
    rm -rf "$out"
    wasm-bindgen --target web --no-typescript --out-dir "$out" "$built"
    shrink "$out/small.wasm" "$out/hello_bg.wasm"
    local module glue
    module=$(gzip -9 <"$out/small.wasm" | wc -c) glue=$(gzip -9 <"$out/hello.js" | wc -c)
    echo "module: $(wc -c <"$out/small.wasm") bytes, $module with gzip; glue: $glue with gzip"
    ((module + glue <= MAX_HELLO_BYTES)) || die "more than $MAX_HELLO_BYTES bytes"
}

suite_deny() {
    cargo deny check licenses bans sources
}
