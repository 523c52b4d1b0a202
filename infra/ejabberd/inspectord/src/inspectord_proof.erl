%% The password that a login was proved by, from check_password to the hook c2s_auth_result. Both run in the connection's
%% own process (ejabberd_auth:check_password_with_authmodule/4, xmpp_stream_in), and there it is kept meanwhile.
-module(inspectord_proof).

-export([keep/4, take/2, drop/0]).

%% Keeps the password of a login that was allowed, if the host's logins are watched. Returns the answer.
-spec keep(binary(), binary(), binary(), Answer) -> Answer.
keep(User, Host, Password, {_, true} = Answer) ->
    case gen_mod:is_loaded(Host, mod_inspectord) of
        true -> erlang:put(?MODULE, {User, Host, inspectord_secret:hide(Password)});
        false -> ok
    end,
    Answer;
keep(_User, _Host, _Password, Answer) -> Answer.

%% Returns the password that this process proved this user by, once.
-spec take(binary(), binary()) -> {ok, inspectord_secret:secret()} | none.
take(User, Host) ->
    case erlang:erase(?MODULE) of
        {User, Host, Secret} -> {ok, Secret};
        _ -> none
    end.

-spec drop() -> ok.
drop() ->
    _ = erlang:erase(?MODULE),
    ok.
