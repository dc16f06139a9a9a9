# shellcheck shell=bash
# What suites need besides Rust. Each has a `have_` that looks for it and an `install_` that fetches it: Debian's and
# Ubuntu's packages by apt, the rest into the target folder, in versions that are written here.
# shellcheck disable=SC2154 # scripts/test sets `tools`

# What the committed messages of the compiler are those of.
readonly RUST_1_95=1.95.0
readonly CARGO_FUZZ=0.13.2 CARGO_DENY=0.20.2 TYPOS=1.52.0
# That of the library, in Cargo.toml: the two must be the same.
readonly WASM_BINDGEN=0.2.130
# Not Debian's, which is of an age that makes modules which no browser loads.
readonly BINARYEN=132.0.0
# A target that has no std, so that a build for it proves that none is used.
readonly BARE_TARGET=thumbv7em-none-eabihf
readonly WASM_TARGET=wasm32-unknown-unknown

# The compiler that is used anyway, or else one that rustup has.
have_rust_1_95() {
    is_rust_1_95 rustc || is_rust_1_95 rustup run "$RUST_1_95" rustc
}

install_rust_1_95() {
    rustup toolchain install "$RUST_1_95" --profile minimal
}

# Whether the command "$@" is that compiler.
is_rust_1_95() {
    [[ $("$@" --version 2>/dev/null) == "rustc 1.95."* ]]
}

have_python_3_11() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

install_python_3_11() {
    apt_install python3
}

have_valgrind() {
    command -v valgrind >/dev/null
}

install_valgrind() {
    apt_install valgrind
}

# Debian's is where not every user looks.
have_nats_server() {
    command -v nats-server >/dev/null || [[ -x /usr/sbin/nats-server ]]
}

install_nats_server() {
    apt_install nats-server
}

# Debian's is where not every user looks.
have_nginx() {
    command -v nginx >/dev/null || [[ -x /usr/sbin/nginx ]]
}

install_nginx() {
    apt_install nginx
}

have_nightly() {
    cargo +nightly --version &>/dev/null
}

install_nightly() {
    rustup toolchain install nightly --profile minimal
}

have_cxx() {
    command -v c++ >/dev/null
}

install_cxx() {
    apt_install g++
}

have_cargo_fuzz() {
    command -v cargo-fuzz >/dev/null
}

install_cargo_fuzz() {
    cargo_install cargo-fuzz "$CARGO_FUZZ"
}

have_cargo_deny() {
    command -v cargo-deny >/dev/null
}

install_cargo_deny() {
    cargo_install cargo-deny "$CARGO_DENY"
}

have_typos() {
    command -v typos >/dev/null
}

install_typos() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv || return
    python3 -m venv "$tools/venv" && "$tools/venv/bin/pip" install --quiet "typos==$TYPOS"
}

# Either rustup's target, or Debian's Rust with the sources of the library, of which the target's part is then built.
have_bare_target() {
    has_rustup_target "$BARE_TARGET" || has_debian_source
}

install_bare_target() {
    add_rustup_target "$BARE_TARGET" || apt_install rustc-web cargo-web rust-web-src
}

# The same for browsers, where Debian's Rust needs a linker besides.
have_wasm_target() {
    has_rustup_target "$WASM_TARGET" || { has_debian_source && command -v wasm-ld-19 >/dev/null; }
}

install_wasm_target() {
    add_rustup_target "$WASM_TARGET" || apt_install rustc-web cargo-web rust-web-src lld-19
}

have_wasm_bindgen() {
    [[ $(wasm-bindgen --version 2>/dev/null) == "wasm-bindgen $WASM_BINDGEN"* ]]
}

# Its lock file may name what a mirror of the registry does not have yet.
install_wasm_bindgen() {
    cargo_install wasm-bindgen-cli "$WASM_BINDGEN" ||
        cargo install --quiet --root "$tools" wasm-bindgen-cli --version "$WASM_BINDGEN"
}

have_wasm_opt() {
    [[ -x $tools/binaryen/node_modules/.bin/wasm-opt ]]
}

install_wasm_opt() {
    command -v npm >/dev/null || apt_install npm || return
    npm install --silent --prefix "$tools/binaryen" "binaryen@$BINARYEN"
}

# What the tests of the JavaScript package need of npm, as its lock file has it.
have_node_tools() {
    cmp --silent tests/javascript/package-lock.json "$tools/node/package-lock.json" &&
        [[ -d $tools/node/node_modules/playwright-core ]]
}

install_node_tools() {
    command -v npm >/dev/null || apt_install nodejs npm || return
    mkdir -p "$tools/node"
    cp tests/javascript/package.json tests/javascript/package-lock.json "$tools/node"
    npm ci --silent --prefix "$tools/node"
}

have_chromium() {
    command -v chromium >/dev/null && command -v chromedriver >/dev/null
}

install_chromium() {
    apt_install chromium chromium-driver
}

# Without a browser of its own.
have_playwright() {
    cmp --silent tests/page/package-lock.json "$tools/playwright/package-lock.json" &&
        [[ -d $tools/playwright/node_modules/playwright-core ]]
}

install_playwright() {
    command -v npm >/dev/null || apt_install nodejs npm || return
    mkdir -p "$tools/playwright"
    cp tests/page/package.json tests/page/package-lock.json "$tools/playwright"
    npm ci --silent --prefix "$tools/playwright"
}

has_rustup_target() {
    [[ -d $(rustc --print target-libdir --target "$1" 2>/dev/null) ]]
}

# Of the compiler that is used, which need not be rustup's though rustup is there.
add_rustup_target() {
    command -v rustup >/dev/null && rustup target add "$1" && has_rustup_target "$1"
}

has_debian_source() {
    [[ -x /usr/bin/cargo && -d $(/usr/bin/rustc --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library ]]
}

cargo_install() {
    cargo install --quiet --locked --root "$tools" "$1" --version "$2"
}

apt_install() {
    if ! command -v apt-get >/dev/null; then
        echo "missing, and there is no apt here to install it with: $*" >&2
        return 1
    fi
    local as_root=()
    [[ $EUID == 0 ]] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
