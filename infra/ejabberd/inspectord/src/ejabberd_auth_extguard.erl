%% `auth_method: [extguard]`: ejabberd's external authentication with a guard in front of it. A password that is too long
%% for a frame of extauth (65535 bytes) is refused here. extauth's port fails on it instead, and ejabberd asks the whole
%% pool in turn: one such login, by anybody, ends every program of the pool, and about twenty of them in a row end the
%% logins and BOSH until ejabberd is restarted. max_stanza_size stops them over TCP and BOSH; ejabberd has no limit for
%% WebSocket, HTTP Basic and MQTT. docs/chat-host.md says how it is installed.
%%
%% What would create, change or remove an account is left out, and so refused: accounts are the site's.
-module(ejabberd_auth_extguard).
-behaviour(ejabberd_auth).

-export([start/1, stop/1, reload/1, plain_password_required/1, store_type/1, use_cache/1,
         check_password/4, user_exists/2]).

%% 65535 less "auth:", a user and a host of 1023 bytes each, and two colons: 63482, rounded down.
-define(MAX_PASSWORD_BYTES, 60000).

start(Host) ->
    ejabberd_auth_external:start(Host),
    check(Host).

stop(Host) -> ejabberd_auth_external:stop(Host).

reload(Host) ->
    ejabberd_auth_external:reload(Host),
    check(Host).

plain_password_required(Host) -> ejabberd_auth_external:plain_password_required(Host).

store_type(Host) -> ejabberd_auth_external:store_type(Host).

%% ejabberd's cache compares passwords, and a session id changes: a user's second session would be refused and an ended
%% one let in. So there is no cache, even with auth_use_cache: true.
use_cache(_Host) -> false.

check_password(User, AuthzId, _Host, _Password) when AuthzId =/= <<>>, AuthzId =/= User -> {nocache, false};
check_password(_User, _AuthzId, _Host, Password) when byte_size(Password) > ?MAX_PASSWORD_BYTES -> {nocache, false};
check_password(User, AuthzId, Host, Password) ->
    inspectord_proof:keep(User, Host, Password, ejabberd_auth_external:check_password(User, AuthzId, Host, Password)).

user_exists(User, Host) -> {nocache, inspectord_user_exists:answer(Host, ask(User, Host))}.

check(Host) ->
    inspectord_user_exists:check(Host,
                                 fun(User, Password) -> check_password(User, <<>>, Host, Password) end,
                                 fun(User) -> ask(User, Host) end).

ask(User, Host) ->
    case ejabberd_auth_external:user_exists(User, Host) of
        {_, true} -> yes;
        {_, false} -> no;
        {_, {error, _}} -> unknown
    end.
