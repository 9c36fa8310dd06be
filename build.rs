//! Passes the linker options that a Node-API addon needs on this platform.

fn main() {
    if std::env::var_os("CARGO_FEATURE_NODE").is_none() {
        return;
    }
    napi_build::setup();
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("macos") {
        // By default, the install name is the path of the build.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/capwasi.node");
    }
}
