%% What ejabberd is told when it asks whether a user exists, and why that must not be "no" for everybody beside
%% `anonymous_protocol: login_anon`: that lets in, with any password, under each name that no other auth method knows.
-module(inspectord_user_exists).

-include_lib("kernel/include/logger.hrl").

-export([check/3, answer/2]).

%% A name that no user of a site has, since none begins with a space.
-define(NOBODY, <<"\\20inspectord">>).
%% What a session id may look like: the relay refuses anything else without asking.
-define(NO_SESSION, <<"inspectord0asks0for0nobody">>).

%% Ends ejabberd's start where the relay answers that users do not exist (ISUSER_POLICY=none) and login_anon would let
%% everybody in as any of them. The relay learns the policy from the answer to a login, so a login of nobody is asked
%% first, with `CheckPassword`, and then `UserExists`.
-spec check(binary(), fun((binary(), binary()) -> term()), fun((binary()) -> inspectord_relay:login_answer())) -> ok.
check(Host, CheckPassword, UserExists) ->
    case is_login_anon(Host) of
        true ->
            Check = fun() -> tell(Host, policy(CheckPassword, UserExists)) end,
            case inspectord_sup:is_starting() of
                true -> Check();
                %% A reload waits for no relay: the other hosts' changes are behind it. answer/2 keeps the doors shut.
                false -> spawn(Check), ok
            end;
        false -> ok
    end.

tell(Host, Policy) ->
    case Policy of
        no ->
            ?LOG_CRITICAL("inspectord: host ~ts does not start: anonymous_protocol is login_anon and the relay answers "
                          "that users do not exist, so everybody could log in as any user with any password. Set "
                          "ISUSER_POLICY=all in the function and ~ts in its SERVED_HOSTS, or anonymous_protocol: "
                          "sasl_anon in ejabberd.yml", [Host, Host]),
            %% A reload must not end a server that runs.
            inspectord_sup:is_starting() andalso exit(login_anon_without_user_exists),
            ok;
        unknown ->
            ?LOG_WARNING("inspectord: host ~ts: anonymous_protocol is login_anon and the relay does not answer yet "
                         "whether users exist: login_anon lets nobody in until it does", [Host]);
        _ -> ok
    end.

%% Returns what ejabberd is told. A user exists where it is not known: ejabberd would take an error for "no", send back
%% the messages to that user and open login_anon. Beside login_anon "no" is never told.
-spec answer(binary(), inspectord_relay:login_answer()) -> boolean().
answer(Host, no) -> is_login_anon(Host);
answer(_Host, _) -> true.

policy(CheckPassword, UserExists) ->
    CheckPassword(?NOBODY, ?NO_SESSION),
    UserExists(?NOBODY).

is_login_anon(Host) ->
    lists:member(anonymous, ejabberd_option:auth_method(Host)) andalso
        lists:member(ejabberd_option:anonymous_protocol(Host), [login_anon, both]).
