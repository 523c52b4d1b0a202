%% The application: what holds the connections to the relay.
-module(inspectord_app).
-behaviour(application).

-export([start/2, stop/1]).

start(_Type, _Args) -> inspectord_sup:start_link().

stop(_State) -> ok.
