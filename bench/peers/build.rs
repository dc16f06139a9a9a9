//! The compiler's version, and the service of tonic, without a `.proto` file and its compiler.

use std::{env, process::Command};

fn main() {
    let compiler = env::var_os("RUSTC").expect("cargo says which");
    let version = Command::new(compiler).arg("--version").output();
    let version = String::from_utf8(version.expect("it runs").stdout).expect("a text");
    println!("cargo::rustc-env=RUSTC_VERSION={}", version.trim());
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "tonic")]
    tonic();
}

#[cfg(feature = "tonic")]
fn tonic() {
    use tonic_build::manual::{Builder, Method, Service};

    const TYPES: &str = "crate::systems::tonic::";
    let method = |name: &str, route: &str, input: &str, output: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type(format!("{TYPES}{input}"))
            .output_type(format!("{TYPES}{output}"))
            .codec_path("tonic_prost::ProstCodec")
            .build()
    };
    let service = Service::builder()
        .name("Work")
        .package("bench")
        .method(method("add", "Add", "Number", "Number"))
        .method(method("echo", "Echo", "Content", "Content"))
        .method(method("download", "Download", "Number", "Content"))
        .build();
    Builder::new().compile(&[service]);
}
