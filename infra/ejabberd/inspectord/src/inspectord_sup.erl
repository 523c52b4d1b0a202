%% Supervises the table of the logins that are watched, and the connections to the relay: for each socket that a host's
%% configuration names one for logins and one for the watch, whose long questions no login waits behind.
-module(inspectord_sup).
-behaviour(supervisor).

-export([start_link/0, connect/1, connect_again/1, keep/2, is_starting/0]).
-export([init/1]).

-type use() :: login | watch.
-type path() :: string().
%% A connection to the relay.
-type connection() :: {use(), path()}.
-export_type([use/0, path/0, connection/0]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

%% Starts this connection unless it is there: the configuration names it.
-spec connect(connection()) -> ok.
connect(Connection) ->
    want(Connection),
    start_child(Connection).

%% Starts a connection that has gone, unless a reload has taken it out of the configuration meanwhile.
-spec connect_again(connection()) -> ok | unwanted.
connect_again(Connection) ->
    case is_wanted(Connection) of
        true ->
            start_child(Connection),
            %% A reload may have come between the two.
            case is_wanted(Connection) of
                true -> ok;
                false -> end_child(Connection), unwanted
            end;
        false -> unwanted
    end.

start_child(Connection) ->
    {ok, _} = application:ensure_all_started(inspectord),
    case supervisor:start_child(?MODULE, child(Connection)) of
        {ok, _} -> ok;
        {error, {already_started, _}} -> ok;
        %% Of another path with the same name, too long for a socket as this one is.
        {error, {{already_started, _}, _}} -> ok
    end.

%% Ends the connections of this use to all other sockets.
-spec keep(use(), [path()]) -> ok.
keep(Use, Paths) ->
    %% First, so that none of the others is started again.
    persistent_term:put({?MODULE, Use}, lists:usort(Paths)),
    [end_child(Id) || {{Of, Path} = Id, _, _, _} <- supervisor:which_children(?MODULE),
                      Of =:= Use, not lists:member(Path, Paths)],
    ok.

end_child(Id) ->
    supervisor:terminate_child(?MODULE, Id),
    supervisor:delete_child(?MODULE, Id).

%% The sockets of each use are kept where every asker reads them without asking a process. Until the first reload there is
%% no list, and each is wanted.
want({Use, Path}) ->
    case persistent_term:get({?MODULE, Use}, all) of
        all -> ok;
        Paths -> persistent_term:put({?MODULE, Use}, lists:usort([Path | Paths]))
    end.

is_wanted({Use, Path}) ->
    case persistent_term:get({?MODULE, Use}, all) of
        all -> true;
        Paths -> lists:member(Path, Paths)
    end.

%% Whether ejabberd has not come up yet.
-spec is_starting() -> boolean().
is_starting() -> not lists:keymember(ejabberd, 1, application:which_applications()).

init([]) ->
    Logins = #{id => inspectord_logins, start => {inspectord_logins, start_link, []}},
    {ok, {#{strategy => one_for_one, intensity => 10, period => 1}, [Logins]}}.

child(Connection) -> #{id => Connection, start => {inspectord_connection, start_link, [Connection]}}.
