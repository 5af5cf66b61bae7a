use bauta_ipc::{Exit, RpcError, codes};
use serde_json::Value;

use crate::Context;
use crate::args::Rpc;

/// `bauta rpc`: prints the result as JSON.
pub(super) async fn run(args: Rpc, context: &Context) -> Result<Exit, RpcError> {
    let params: Value = serde_json::from_str(&args.params)
        .map_err(|error| RpcError::new(&codes::USAGE, format!("The parameters are not JSON: {error}.")))?;
    if !params.is_object() {
        return Err(RpcError::new(
            &codes::USAGE,
            "The parameters must be a JSON object, such as {\"persona\":\"alice\"}.",
        ));
    }
    let result = context.client().await?.call_raw(&args.method, params).await?;
    context.out.value(&result)?;
    Ok(Exit::Ok)
}
