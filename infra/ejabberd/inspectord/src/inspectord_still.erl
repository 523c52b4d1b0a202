%% What is said to the relay to ask whether sessions still live:
%%
%%   question = "still:" host %x00 *(user %x00 password %x00)
%%   answer   = "still:" *("1" / "0" / "?")     ; live, ended, unknown: one for each login, in their order
-module(inspectord_still).

-export([batches/2, question/2, answers/2]).

%% A question has at most so many bytes and so many logins.
-define(MAX_BYTES, 60000).
-define(MAX_LOGINS, 1000).

-type answer() :: live | ended | unknown.
-export_type([answer/0]).

%% Divides logins into what fits into one question each. A login that fits into none is left out.
-spec batches(Host :: binary(), [inspectord_logins:login()]) -> [[inspectord_logins:login(), ...]].
batches(Host, Logins) -> batches(Logins, max_bytes(Host), [], 0, 0, []).

batches([], _Max, [], _Bytes, _Count, Batches) -> lists:reverse(Batches);
batches([], _Max, Batch, _Bytes, _Count, Batches) -> lists:reverse([lists:reverse(Batch) | Batches]);
batches([Login | Rest], Max, Batch, Bytes, Count, Batches) ->
    case bytes(Login) of
        More when More > Max -> batches(Rest, Max, Batch, Bytes, Count, Batches);
        More when Bytes + More > Max; Count =:= ?MAX_LOGINS ->
            batches([Login | Rest], Max, [], 0, 0, [lists:reverse(Batch) | Batches]);
        More -> batches(Rest, Max, [Login | Batch], Bytes + More, Count + 1, Batches)
    end.

max_bytes(Host) -> ?MAX_BYTES - byte_size(<<"still:">>) - byte_size(Host) - 1.

bytes({{User, _}, Secret}) -> byte_size(User) + byte_size(inspectord_secret:show(Secret)) + 2.

-spec question(Host :: binary(), [inspectord_logins:login()]) -> iodata().
question(Host, Logins) ->
    ["still:", Host, 0, [[User, 0, inspectord_secret:show(Secret), 0] || {{User, _}, Secret} <- Logins]].

%% Returns an answer for each of this many logins. Whatever is no such answer is none: all are unknown.
-spec answers(inspectord_relay:answer(), Count :: non_neg_integer()) -> [answer()].
answers({still, Bytes}, Count) when byte_size(Bytes) =:= Count -> [answer(Byte) || <<Byte>> <= Bytes];
answers(_Answer, Count) -> lists:duplicate(Count, unknown).

answer($1) -> live;
answer($0) -> ended;
answer(_) -> unknown.
