%% The table of today's connections and the logins behind them. It has an owner that does nothing else, so that no fault
%% of the watch loses it; only the owner writes to it, and its passwords are hidden in functions.
%%
%% A login is a user and a password. Tabs of one session are one login with several connections.
-module(inspectord_logins).
-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").

-export([start_link/0, watch/3, of_slice/2, of_user/2, find/2, connections/2, connections/3, size/1, users/1, slices/0, hide/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, format_status/1]).

-define(TABLE, inspectord_logins).
%% As many as the longest interval has seconds.
-define(SLICES, 600).
-define(WITHIN_MS, 5000).
-define(RETRY_MS, 50).
-define(DIGEST_BYTES, 16).

%% A user and a digest of the user's password.
-type id() :: {User :: binary(), Digest :: binary()}.
-type login() :: {id(), inspectord_secret:secret()}.
-export_type([id/0, login/0]).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% Watches the calling process as a connection of this login. While the owner of the table restarts, it waits.
-spec watch(Host :: binary(), User :: binary(), inspectord_secret:secret()) -> ok | unavailable.
watch(Host, User, Secret) ->
    Digest = digest(User, inspectord_secret:show(Secret)),
    Key = {Host, slice(User), User, Digest, self()},
    watch_until(Key, Secret, erlang:monotonic_time(millisecond) + ?WITHIN_MS).

watch_until(Key, Secret, UntilMs) ->
    try gen_server:call(?MODULE, {watch, Key, Secret}, ?WITHIN_MS)
    catch exit:_ ->
        case erlang:monotonic_time(millisecond) < UntilMs of
            true ->
                timer:sleep(?RETRY_MS),
                watch_until(Key, Secret, UntilMs);
            false -> unavailable
        end
    end.

%% How many slices the users of a host are divided into.
-spec slices() -> pos_integer().
slices() -> ?SLICES.

%% Returns the logins of a slice, 0 to slices() - 1.
-spec of_slice(Host :: binary(), Slice :: non_neg_integer()) -> [login()].
of_slice(Host, Slice) -> select({Host, Slice, '$1', '$2', '_'}, {{{{'$1', '$2'}}, '$3'}}).

-spec of_user(Host :: binary(), User :: binary()) -> [login()].
of_user(Host, User) -> select({Host, slice(User), User, '$2', '_'}, {{{{User, '$2'}}, '$3'}}).

-spec find(Host :: binary(), id()) -> [login()].
find(Host, {User, Digest}) -> select({Host, slice(User), User, Digest, '_'}, {{{{User, Digest}}, '$3'}}).

-spec connections(Host :: binary(), id()) -> [pid()].
connections(Host, {User, Digest}) ->
    ets:select(?TABLE, [{{{Host, slice(User), User, Digest, '$1'}, '_', '_'}, [], ['$1']}]).

%% Returns those that are watched since before this time (erlang:monotonic_time(millisecond)). A later one logged in since.
-spec connections(Host :: binary(), id(), BeforeMs :: integer()) -> [pid()].
connections(Host, {User, Digest}, BeforeMs) ->
    ets:select(?TABLE, [{{{Host, slice(User), User, Digest, '$1'}, '_', '$2'}, [{'<', '$2', BeforeMs}], ['$1']}]).

%% Returns how many connections and how many logins of this host are watched.
-spec size(Host :: binary()) -> {non_neg_integer(), non_neg_integer()}.
size(Host) ->
    Ids = ets:select(?TABLE, [{{{Host, '_', '$1', '$2', '_'}, '_', '_'}, [], [{{'$1', '$2'}}]}]),
    {length(Ids), length(distinct(fun(Id) -> Id end, Ids))}.

%% Returns how many users of this host are watched.
-spec users(Host :: binary()) -> non_neg_integer().
users(Host) ->
    Users = ets:select(?TABLE, [{{{Host, '_', '$1', '_', '_'}, '_', '_'}, [], ['$1']}]),
    length(distinct(fun(User) -> User end, Users)).

select(Key, Result) -> distinct(fun({Id, _}) -> Id end, ets:select(?TABLE, [{{Key, '$3', '_'}, [], [Result]}])).

%% The table is sorted: what is the same stands together.
distinct(_Of, []) -> [];
distinct(Of, [First | Rest]) ->
    Id = Of(First),
    [First | distinct(Of, lists:dropwhile(fun(Next) -> Of(Next) =:= Id end, Rest))].

slice(User) -> erlang:phash2(User, ?SLICES).

digest(User, Password) -> binary:part(crypto:hash(sha256, [User, 0, Password]), 0, ?DIGEST_BYTES).

init([]) ->
    %% Nothing shows its messages, or its memory in a crash dump.
    process_flag(sensitive, true),
    persistent_term:get(?MODULE, new) =:= new orelse
        ?LOG_ERROR("inspectord: the table of logins was lost: the connections that are open now are watched no longer. "
                   "Restart ejabberd", []),
    persistent_term:put(?MODULE, started),
    ?TABLE = ets:new(?TABLE, [named_table, ordered_set, protected, {read_concurrency, true}]),
    {ok, #{}}.

%% The state: the key in the table of each connection.
handle_call({watch, Key = {_, _, _, _, Pid}, Secret}, _From, Keys) ->
    case Keys of
        #{Pid := Before} -> ets:delete(?TABLE, Before);
        _ -> erlang:monitor(process, Pid)
    end,
    ets:insert(?TABLE, {Key, Secret, erlang:monotonic_time(millisecond)}),
    {reply, ok, Keys#{Pid => Key}};
handle_call(_Request, _From, Keys) -> {reply, {error, unknown_request}, Keys}.

handle_cast(_Message, Keys) -> {noreply, Keys}.

handle_info({'DOWN', _, process, Pid, _}, Keys) ->
    case maps:take(Pid, Keys) of
        {Key, Others} ->
            ets:delete(?TABLE, Key),
            {noreply, Others};
        error -> {noreply, Keys}
    end;
handle_info(_Message, Keys) -> {noreply, Keys}.

%% Who chats here is not for a crash report.
format_status(Status) -> maps:map(fun hide/2, Status).

%% Returns a part of what gen_server reports of a process, without what it holds and what it was told.
hide(Part, _Value) when Part =:= state; Part =:= message; Part =:= log -> hidden;
hide(_Part, Value) -> Value.
