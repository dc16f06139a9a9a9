# shellcheck shell=bash
# Building for browsers: what scripts/test, scripts/page and scripts/npm have in common.
# shellcheck disable=SC2154,SC2034 # whoever sources it sets `target` and `tools`, and uses `page` and `package`

# Where the chat's page is built.
readonly page=$target/page
# Where the JavaScript example's package is.
readonly package=examples/javascript/package

# Has cargo do $1 for browsers, in a folder of its own. What it exports ends with it.
for_browsers() (
    local action=$1 cargo=(cargo) build_std=()
    shift
    if ! has_rustup_target "$WASM_TARGET"; then
        # Debian's compiler is a stable one, and building the library is not a stable feature.
        export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1
        export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-19
        cargo=(/usr/bin/cargo)
        build_std=(-Z 'build-std=std,panic_abort')
    fi
    CARGO_TARGET_DIR=$target/wasm "${cargo[@]}" "$action" "${build_std[@]}" --target "$WASM_TARGET" "$@"
)

# Builds the chat's page: what examples/chat/page/static has, and what becomes of its Rust code.
build_page() {
    for_browsers build --profile wasm -p chat-page
    rm -rf "$page"
    mkdir -p "$page"
    wasm-bindgen --target web --no-typescript --out-name chat --out-dir "$page" \
        "$target/wasm/$WASM_TARGET/wasm/chat-page.wasm"
    cp examples/chat/page/static/* "$page"
}

# Makes a module smaller: $1 of $2.
shrink() {
    "$tools/binaryen/node_modules/.bin/wasm-opt" -Oz --enable-bulk-memory \
        --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals \
        --enable-reference-types --enable-multivalue -o "$1" "$2"
}

# Builds the package of the JavaScript example: what is made of the service, and what npm is to know of it.
build_package() {
    for_browsers build --profile wasm -p board --bin board
    rm -rf "$package"
    wasm-bindgen --target web --no-typescript --out-dir "$package" "$target/wasm/$WASM_TARGET/wasm/board.wasm"
    shrink "$package/board_bg.wasm" "$package/board_bg.wasm"
    cargo run --quiet -p board --bin board >"$package/board.d.ts"
    cp examples/javascript/npm/* "$package"
}
