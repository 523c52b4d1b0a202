%% Supervises the table of the logins that are watched, and the connections to the relay: for each socket that a host's
%% configuration names one for logins and one for the watch, whose long questions no login waits behind.
-module(inspectord_sup).
-behaviour(supervisor).

-export([start_link/0, connect/1, keep/2, is_starting/0]).
-export([init/1]).

-type use() :: login | watch.
-type path() :: string().
%% A connection to the relay.
-type connection() :: {use(), path()}.
-export_type([use/0, path/0, connection/0]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

%% Starts this connection unless it is there.
-spec connect(connection()) -> ok.
connect(Connection) ->
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
    [begin
         supervisor:terminate_child(?MODULE, Id),
         supervisor:delete_child(?MODULE, Id)
     end || {{Of, Path} = Id, _, _, _} <- supervisor:which_children(?MODULE), Of =:= Use, not lists:member(Path, Paths)],
    ok.

%% Whether ejabberd has not come up yet.
-spec is_starting() -> boolean().
is_starting() -> not lists:keymember(ejabberd, 1, application:which_applications()).

init([]) ->
    Logins = #{id => inspectord_logins, start => {inspectord_logins, start_link, []}},
    {ok, {#{strategy => one_for_one, intensity => 10, period => 1}, [Logins]}}.

child(Connection) -> #{id => Connection, start => {inspectord_connection, start_link, [Connection]}}.
