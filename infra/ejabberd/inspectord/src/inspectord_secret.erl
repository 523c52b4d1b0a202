%% Secrets as functions: what prints a term, such as a crash report, a trace or a shell, prints no password.
-module(inspectord_secret).

-export([hide/1, show/1]).

-opaque secret() :: fun(() -> binary()).
-export_type([secret/0]).

-spec hide(binary()) -> secret().
hide(Bytes) -> fun() -> Bytes end.

-spec show(secret()) -> binary().
show(Secret) -> Secret().
