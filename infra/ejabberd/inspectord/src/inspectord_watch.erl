%% Asks again and again, slice by slice, whether the sessions behind a host's connections still live, and ends the
%% connections of those that have ended: two answers `ended`, confirm_after apart. Nothing else ends anything, no fault
%% and no hint. A connection that logged in after the first of the two was asked for stays: it was let in since.
%%
%% This process holds no password: the table has them (inspectord_logins), and they are shown where a question is written.
-module(inspectord_watch).
-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").

-export([start/1, stop/1, reload/1, look/2, sessionless/1, status/1, release/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, format_status/1]).

-define(TICK_MS, 1000).
%% No question is waited for longer than this, and none longer than until its slice has its next turn.
-define(MIN_ANSWER_MS, 5000).
-define(MAX_ANSWER_MS, 15000).
%% A connection that does not end within this time of being told, such as one whose client reads nothing, is killed.
-define(KILL_MS, 15000).
%% How many of the held logins end in a second once they are released.
-define(RELEASED_A_SECOND, 20).
%% How many users are looked at in a second because of hints. The others have their turn in the next.
-define(HINTED_A_SECOND, 100).
%% So many names stand in a line of the log.
-define(NAMES, 10).
%% So often, at most, the log repeats that sessions cannot be looked up.
-define(REPORT_MS, 600000).
-define(SWEEP_TICKS, 30).
-define(CALL_MS, 5000).

-type id() :: inspectord_logins:id().
-type pass() :: first | second | released.
%% A question: which one, and when it was asked (monotonic milliseconds).
-type asked() :: {pass(), AtMs :: integer()}.

-record(state, {host :: binary(),
                options :: gen_mod:opts(),
                tick = 0 :: non_neg_integer(),
                tick_at_ms :: integer(),
                %% Ended by the first answer, and when that was asked for (monotonic milliseconds).
                suspects = #{} :: #{id() => integer()},
                brake :: inspectord_brake:brake(),
                %% Connections that have been told to end.
                ending = #{} :: #{pid() => []},
                %% In the mode observe: what the log has named already.
                observed = #{} :: #{id() => []},
                %% Users that hints name: looked at within this second, and to be looked at.
                looked = #{} :: #{binary() => []},
                hinted = #{} :: #{binary() => []},
                %% When the log last said that sessions cannot be looked up, and how many could not since.
                reported_ms :: integer() | undefined,
                unknown = 0 :: non_neg_integer(),
                known_ticks = 0 :: non_neg_integer(),
                counts = #{asked => 0, live => 0, ended => 0, unknown => 0, closed => 0, killed => 0, sessionless => 0}
                    :: #{atom() => non_neg_integer()}}).

%% The options are read by the process itself: a supervisor's report shows what a process was started with.
-spec start(binary()) -> {ok, pid()} | {error, term()}.
start(Host) -> gen_mod:start_child(?MODULE, Host, #{}).

-spec stop(binary()) -> ok | {error, term()}.
stop(Host) -> gen_mod:stop_child(?MODULE, Host).

-spec reload(binary()) -> ok.
reload(Host) -> gen_server:cast(process(Host), reload).

%% A hint: these users' sessions are looked at soon, on every node of the cluster. Nothing is believed of it.
-spec look(binary(), [User :: binary()]) -> ok.
look(Host, Users) ->
    _ = gen_server:abcast(ejabberd_cluster:get_nodes(), process(Host), {look, Users}),
    ok.

%% Counts a login behind which no session stands.
-spec sessionless(binary()) -> ok.
sessionless(Host) -> gen_server:cast(process(Host), sessionless).

%% Returns names and values for the operator.
-spec status(binary()) -> [{atom(), term()}].
status(Host) -> gen_server:call(process(Host), status, ?CALL_MS).

%% Releases what the brake holds. Returns how many logins that are.
-spec release(binary()) -> non_neg_integer().
release(Host) -> gen_server:call(process(Host), release, ?CALL_MS).

process(Host) -> gen_mod:get_module_proc(Host, ?MODULE).

init([Host, _]) ->
    process_flag(sensitive, true),
    NowMs = now_ms(),
    Options = options(Host),
    erlang:send_after(?TICK_MS, self(), tick),
    {ok, #state{host = Host, options = Options, tick_at_ms = NowMs + ?TICK_MS,
                brake = inspectord_brake:new(brake_options(Options))}}.

handle_call(status, _From, State = #state{host = Host, options = Options, counts = Counts, brake = Brake}) ->
    {Connections, Logins} = inspectord_logins:size(Host),
    {Phase, Held} = inspectord_brake:status(Brake),
    {reply, [{mode, maps:get(mode, Options)}, {connections, Connections}, {logins, Logins}, {brake, Phase}, {held, Held}
             | maps:to_list(Counts)], State};
handle_call(release, _From, State = #state{brake = Brake}) ->
    {_, Held} = inspectord_brake:status(Brake),
    {reply, Held, State#state{brake = inspectord_brake:release(Brake)}};
handle_call(_Request, _From, State) -> {reply, {error, unknown_request}, State}.

handle_cast({answers, Asked, Answers}, State) -> {noreply, judge(Asked, Answers, State)};
handle_cast({look, Users}, State) -> {noreply, hint(Users, State)};
handle_cast(sessionless, State) -> {noreply, count(sessionless, 1, State)};
handle_cast(reload, State = #state{host = Host, options = #{mode := Mode}, brake = Brake}) ->
    case options(Host) of
        #{mode := Mode} = Options ->
            {noreply, State#state{options = Options, brake = inspectord_brake:options(brake_options(Options), Brake)}};
        Options ->
            %% What one mode held or named is nothing to the other.
            {noreply, State#state{options = Options, observed = #{},
                                  brake = inspectord_brake:new(brake_options(Options))}}
    end;
handle_cast(_Message, State) -> {noreply, State}.

handle_info(tick, State = #state{tick = Tick, tick_at_ms = AtMs}) ->
    %% After a pause of the machine the ticks that were missed are left out.
    NextMs = max(AtMs + ?TICK_MS, now_ms()),
    erlang:send_after(NextMs, self(), tick, [{abs, true}]),
    Steps = [fun ask_slices/1, fun ask_hinted/1, fun ask_released/1, fun sweep/1],
    State1 = lists:foldl(fun(Step, Now) -> Step(Now) end, State, Steps),
    {noreply, State1#state{tick = Tick + 1, tick_at_ms = NextMs}};
handle_info({confirm, SinceMs, Ids}, State = #state{host = Host, suspects = Suspects}) ->
    %% One that lived in between and seems ended again has a confirmation of its own.
    Suspected = [Id || Id <- Ids, maps:get(Id, Suspects, none) =:= SinceMs],
    Logins = [Login || Id <- Suspected, Login <- inspectord_logins:find(Host, Id)],
    Gone = Suspected -- [Id || {Id, _} <- Logins],
    {noreply, ask(second, Logins, State#state{suspects = maps:without(Gone, Suspects)})};
handle_info({kill, User, Pid}, State = #state{ending = Ending}) ->
    {noreply, kill(is_process_alive(Pid), User, Pid, State#state{ending = maps:remove(Pid, Ending)})};
handle_info(_Message, State) -> {noreply, State}.

%% Who chats here is not for a crash report.
format_status(Status) -> maps:map(fun inspectord_logins:hide/2, Status).

%% What each second asks.

ask_slices(State = #state{options = #{interval := off}}) -> State;
ask_slices(State = #state{host = Host, tick = Tick, options = #{interval := IntervalMs}}) ->
    Turns = IntervalMs div ?TICK_MS,
    Slices = lists:seq(Tick rem Turns, inspectord_logins:slices() - 1, Turns),
    ask(first, lists:append([inspectord_logins:of_slice(Host, Slice) || Slice <- Slices]), State).

%% A user is looked at once a second. A hint that comes meanwhile may tell of another session's end: it waits.
hint(Users, State = #state{host = Host, looked = Looked, hinted = Hinted}) ->
    Known = [{User, Logins} || User <- Users, Logins <- [inspectord_logins:of_user(Host, User)], Logins =/= []],
    {Waiting, Due} = lists:partition(fun({User, _}) -> is_map_key(User, Looked) end, Known),
    {Now, Later} = lists:split(min(length(Due), max(0, ?HINTED_A_SECOND - map_size(Looked))), Due),
    SetOf = fun(Entries) -> maps:from_list([{User, []} || {User, _} <- Entries]) end,
    ask(first, lists:append([Logins || {_, Logins} <- Now]),
        State#state{looked = maps:merge(Looked, SetOf(Now)), hinted = maps:merge(Hinted, SetOf(Waiting ++ Later))}).

ask_hinted(State = #state{hinted = Hinted}) -> hint(maps:keys(Hinted), State#state{looked = #{}, hinted = #{}}).

ask_released(State = #state{host = Host, brake = Before}) ->
    {Ids, Brake} = inspectord_brake:next(?RELEASED_A_SECOND, inspectord_brake:tick(now_ms(), Before)),
    {Logins, Gone} = lists:foldl(fun(Id, {Logins, Gone}) ->
                                         case inspectord_logins:find(Host, Id) of
                                             [] -> {Logins, [Id | Gone]};
                                             Found -> {Found ++ Logins, Gone}
                                         end
                                 end, {[], []}, Ids),
    ask(released, Logins, State#state{brake = lists:foldl(fun inspectord_brake:live/2, Brake, Gone)}).

%% Forgets what is over: a question that was never answered, and logins that are gone.
sweep(State = #state{tick = Tick}) when Tick rem ?SWEEP_TICKS =/= 0 -> State;
sweep(State = #state{host = Host, suspects = Suspects, observed = Observed}) ->
    IsThere = fun(Id, _) -> inspectord_logins:connections(Host, Id) =/= [] end,
    State#state{suspects = maps:filter(fun(_, SinceMs) -> is_fresh(SinceMs, State) end, Suspects),
                observed = maps:filter(IsThere, Observed)}.

is_fresh(SinceMs, #state{options = #{confirm_after := ConfirmMs}}) ->
    now_ms() - SinceMs < ConfirmMs + 2 * ?MAX_ANSWER_MS.

%% Each question has a process of its own: it waits for the relay.
-spec ask(pass(), [inspectord_logins:login()], #state{}) -> #state{}.
ask(_Pass, [], State) -> State;
ask(Pass, Logins, State = #state{host = Host, options = #{socket := Path} = Options}) ->
    Watch = self(),
    WithinMs = answer_ms(Options),
    Asked = {Pass, now_ms()},
    [spawn(fun() ->
               process_flag(sensitive, true),
               Answers = inspectord_relay:still(Path, Host, Batch, WithinMs),
               gen_server:cast(Watch, {answers, Asked, lists:zip([Id || {Id, _} <- Batch], Answers)})
           end) || Batch <- inspectord_still:batches(Host, Logins)],
    count(asked, length(Logins), State).

answer_ms(#{interval := off}) -> ?MAX_ANSWER_MS;
answer_ms(#{interval := IntervalMs}) -> min(?MAX_ANSWER_MS, max(?MIN_ANSWER_MS, IntervalMs)).

%% What the answers mean.

-spec judge(asked(), [{id(), inspectord_still:answer()}], #state{}) -> #state{}.
judge(Asked, Answers, State) ->
    With = fun(Wanted) -> [Id || {Id, Answer} <- Answers, Answer =:= Wanted] end,
    {Live, Ended, Unknown} = {With(live), With(ended), With(unknown)},
    Counted = count(live, length(Live), count(ended, length(Ended), count(unknown, length(Unknown), State))),
    Lived = lists:foldl(fun lives/2, report(length(Unknown), length(Live) + length(Ended), Counted), Live),
    %% Two answers in a row: one that is unknown comes between them.
    Suspected = Lived#state{suspects = maps:without(Unknown, Lived#state.suspects)},
    ended(Asked, Ended, Suspected).

lives(Id, State = #state{suspects = Suspects, brake = Brake, observed = Observed}) ->
    State#state{suspects = maps:remove(Id, Suspects), brake = inspectord_brake:live(Id, Brake),
                observed = maps:remove(Id, Observed)}.

ended(_Asked, [], State) -> State;
ended({first, AskedMs}, Ids, State = #state{suspects = Suspects, brake = Brake, observed = Observed, options = Options}) ->
    IsKnown = fun(Id) ->
                      inspectord_brake:is_held(Id, Brake) orelse is_map_key(Id, Observed) orelse
                          (is_map_key(Id, Suspects) andalso is_fresh(map_get(Id, Suspects), State))
              end,
    case [Id || Id <- Ids, not IsKnown(Id)] of
        [] -> State;
        New ->
            erlang:send_after(maps:get(confirm_after, Options), self(), {confirm, AskedMs, New}),
            State#state{suspects = maps:merge(Suspects, maps:from_list([{Id, AskedMs} || Id <- New]))}
    end;
ended({second, AskedMs}, Ids, State = #state{suspects = Suspects}) ->
    %% One that lived in between is asked again in its turn.
    Ended = maps:filter(fun(_, SinceMs) -> SinceMs < AskedMs end, maps:with(Ids, Suspects)),
    conclude(Ended, State#state{suspects = maps:without(maps:keys(Ended), Suspects)});
ended({released, AskedMs}, Ids, State = #state{brake = Brake}) ->
    Held = [Id || Id <- Ids, inspectord_brake:is_held(Id, Brake)],
    close(maps:from_list([{Id, AskedMs} || Id <- Held]),
          State#state{brake = lists:foldl(fun inspectord_brake:live/2, Brake, Held)}).

%% Takes since when each has ended.
-spec conclude(#{id() => integer()}, #state{}) -> #state{}.
conclude(Since, State) when map_size(Since) =:= 0 -> State;
conclude(Since, State = #state{host = Host, options = #{mode := observe}, observed = Observed}) ->
    Ids = maps:keys(Since),
    ?LOG_NOTICE("inspectord: would-end: ~B logins on ~ts whose session has ended on the site: ~ts. With mode: end "
                "their connections end", [length(Ids), Host, names(Ids)]),
    State#state{observed = maps:merge(Observed, maps:from_list([{Id, []} || Id <- Ids]))};
conclude(Since, State = #state{host = Host, options = Options, brake = Before}) ->
    Ids = maps:keys(Since),
    Watched = fun(Others) ->
                      inspectord_logins:users(Host)
                          + length([User || User <- Others, inspectord_logins:of_user(Host, User) =:= []])
              end,
    {Outcome, Brake} = inspectord_brake:ended(Ids, Watched, now_ms(), Before),
    Next = State#state{brake = Brake},
    case Outcome of
        {'end', Ids} -> close(Since, Next);
        held -> Next;
        {braked, Ended, Of} ->
            ?LOG_ERROR("inspectord: mass-end-held: the sessions of ~B of ~B users on ~ts ended within one round: the chats go on for "
                       "~B s, then they end, ~B a second. If the sessions have not ended, look at the store and at what "
                       "was deployed, or write mode: observe. If they have: ejabberdctl inspectord_release ~ts",
                       [Ended, Of, Host, maps:get(brake_hold, Options) div 1000, ?RELEASED_A_SECOND, Host]),
            Next
    end.

close(Since, State) when map_size(Since) =:= 0 -> State;
close(Since, State = #state{host = Host, ending = Ending}) ->
    Told = [{User, Pid} || {{User, _} = Id, SinceMs} <- maps:to_list(Since),
                           Pid <- inspectord_logins:connections(Host, Id, SinceMs), not maps:is_key(Pid, Ending)],
    [begin
         %% RFC 6120, 4.9.3.16: the client is to authenticate again.
         ejabberd_c2s:send(Pid, xmpp:serr_reset(<<"Session ended on the site">>, <<"en">>)),
         erlang:send_after(?KILL_MS, self(), {kill, User, Pid})
     end || {User, Pid} <- Told],
    Told =:= [] orelse
        ?LOG_NOTICE("inspectord: session-ended: ~B connections of ~B logins on ~ts: ~ts",
                    [length(Told), map_size(Since), Host, names(maps:keys(Since))]),
    count(closed, length(Told),
          State#state{ending = maps:merge(Ending, maps:from_list([{Pid, []} || {_, Pid} <- Told]))}).

kill(false, _User, _Pid, State) -> State;
kill(true, User, Pid, State = #state{host = Host}) ->
    ?LOG_WARNING("inspectord: session-ended: a connection of ~ts@~ts did not end within ~B s: it is killed",
                 [User, Host, ?KILL_MS div 1000]),
    spawn(fun() ->
              Ref = erlang:monitor(process, Pid),
              exit(Pid, kill),
              receive {'DOWN', Ref, _, _, _} -> ok end,
              %% ejabberd forgets a killed connection where it looks for the user's.
              ejabberd_sm:get_session_sids(User, Host)
          end),
    count(killed, 1, State).

%% Says that sessions cannot be looked up: at the first, then seldom, and that they can again.
report(0, Known, State = #state{reported_ms = Reported, host = Host, unknown = Unknown, options = Options, tick = Tick,
                                known_ticks = Since}) when Reported =/= undefined, Known > 0 ->
    case Tick - Since > round_ticks(Options) of
        true ->
            ?LOG_NOTICE("inspectord: watch-unknown: the sessions behind the chats on ~ts can be looked up again; ~B "
                        "answers were unknown", [Host, Unknown]),
            State#state{reported_ms = undefined, unknown = 0};
        false -> State
    end;
report(0, _Known, State) -> State;
report(Count, _Known, State = #state{reported_ms = Reported, host = Host, unknown = Before, tick = Tick}) ->
    Unknown = Before + Count,
    case Reported =:= undefined orelse now_ms() - Reported > ?REPORT_MS of
        true ->
            ?LOG_WARNING("inspectord: watch-unknown: ~B sessions behind chats on ~ts could not be looked up: no chat "
                         "ends for that, nor for a logout meanwhile. The relay's log says why", [Unknown, Host]),
            State#state{reported_ms = now_ms(), unknown = Unknown, known_ticks = Tick};
        false -> State#state{unknown = Unknown, known_ticks = Tick}
    end.

round_ticks(#{interval := off}) -> 0;
round_ticks(#{interval := IntervalMs}) -> IntervalMs div ?TICK_MS.

names(Ids) ->
    Users = lists:usort([User || {User, _} <- Ids]),
    Named = lists:join(<<", ">>, lists:sublist(Users, ?NAMES)),
    case length(Users) of
        Count when Count > ?NAMES -> [Named, io_lib:format(" and ~B more", [Count - ?NAMES])];
        _ -> Named
    end.

brake_options(#{brake_percent := Percent, brake_least := Least, brake_hold := HoldMs, interval := Interval}) ->
    #{percent => Percent, least => Least, hold_ms => HoldMs, window_ms => window_ms(Interval)}.

%% One round; without rounds as long as the default one.
window_ms(off) -> 10000;
window_ms(IntervalMs) -> IntervalMs.

count(What, Count, State = #state{counts = Counts}) -> State#state{counts = Counts#{What := maps:get(What, Counts) + Count}}.

options(Host) -> gen_mod:get_module_opts(Host, mod_inspectord).

now_ms() -> erlang:monotonic_time(millisecond).
