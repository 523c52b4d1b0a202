%% `modules: mod_inspectord`: ends the chat connections whose session has ended on the site. docs/logout.md says what the
%% options mean and what is to be decided. The hooks here run in the connection's own process: they tie a connection to
%% the login that was proved in it (inspectord_proof), which is then watched (inspectord_watch).
-module(mod_inspectord).
-behaviour(gen_mod).

-include_lib("kernel/include/logger.hrl").
-include_lib("ejabberd/include/ejabberd_commands.hrl").

-export([start/2, stop/1, reload/3, depends/2, mod_opt_type/1, mod_options/1, mod_doc/0]).
-export([c2s_auth_result/3, c2s_inline_features/2, c2s_inline_features/3, c2s_handle_sasl2_inline/1]).
-export([watch_command/1, release_command/1]).

%% sun_path of unix(7) has 108 bytes, the last of which is 0.
-define(MAX_SOCKET_BYTES, 107).
-define(MIN_INTERVAL_MS, 5000).
-define(MAX_INTERVAL_MS, 600000).
%% After mod_auth_fast (50) has offered its tokens, and before it grants one (10).
-define(AFTER_FAST_OFFERS, 90).
-define(BEFORE_FAST_GRANTS, 5).

start(Host, Options) ->
    {ok, _} = application:ensure_all_started(inspectord),
    connect(Options),
    warn_of_auth_method(Host),
    ejabberd_hooks:add(c2s_auth_result, Host, ?MODULE, c2s_auth_result, 50),
    ejabberd_hooks:add(c2s_inline_features, Host, ?MODULE, c2s_inline_features, ?AFTER_FAST_OFFERS),
    ejabberd_hooks:add(c2s_handle_sasl2_inline, Host, ?MODULE, c2s_handle_sasl2_inline, ?BEFORE_FAST_GRANTS),
    ejabberd_commands:register_commands(?MODULE, commands()),
    inspectord_watch:start(Host).

stop(Host) ->
    ejabberd_hooks:delete(c2s_auth_result, Host, ?MODULE, c2s_auth_result, 50),
    ejabberd_hooks:delete(c2s_inline_features, Host, ?MODULE, c2s_inline_features, ?AFTER_FAST_OFFERS),
    ejabberd_hooks:delete(c2s_handle_sasl2_inline, Host, ?MODULE, c2s_handle_sasl2_inline, ?BEFORE_FAST_GRANTS),
    gen_mod:is_loaded_elsewhere(Host, ?MODULE) orelse ejabberd_commands:unregister_commands(commands()),
    inspectord_watch:stop(Host),
    keep_connections(lists:delete(Host, ejabberd_option:hosts())).

reload(Host, Options, _Before) ->
    connect(Options),
    keep_connections(ejabberd_option:hosts()),
    inspectord_watch:reload(Host).

depends(_Host, _Options) -> [].

mod_doc() -> #{}.

mod_options(_Host) ->
    [{socket, "/run/inspectord/relay.sock"}, {interval, 10000}, {confirm_after, 2000}, {mode, observe},
     {brake_percent, 20}, {brake_least, 50}, {brake_hold, 600000}, {hint_token, none}, {sessionless, refuse}].

mod_opt_type(socket) ->
    econf:and_then(econf:string(),
                   fun(Path = "/" ++ _) when length(Path) =< ?MAX_SOCKET_BYTES -> Path;
                      (_) -> wrong("Write the path of the relay's socket, as its --listen has it: it begins with / and "
                                   "has at most 107 characters")
                   end);
mod_opt_type(interval) ->
    econf:either(off, econf:and_then(econf:timeout(second), between(?MIN_INTERVAL_MS, ?MAX_INTERVAL_MS,
                                                                   "Write off, or a time from 5s to 10m")));
mod_opt_type(confirm_after) -> econf:and_then(econf:timeout(second), between(1000, 60000, "Write a time from 1s to 60s"));
mod_opt_type(mode) -> econf:enum([observe, 'end']);
mod_opt_type(brake_percent) -> econf:int(1, 100);
mod_opt_type(brake_least) -> econf:pos_int();
mod_opt_type(brake_hold) -> econf:and_then(econf:timeout(second), between(1000, 86400000, "Write a time from 1s to 24h"));
mod_opt_type(hint_token) ->
    %% Neither a message nor a report holds the token.
    econf:and_then(econf:binary(),
                   fun(Token) ->
                           case re:run(Token, "^[A-Za-z0-9._~+/-]{22,256}=*$", [{capture, none}, dollar_endonly]) of
                               match -> inspectord_secret:hide(Token);
                               _ -> wrong("Write a token of 22 to 256 letters, digits and . _ ~ + / -, such as the output "
                                          "of: openssl rand -hex 24")
                           end
                   end);
mod_opt_type(sessionless) -> econf:enum([refuse, allow]).

between(LeastMs, MostMs, Message) ->
    fun(Ms) when Ms >= LeastMs, Ms =< MostMs -> Ms;
       (_) -> wrong(Message)
    end.

-spec wrong(string()) -> no_return().
wrong(Message) -> econf:fail({invalid_syntax, Message}).

connect(#{socket := Path, interval := Interval, hint_token := Token}) ->
    {Interval, Token} =:= {off, none} andalso
        ?LOG_ERROR("inspectord: interval: off, and no hint_token: no logout ends a chat. Write an interval, or a "
                   "hint_token that the site has, too", []),
    inspectord_sup:connect({watch, Path}).

warn_of_auth_method(Host) ->
    Methods = ejabberd_option:auth_method(Host),
    Methods -- [inspectord, extguard] =:= Methods andalso
        ?LOG_ERROR("inspectord: host ~ts: auth_method is ~0p: no login is watched, and no logout ends a chat. Write "
                   "auth_method: [inspectord], or [extguard]", [Host, Methods]).

%% Ends the connections to the relay that none of these hosts uses.
keep_connections(Hosts) ->
    inspectord_sup:keep(watch, [gen_mod:get_module_opt(Host, ?MODULE, socket) || Host <- Hosts,
                                                                                 gen_mod:is_loaded(Host, ?MODULE)]).

%% Hooks.

c2s_auth_result(State = #{auth_module := Module, lserver := Host}, true, User)
  when Module =:= ejabberd_auth_inspectord; Module =:= ejabberd_auth_extguard ->
    watch(inspectord_proof:take(jid:nodeprep(User), Host), jid:nodeprep(User), State);
c2s_auth_result(State = #{auth_module := Module, lserver := Host}, true, User)
  when Module =:= mod_auth_fast; Module =:= ejabberd_oauth ->
    inspectord_proof:drop(),
    inspectord_watch:sessionless(Host),
    sessionless(gen_mod:get_module_opt(Host, ?MODULE, sessionless), User, State);
%% Certificates, robots: whom another method of ejabberd's proves is none of the site's.
c2s_auth_result(State, _Result, _User) ->
    inspectord_proof:drop(),
    State.

watch({ok, Secret}, User, State = #{lserver := Host}) ->
    %% A password with a NUL would be two in the watch's question. No session id and no ticket has one.
    case binary:match(inspectord_secret:show(Secret), <<0>>) =:= nomatch andalso inspectord_logins:watch(Host, User, Secret) of
        ok -> State;
        _ -> unwatched("the table of logins is away", User, State)
    end;
watch(none, User, State) -> unwatched("its password was not checked in its own process", User, State).

%% A login whose logout would not end it is not let in.
unwatched(Why, User, State = #{lserver := Host}) ->
    ?LOG_ERROR("inspectord: unwatched-login: a login of ~ts@~ts cannot be watched: ~ts", [User, Host, Why]),
    case gen_mod:get_module_opt(Host, ?MODULE, mode) of
        observe -> State;
        'end' -> {stop, ejabberd_c2s:send(State, xmpp:serr_internal_server_error())}
    end.

sessionless(allow, _User, State) -> State;
sessionless(refuse, User, State = #{lserver := Host, auth_module := Module}) ->
    case gen_mod:get_module_opt(Host, ?MODULE, mode) of
        observe ->
            ?LOG_NOTICE("inspectord: sessionless-login: ~ts@~ts logged in by ~ts, behind which no session stands. With "
                        "mode: end such logins are refused", [User, Host, Module]),
            State;
        'end' ->
            ?LOG_WARNING("inspectord: sessionless-login: a login of ~ts@~ts by ~ts is refused: no session stands behind "
                         "it", [User, Host, Module]),
            {stop, ejabberd_c2s:send(State, xmpp:serr_not_authorized())}
    end.

%% XEP-0484: a token outlives the session that it was got with, so it is not offered.
c2s_inline_features({Sasl, Bind, Extra} = Features, Host) ->
    case refuses_sessionless(Host) of
        true -> {[Feature || Feature <- Sasl, element(1, Feature) =/= fast], Bind, Extra};
        false -> Features
    end.

%% ejabberd 26.07 tells its state, too.
c2s_inline_features(Features, Host, _State) -> c2s_inline_features(Features, Host).

%% Nor is it granted to a client that asks for it unbidden.
c2s_handle_sasl2_inline({State = #{lserver := Host}, Elements, Results} = Request) ->
    case refuses_sessionless(Host) of
        true -> {State, [Element || Element <- Elements, element(1, Element) =/= fast_request_token], Results};
        false -> Request
    end.

refuses_sessionless(Host) ->
    gen_mod:get_module_opt(Host, ?MODULE, mode) =:= 'end' andalso
        gen_mod:get_module_opt(Host, ?MODULE, sessionless) =:= refuse.

%% Commands.

commands() ->
    [#ejabberd_commands{name = inspectord_watch, tags = [inspectord],
                        desc = "What the watch over ended sessions has seen on a host, on this node",
                        module = ?MODULE, function = watch_command,
                        args = [{host, binary}], args_example = [<<"example.org">>], args_desc = ["XMPP host"],
                        %% Not {name, ...}: ejabberd 24.12 with OTP 27 answers a list of such by HTTP with 400.
                        result = {watch, {list, {count, {tuple, [{counter, string}, {seen, string}]}}}}},
     #ejabberd_commands{name = inspectord_release, tags = [inspectord],
                        desc = "End the chats that the brake holds on a host, on this node, 20 a second",
                        module = ?MODULE, function = release_command,
                        args = [{host, binary}], args_example = [<<"example.org">>], args_desc = ["XMPP host"],
                        result = {res, restuple}}].

watch_command(Host) ->
    case gen_mod:is_loaded(Host, ?MODULE) of
        true -> [{shown(Name), shown(Value)} || {Name, Value} <- inspectord_watch:status(Host)];
        false -> [{atom_to_list(?MODULE), "not loaded on this host"}]
    end.

shown(Value) when is_atom(Value) -> atom_to_list(Value);
shown(Value) -> integer_to_list(Value).

release_command(Host) ->
    case gen_mod:is_loaded(Host, ?MODULE) of
        true -> {ok, io_lib:format("~B logins are released", [inspectord_watch:release(Host)])};
        false -> {error, io_lib:format("~ts has no mod_inspectord", [Host])}
    end.
