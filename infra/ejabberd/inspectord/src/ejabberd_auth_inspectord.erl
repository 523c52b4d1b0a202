%% `auth_method: [inspectord]`: ejabberd asks InspectorD's relay, over one connection to its socket for all hosts and
%% logins. docs/chat-host.md says how it is installed.
%%
%% What would create, change or remove an account is left out, and so refused: accounts are the site's.
-module(ejabberd_auth_inspectord).
-behaviour(ejabberd_auth).

-include_lib("kernel/include/logger.hrl").

-export([start/1, stop/1, reload/1, plain_password_required/1, store_type/1, use_cache/1,
         check_password/4, user_exists/2]).

%% A frame has 65535 bytes: less a number, "auth:", a user and a host of 1023 bytes each, and two colons.
-define(MAX_PASSWORD_BYTES, 60000).
%% The relay itself answers within 20 seconds at most; the rest is for one that restarts.
-define(LOGIN_MS, 25000).
%% ejabberd asks for users while it delivers messages, and a user who is not known counts as there.
-define(USER_EXISTS_MS, 5000).
%% A relay that is there knows the policy, or that it does not, at once.
-define(POLICY_MS, 1000).
%% Between two looks at which socket a host has after a reload.
-define(MOVE_MS, 100).
-define(DEFAULT_SOCKET, "/run/inspectord/relay.sock").

start(Host) ->
    case socket(Host) of
        {ok, Path} ->
            inspectord_sup:connect({login, Path}),
            inspectord_user_exists:check(Host,
                                         fun(User, Password) -> ask_password(User, Host, Password, ?USER_EXISTS_MS) end,
                                         fun(User) -> ask(Host, ["isuser:", User, $:, Host], ?POLICY_MS) end);
        error ->
            ?LOG_CRITICAL("inspectord: host ~ts does not start: extauth_program names no socket. Write the path of the "
                          "relay's socket, extauth_program: ~ts", [Host, ?DEFAULT_SOCKET]),
            %% A reload must not end a server that runs; logins are refused then.
            inspectord_sup:is_starting() andalso exit(extauth_program_without_socket)
    end.

stop(Host) -> keep_sockets(lists:delete(Host, ejabberd_option:hosts())).

reload(Host) ->
    start(Host),
    keep_sockets(ejabberd_option:hosts()).

plain_password_required(_Host) -> true.

store_type(_Host) -> external.

%% ejabberd's cache compares passwords, and a session id changes: a user's second session would be refused and an ended
%% one let in. So there is no cache, even with auth_use_cache: true.
use_cache(_Host) -> false.

check_password(User, AuthzId, _Host, _Password) when AuthzId =/= <<>>, AuthzId =/= User -> {nocache, false};
check_password(_User, _AuthzId, _Host, Password) when byte_size(Password) > ?MAX_PASSWORD_BYTES -> {nocache, false};
check_password(User, _AuthzId, Host, Password) ->
    inspectord_proof:keep(User, Host, Password, {nocache, ask_password(User, Host, Password, ?LOGIN_MS) =:= yes}).

user_exists(User, Host) -> {nocache, inspectord_user_exists:answer(Host, ask_user_exists(User, Host))}.

ask_password(User, Host, Password, WithinMs) -> ask(Host, ["auth:", User, $:, Host, $:, Password], WithinMs).

ask_user_exists(User, Host) -> ask(Host, ["isuser:", User, $:, Host], ?USER_EXISTS_MS).

ask(Host, Question, WithinMs) -> ask_until(Host, Question, erlang:monotonic_time(millisecond) + WithinMs).

ask_until(Host, Question, UntilMs) ->
    LeftMs = max(0, UntilMs - erlang:monotonic_time(millisecond)),
    case socket(Host) of
        {ok, Path} ->
            case inspectord_relay:ask(Path, Question, LeftMs) of
                moved when LeftMs > ?MOVE_MS ->
                    timer:sleep(?MOVE_MS),
                    ask_until(Host, Question, UntilMs);
                moved -> unknown;
                Answer -> Answer
            end;
        error -> unknown
    end.

%% Ends the connections that none of these hosts uses.
keep_sockets(Hosts) ->
    inspectord_sup:keep(login, [Path || Host <- Hosts, lists:member(inspectord, ejabberd_option:auth_method(Host)),
                                        {ok, Path} <- [socket(Host)]]).

%% extauth_program is the socket's path, or the line of the pool that this module replaces: going over is one word.
socket(Host) -> socket_of(ejabberd_option:extauth_program(Host)).

socket_of(undefined) -> {ok, ?DEFAULT_SOCKET};
socket_of(Program) ->
    case re:run(Program, "UNIX-CONNECT:([^,' ]+)|^(/[^ ]+)$", [unicode, {capture, all_but_first, list}]) of
        {match, Found} -> {ok, lists:last(Found)};
        nomatch -> error
    end.
