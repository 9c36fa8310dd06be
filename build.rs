//! Hands the linker what a Node-API addon needs on this platform.

fn main() {
    if std::env::var_os("CARGO_FEATURE_NODE").is_none() {
        return;
    }
    napi_build::setup();
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("macos") {
        // Else it is the path that it was built at.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/capwasi.node");
    }
}
