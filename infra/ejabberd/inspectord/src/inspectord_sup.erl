%% Supervises the connections to the relay: one for each socket that a host's configuration names.
-module(inspectord_sup).
-behaviour(supervisor).

-export([start_link/0, connect/1, keep/1, is_starting/0]).
-export([init/1]).

-type path() :: string().
-export_type([path/0]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

%% Starts the connection to this socket unless it is there.
-spec connect(path()) -> ok.
connect(Path) ->
    {ok, _} = application:ensure_all_started(inspectord),
    case supervisor:start_child(?MODULE, child(Path)) of
        {ok, _} -> ok;
        {error, {already_started, _}} -> ok;
        %% Of another path with the same name, too long for a socket as this one is.
        {error, {{already_started, _}, _}} -> ok
    end.

%% Ends the connections to all other sockets.
-spec keep([path()]) -> ok.
keep(Paths) ->
    [begin
         supervisor:terminate_child(?MODULE, Id),
         supervisor:delete_child(?MODULE, Id)
     end || {Id, _, _, _} <- supervisor:which_children(?MODULE), not lists:member(Id, Paths)],
    ok.

%% Whether ejabberd has not come up yet.
-spec is_starting() -> boolean().
is_starting() -> not lists:keymember(ejabberd, 1, application:which_applications()).

init([]) -> {ok, {#{strategy => one_for_one, intensity => 10, period => 1}, []}}.

child(Path) -> #{id => Path, start => {inspectord_connection, start_link, [Path]}}.
