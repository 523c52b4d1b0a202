%% For tests: evaluates Erlang that is posted to ejabberd's HTTP listener, and answers what it returns.
-module(ejabberd_eval).
-include_lib("ejabberd/include/ejabberd_http.hrl").
-export([process/2]).

process(_Path, #request{data = Text}) ->
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text) ++ "."),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erl_eval:exprs(Expressions, []),
    {200, [], unicode:characters_to_binary(io_lib:format("~0p", [Value]))}.
