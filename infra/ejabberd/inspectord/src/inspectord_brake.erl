%% Whether logins that have ended on the site may end here. Many at once are more likely a fault, such as an empty store
%% or a deployment with a wrong prefix, than logouts: those are held for a time. Users are counted and not logins, so that
%% nobody puts the brake on for all others with many sessions of one's own. All of it is a function of its arguments;
%% times are milliseconds of a clock that only goes forward.
-module(inspectord_brake).

-export([new/1, options/2, ended/4, live/2, is_held/2, tick/2, release/1, next/2, status/1]).

-type options() :: #{percent := 1..100, least := pos_integer(), hold_ms := pos_integer(), window_ms := pos_integer()}.
-type phase() :: open | {held, UntilMs :: integer()} | releasing.
-record(brake, {options :: options(),
                phase = open :: phase(),
                %% What ended within the window, and when.
                recent = [] :: [{AtMs :: integer(), inspectord_logins:id()}],
                held = #{} :: #{inspectord_logins:id() => []},
                %% Which of these come next while they are released.
                queue = [] :: [inspectord_logins:id()]}).
-opaque brake() :: #brake{}.
-export_type([brake/0, options/0]).

-spec new(options()) -> brake().
new(Options) -> #brake{options = Options}.

-spec options(options(), brake()) -> brake().
options(Options, Brake) -> Brake#brake{options = Options}.

%% Takes logins that have ended. Returns those that may end here; or that the brake has come on with this call, and that
%% so many of so many users made it; or `held`. `Watched` counts the users that are watched, and those of its argument that
%% are no longer.
-spec ended([inspectord_logins:id()], Watched :: fun(([User :: binary()]) -> pos_integer()), NowMs :: integer(),
            brake()) ->
    {{'end', [inspectord_logins:id()]} | {braked, Ended :: pos_integer(), Of :: pos_integer()} | held, brake()}.
ended(Ids, Watched, NowMs, Brake = #brake{phase = open, options = Options, recent = Before}) ->
    #{percent := Percent, least := Least, hold_ms := HoldMs, window_ms := WindowMs} = Options,
    Recent = [{NowMs, Id} || Id <- Ids] ++ [Entry || Entry = {AtMs, _} <- Before, NowMs - AtMs < WindowMs],
    Users = lists:usort([User || {_, {User, _}} <- Recent]),
    Ended = length(Users),
    Of = case Ended >= Least of
             true -> Watched(Users);
             false -> unasked
         end,
    case Of =/= unasked andalso Ended * 100 >= Percent * Of of
        true -> {{braked, Ended, Of}, hold(Ids, Brake#brake{phase = {held, NowMs + HoldMs}, recent = []})};
        false -> {{'end', Ids}, Brake#brake{recent = Recent}}
    end;
ended(Ids, _Watched, _NowMs, Brake) -> {held, hold(Ids, Brake)}.

hold(Ids, Brake = #brake{held = Held}) -> Brake#brake{held = maps:merge(Held, maps:from_list([{Id, []} || Id <- Ids]))}.

%% A login that lives after all, or is gone, or may end now.
-spec live(inspectord_logins:id(), brake()) -> brake().
live(Id, Brake = #brake{held = Held}) -> Brake#brake{held = maps:remove(Id, Held)}.

-spec is_held(inspectord_logins:id(), brake()) -> boolean().
is_held(Id, #brake{held = Held}) -> maps:is_key(Id, Held).

%% The brake is released where its time is over, and off where nothing is held any more.
-spec tick(NowMs :: integer(), brake()) -> brake().
tick(_NowMs, Brake = #brake{phase = Phase, held = Held}) when Phase =/= open, map_size(Held) =:= 0 ->
    Brake#brake{phase = open, queue = []};
tick(NowMs, Brake = #brake{phase = {held, UntilMs}}) when NowMs >= UntilMs -> release(Brake);
tick(_NowMs, Brake) -> Brake.

-spec release(brake()) -> brake().
release(Brake = #brake{phase = open}) -> Brake;
release(Brake) -> Brake#brake{phase = releasing}.

%% Returns up to this many of the logins that are released, each in its turn.
-spec next(Count :: pos_integer(), brake()) -> {[inspectord_logins:id()], brake()}.
next(Count, Brake = #brake{phase = releasing, queue = [], held = Held}) when map_size(Held) > 0 ->
    next(Count, Brake#brake{queue = maps:keys(Held)});
next(Count, Brake = #brake{phase = releasing, queue = Queue, held = Held}) ->
    {Next, Rest} = lists:split(min(Count, length(Queue)), Queue),
    {[Id || Id <- Next, maps:is_key(Id, Held)], Brake#brake{queue = Rest}};
next(_Count, Brake) -> {[], Brake}.

-spec status(brake()) -> {open | held | releasing, Held :: non_neg_integer()}.
status(#brake{phase = {held, _}, held = Held}) -> {held, maps:size(Held)};
status(#brake{phase = Phase, held = Held}) -> {Phase, maps:size(Held)}.
