%% `request_handlers: /inspectord: inspectord_http`: the site's hint that a session has ended.
%%
%%   POST /inspectord/look
%%   Authorization: Bearer TOKEN           ; the hint_token of one or more hosts
%%
%%   user LF user LF ...                   ; localparts, at most 100
%%
%% The answer is 204 with the right token, whoever is named, else 403. Nothing is believed of a hint: the watch asks about
%% these users' sessions (inspectord_watch).
-module(inspectord_http).

-include_lib("ejabberd/include/ejabberd_http.hrl").

-export([process/2]).

-define(MAX_USERS, 100).
%% 100 localparts of 1023 bytes, and their ends of line.
-define(MAX_BYTES, 102500).

process([<<"look">>], #request{method = 'POST', auth = {oauth, Token, _}, data = Data})
  when byte_size(Data) =< ?MAX_BYTES ->
    case [Host || Host <- ejabberd_option:hosts(), is_token_of(Host, Token)] of
        [] -> forbidden();
        Hosts ->
            Users = users(Data),
            [inspectord_watch:look(Host, Users) || Host <- Hosts],
            {204, [], <<>>}
    end;
process(_Path, _Request) -> forbidden().

forbidden() -> {403, [], <<>>}.

users(Data) ->
    Lines = binary:split(Data, [<<"\r\n">>, <<"\n">>], [global, trim_all]),
    lists:usort([User || Line <- lists:sublist(Lines, ?MAX_USERS), User <- [jid:nodeprep(Line)],
                         is_binary(User), User =/= <<>>]).

is_token_of(Host, Token) ->
    gen_mod:is_loaded(Host, mod_inspectord) andalso
        case gen_mod:get_module_opt(Host, mod_inspectord, hint_token) of
            none -> false;
            Own -> is_same(crypto:hash(sha256, inspectord_secret:show(Own)), crypto:hash(sha256, Token))
        end.

%% Of equal length. How long it takes says nothing of where they differ.
is_same(A, B) -> lists:foldl(fun({X, Y}, Difference) -> Difference bor (X bxor Y) end, 0,
                             lists:zip(binary_to_list(A), binary_to_list(B))) =:= 0.
