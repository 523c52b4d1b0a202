%% One connection to the relay's socket, over which many questions are in flight. What is said over it:
%% relay/numbered-frames.ts in the relay's source. This process hands out numbers and passes on answers; the asker itself
%% writes its question to the socket (inspectord_relay). So nothing of a login is ever in this process, and none of its
%% state, messages and crash reports can hold a password.
-module(inspectord_connection).
-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").

-export([start_link/1, join/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(HELLO, <<"hello:1">>).
-define(HELLO_TIMEOUT_MS, 5000).
%% Between two tries to reach a relay that is absent or restarting.
-define(RETRY_MS, 100).
%% sun_path of unix(7), in bytes.
-define(MAX_PATH, 108).
%% Between two tries to find a relay that knows numbered frames where an older one listens.
-define(UPGRADE_MS, 10000).
%% A relay that closes the connection in place of an answer to hello may also be one that stops: only after this many
%% times in a row does it count as an older one.
-define(MAX_CLOSED, 3).
-define(SWEEP_MS, 5000).
%% No asker waits longer than this for the relay to read.
-define(SEND_TIMEOUT_MS, 25000).
%% A relay that sends more messages than this at once waits for this process.
-define(MESSAGES_AT_ONCE, 100).

%% An asker: where answers go, and until when it waits (erlang:monotonic_time(millisecond)).
-type asker() :: {reference(), UntilMs :: integer()}.

-record(state, {path :: inspectord_sup:path(),
                socket :: gen_tcp:socket() | undefined,
                phase = away :: away | greeting | numbered,
                %% Whether the relay that was reached last is too old for numbered frames.
                is_old = false :: boolean(),
                %% How many times in a row hello was not answered.
                closed = 0 :: non_neg_integer(),
                %% Whether the log says that the relay cannot be reached.
                is_reported = false :: boolean(),
                timer :: reference() | undefined,
                next = 0 :: 0..16#ffffffff,
                %% By its number, who waits for an answer.
                asked = #{} :: #{0..16#ffffffff => asker()},
                %% Who waits for a number.
                waiting = [] :: [asker()]}).

-spec start_link(inspectord_sup:connection()) -> {ok, pid()} | {error, term()}.
start_link({_, Path} = Connection) -> gen_server:start_link({local, name(Connection)}, ?MODULE, Path, []).

%% Returns a reference `Ref` by which the caller gets
%%   {Ref, {send, Socket, Number}}  to write its question, with this number, to this socket; again with other ones where
%%                                  the connection was lost
%%   {Ref, {answer, inspectord_relay:answer()}}
%%   {Ref, alone}                   to ask over a connection of its own: the relay is an older one
%%   {'DOWN', Ref, process, _, _}   to join again
%% The caller ends it by erlang:unalias/1 and erlang:demonitor/2.
-spec join(inspectord_sup:connection(), UntilMs :: integer()) -> reference().
join(Connection, UntilMs) ->
    Name = name(Connection),
    Ref = erlang:monitor(process, Name, [{alias, explicit_unalias}]),
    gen_server:cast(Name, {join, {Ref, UntilMs}}),
    Ref.

%% An atom has 255 characters at most. Paths that differ only further on are too long for any socket.
name({login, Path}) -> list_to_atom("inspectord:" ++ lists:sublist(Path, ?MAX_PATH));
name({watch, Path}) -> list_to_atom("inspectord_watch:" ++ lists:sublist(Path, ?MAX_PATH)).

init(Path) ->
    erlang:send_after(?SWEEP_MS, self(), sweep),
    {ok, connect(#state{path = Path})}.

handle_call(_Request, _From, State) -> {reply, {error, unknown_request}, State}.

handle_cast({join, Asker}, State = #state{phase = numbered}) -> {noreply, number(Asker, State)};
handle_cast({join, {Ref, _}}, State = #state{is_old = true}) ->
    Ref ! {Ref, alone},
    {noreply, State};
handle_cast({join, Asker}, State = #state{waiting = Waiting}) -> {noreply, State#state{waiting = [Asker | Waiting]}};
handle_cast(_Message, State) -> {noreply, State}.

handle_info({tcp, Socket, Frame}, State = #state{socket = Socket, phase = Phase}) -> {noreply, frame(Phase, Frame, State)};
handle_info({tcp_passive, Socket}, State = #state{socket = Socket}) ->
    _ = inet:setopts(Socket, [{active, ?MESSAGES_AT_ONCE}]),
    {noreply, State};
handle_info({tcp_closed, Socket}, State = #state{socket = Socket}) -> {noreply, lost(State)};
handle_info({tcp_error, Socket, _Reason}, State = #state{socket = Socket}) ->
    gen_tcp:close(Socket),
    {noreply, lost(State)};
handle_info({timeout, Timer, connect}, State = #state{timer = Timer}) -> {noreply, connect(State)};
handle_info({timeout, Timer, no_hello}, State = #state{timer = Timer, socket = Socket}) ->
    ?LOG_ERROR("inspectord: what listens on ~ts is silent: is it the relay?", [State#state.path]),
    gen_tcp:close(Socket),
    {noreply, connect_later(?RETRY_MS, State)};
handle_info(sweep, State) ->
    erlang:send_after(?SWEEP_MS, self(), sweep),
    {noreply, sweep(State)};
%% Of a connection or a timer that is over.
handle_info(_Message, State) -> {noreply, State}.

%% Tries to reach the relay, and says hello.
connect(State = #state{path = Path}) ->
    Options = [binary, {packet, 2}, {active, ?MESSAGES_AT_ONCE},
               {send_timeout, ?SEND_TIMEOUT_MS}, {send_timeout_close, true}],
    %% It exits where the path is no address. That must not end the reload of a configuration, and ejabberd with it.
    case try gen_tcp:connect({local, Path}, 0, Options, 1000) catch exit:Exit -> {error, Exit} end of
        {ok, Socket} ->
            case gen_tcp:send(Socket, ?HELLO) of
                ok ->
                    Timer = erlang:start_timer(?HELLO_TIMEOUT_MS, self(), no_hello),
                    State#state{socket = Socket, phase = greeting, timer = Timer};
                {error, _} ->
                    gen_tcp:close(Socket),
                    connect_later(?RETRY_MS, State)
            end;
        {error, Reason} ->
            State#state.is_reported orelse
                ?LOG_WARNING("inspectord: no relay at ~ts (~p): logins wait for it", [Path, Reason]),
            connect_later(?RETRY_MS, State#state{is_reported = true})
    end.

connect_later(AfterMs, State) ->
    State#state{socket = undefined, phase = away, timer = erlang:start_timer(AfterMs, self(), connect)}.

frame(greeting, ?HELLO, State = #state{path = Path, timer = Timer, waiting = Waiting}) ->
    _ = erlang:cancel_timer(Timer),
    ?LOG_INFO("inspectord: connected to the relay at ~ts", [Path]),
    lists:foldr(fun number/2, State#state{phase = numbered, timer = undefined, is_old = false, is_reported = false,
                                         closed = 0, waiting = []}, Waiting);
frame(greeting, _Frame, State = #state{socket = Socket}) ->
    gen_tcp:close(Socket),
    alone(State);
frame(numbered, <<Number:32, Byte>>, State) when Byte =< 2 -> answer(Number, answer_of(Byte), State);
frame(numbered, <<Number:32, "still:", Answers/binary>>, State) -> answer(Number, {still, Answers}, State);
frame(numbered, _Frame, State = #state{path = Path, socket = Socket}) ->
    ?LOG_ERROR("inspectord: ~ts does not answer as the relay does: connecting again", [Path]),
    gen_tcp:close(Socket),
    lost(State).

answer_of(0) -> no;
answer_of(1) -> yes;
answer_of(2) -> unknown.

answer(Number, Answer, State = #state{asked = Asked}) ->
    case maps:take(Number, Asked) of
        {{Ref, _}, Others} ->
            Ref ! {Ref, {answer, Answer}},
            State#state{asked = Others};
        error -> State
    end.

%% The relay does not answer hello: each question gets a connection of its own.
alone(State = #state{path = Path, timer = Timer, is_old = WasOld, waiting = Waiting}) ->
    _ = erlang:cancel_timer(Timer),
    WasOld orelse ?LOG_WARNING("inspectord: the relay at ~ts is an older one: each login takes a connection of its own", [Path]),
    [Ref ! {Ref, alone} || {Ref, _} <- Waiting],
    connect_later(?UPGRADE_MS, State#state{is_old = true, waiting = []}).

%% What was in flight is asked again: a question changes nothing.
lost(State = #state{phase = greeting, closed = Closed}) when Closed + 1 >= ?MAX_CLOSED -> alone(State#state{closed = 0});
lost(State = #state{phase = greeting, timer = Timer, closed = Closed}) ->
    _ = erlang:cancel_timer(Timer),
    connect_later(?RETRY_MS, State#state{closed = Closed + 1});
lost(State = #state{asked = Asked, waiting = Waiting}) ->
    %% Not at once: what ends each connection would be connected to without a pause.
    connect_later(?RETRY_MS, State#state{asked = #{}, waiting = Waiting ++ maps:values(Asked)}).

number(Asker = {Ref, _}, State = #state{socket = Socket, next = Number, asked = Asked}) ->
    Ref ! {Ref, {send, Socket, Number}},
    State#state{next = (Number + 1) band 16#ffffffff, asked = Asked#{Number => Asker}}.

%% Forgets the askers that no longer wait.
sweep(State = #state{asked = Asked, waiting = Waiting}) ->
    NowMs = erlang:monotonic_time(millisecond),
    State#state{asked = maps:filter(fun(_, {_, UntilMs}) -> UntilMs > NowMs end, Asked),
                waiting = [Asker || Asker = {_, UntilMs} <- Waiting, UntilMs > NowMs]}.
