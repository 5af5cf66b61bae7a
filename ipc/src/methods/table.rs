//! The macro behind the table of methods.
//!
//! A row is all that the crate knows of a method. From it come the [`Method`](crate::Method) type, the entry of `METHODS`,
//! the function of the area's trait, the arm of `dispatch`, the row of `docs/api.md` and the entry of `openrpc.json`.
//! What a row says about personas is checked by the compiler, because nothing fails when it is forgotten: a method that
//! answers about every persona would answer a pairing that is limited to one.
//!
//! - `Named`: the parameters must have a field `persona` ([`NamesPersona`](crate::reach::NamesPersona)).
//! - `Listed`: a field `personas` as well, which the connection's limit is written into.
//! - `Cut`: the result must say what is taken out of it ([`Cut`](crate::reach::Cut)), be it nothing.
//! - `Among`: the parameters must have a field `personas`, and the result says what is taken out of it.
//! - `Any`: nothing to check; a limited pairing is refused.

macro_rules! methods {
    (
        connection { $($own:tt)+ }
        $($(#[doc = $about:literal])+ $area:ident { $($rows:tt)+ })+
    ) => {
        methods!(@types $($own)+ $($($rows)+)+);
        methods!(@reaches $($own)+ $($($rows)+)+);
        $(methods!(@area $(#[doc = $about])+ $area { $($rows)+ });)+
        methods!(@dispatch $($($rows)+)+);
        methods!(@each ($) $($area { $($rows)+ })+);

        /// What a daemon offers: all areas, and the log.
        ///
        /// The server has checked the grant and the shape of the parameters; their meaning is checked by the function.
        /// A future may be dropped at any await, because the caller has gone:
        /// what is committed stays, and the rest does not happen.
        /// Errors have one of [`crate::codes`].
        pub trait Api: EventApi $(+ $area)+ {}

        impl<T: EventApi $(+ $area)+> Api for T {}
    };
    (@types $(
        #[doc = $summary:literal] $(#[doc = $contract:literal])*
        $method:ident $name:literal $($call:ident)? ($params:ty) -> $result:ty,
            $grant:ident, $reach:ident, $network:ident, $reveals:literal;
    )+) => {
        $(
            #[doc = $summary]
            #[derive(Clone, Copy, Debug)]
            pub struct $method;

            impl Method for $method {
                const NAME: &'static str = $name;
                const SUMMARY: &'static str = $summary;
                const GRANT: Option<Need> = methods!(@grant $grant);
                const REACH: Reach = Reach::$reach;
                const NETWORK: NetworkUse = NetworkUse::$network;
                const REVEALS: &'static str = $reveals;
                type Params = $params;
                type Result = $result;
            }
        )+

        /// Every method, in the order of `docs/api.md`.
        pub static METHODS: &[MethodInfo] = &[$(MethodInfo::of::<$method>()),+];
    };
    (@grant Free) => { None };
    (@grant AnyGrant) => { Some(Need::Any) };
    (@grant $grant:ident) => { Some(Need::One(Grant::$grant)) };
    (@reaches $(
        #[doc = $summary:literal] $(#[doc = $contract:literal])*
        $method:ident $name:literal $($call:ident)? ($params:ty) -> $result:ty,
            $grant:ident, $reach:ident, $network:ident, $reveals:literal;
    )+) => {
        $(methods!(@reach $reach $params, $result);)+
    };
    (@reach Named $params:ty, $result:ty) => {
        const _: fn(&$params) -> &dyn NamesPersona = |params| &params.persona;
    };
    (@reach Listed $params:ty, $result:ty) => {
        const _: fn(&$params) = |params| {
            let _: &dyn ListsPersonas = &(&params.persona, &params.personas);
        };
    };
    (@reach Cut $params:ty, $result:ty) => {
        const _: fn(&mut $result, View<'_>) = <$result as Cut>::cut;
    };
    (@reach Among $params:ty, $result:ty) => {
        const _: fn(&$params) -> &Option<Vec<String>> = |params| &params.personas;
        const _: fn(&mut $result, View<'_>) = <$result as Cut>::cut;
    };
    (@reach Any $params:ty, $result:ty) => {};
    (@area $(#[doc = $about:literal])+ $area:ident { $(
        #[doc = $summary:literal] $(#[doc = $contract:literal])*
        $method:ident $name:literal $call:ident ($params:ty) -> $result:ty,
            $grant:ident, $reach:ident, $network:ident, $reveals:literal;
    )+ }) => {
        $(#[doc = $about])+
        #[async_trait]
        pub trait $area: Send + Sync + 'static {
            $(
                #[doc = $summary] $(#[doc = $contract])*
                async fn $call(&self, params: $params) -> Result<$result, RpcError>;
            )+
        }
    };
    // The dollar comes from outside, because a macro cannot write one into a macro that it makes.
    (@each ($dollar:tt) $($area:ident { $(
        #[doc = $summary:literal] $(#[doc = $contract:literal])*
        $method:ident $name:literal $call:ident ($params:ty) -> $result:ty,
            $grant:ident, $reach:ident, $network:ident, $reveals:literal;
    )+ })+) => {
        /// Calls a macro with each area and its functions and methods, as in
        /// `StatusApi { status_get StatusGet; }`: for a daemon that treats all methods alike, such as a test's.
        #[macro_export]
        macro_rules! for_each_area {
            ($dollar implement:ident) => {
                $($dollar implement! { $area { $($call $method;)+ } })+
            };
        }
    };
    (@dispatch $(
        #[doc = $summary:literal] $(#[doc = $contract:literal])*
        $method:ident $name:literal $call:ident ($params:ty) -> $result:ty,
            $grant:ident, $reach:ident, $network:ident, $reveals:literal;
    )+) => {
        /// Reads the parameters, calls the API, takes out what the caller may not see, and writes the result.
        /// The caller has checked the grant and the persona. No view: all of the result is for the caller.
        pub(crate) async fn dispatch(
            api: &dyn Api,
            view: Option<View<'_>>,
            name: &str,
            params: Value,
        ) -> Result<Value, RpcError> {
            match name {
                $($name => {
                    let result = api.$call(read::<$params>(params)?).await?;
                    write(&methods!(@cut $reach result, view))
                })+
                _ => Err(unknown(name)),
            }
        }
    };
    (@cut Cut $result:ident, $view:ident) => {{
        let mut result = $result;
        if let Some(view) = $view {
            result.cut(view);
        }
        result
    }};
    (@cut Among $result:ident, $view:ident) => { methods!(@cut Cut $result, $view) };
    (@cut $reach:ident $result:ident, $view:ident) => { $result };
}
