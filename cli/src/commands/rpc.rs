//! `bauta rpc`

use bauta_ipc::{Exit, MAX_FRAME, RpcError, codes};
use clap::Args;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::Context;

#[derive(Args, Debug)]
pub(crate) struct RpcArgs {
    /// Name of the method, such as status.get; see docs/api.md
    method: String,
    /// Its parameters, as a JSON object; "-" reads them from standard input, where nobody else can read them
    #[arg(value_name = "JSON", default_value = "{}")]
    params: String,
}

impl RpcArgs {
    pub(super) fn params(&self) -> Option<&str> {
        Some(self.params.as_str())
    }
}

/// Prints the result as JSON.
pub(super) async fn run(args: RpcArgs, context: &Context) -> Result<Exit, RpcError> {
    let given = match args.params.as_str() {
        "-" => super::stdin("Write the parameters", MAX_FRAME, context).await?,
        _ => args.params.into_bytes(),
    };
    let given = Zeroizing::new(given);
    // Editors of other systems put a byte order mark before what they save.
    let json = given.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&given);
    let params: Value = serde_json::from_slice(json)
        .map_err(|error| RpcError::new(&codes::USAGE, format!("The parameters are not JSON: {error}.")))?;
    if !params.is_object() {
        let message = "The parameters must be a JSON object, such as {\"persona\":\"alice\"}.";
        return Err(RpcError::new(&codes::USAGE, message));
    }
    let result = context.client().await?.call_raw(&args.method, params).await?;
    context.out.value(&result)?;
    Ok(Exit::Ok)
}
