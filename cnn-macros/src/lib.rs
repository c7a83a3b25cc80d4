//! The procedural macros behind `cnn_runtime::network!`, `cnn_runtime::search_space!` and `cnn_runtime::define!`.
//!
//! Users depend on `cnn-runtime`, whose macros call these with the path of that crate in front, so that a renamed
//! dependency works. The language itself is the library `cnn-lang`; here is only what turns its graphs into Rust.

mod expand;
mod home;
mod input;

use proc_macro::TokenStream;

/// Emits a typed dfdx module for every network, and a definition for every block and network.
#[proc_macro]
pub fn network(tokens: TokenStream) -> TokenStream {
    expand::network(tokens.into()).into()
}

/// Emits a type for every space, whose members have all been proven, and a definition for every block and space.
#[proc_macro]
pub fn search_space(tokens: TokenStream) -> TokenStream {
    expand::search_space(tokens.into()).into()
}

/// Emits definitions without types.
#[proc_macro]
pub fn define(tokens: TokenStream) -> TokenStream {
    expand::define(tokens.into()).into()
}
